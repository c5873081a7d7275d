"""Patterns for `matches` that take time in proportion to the text; knows no rule.

A set of places in the pattern is moved over the text, character by character (Thompson, 1968), and the moves are remembered.
Python's own `re` goes back and forth instead, and a short pattern can keep it busy for years.
Syntax: a part of RE2's. Found anywhere in the text, unless ^ or $ tie it down.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

LONGEST_PATTERN: Final = 200
MOST_PLACES: Final = 1000
_MOST_REPEATS: Final = 100
_MOST_MOVES: Final = 2000
_LARGEST: Final = 0x10FFFF

Ranges = tuple[tuple[int, int], ...]

_DIGIT: Final[Ranges] = ((48, 57),)
_WORD: Final[Ranges] = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACE: Final[Ranges] = ((9, 10), (12, 13), (32, 32))
_CLASSES: Final = {"d": _DIGIT, "w": _WORD, "s": _SPACE}
_CONTROLS: Final = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v"}


class PatternRefused(Exception):
    """The text is no pattern that rules may use; the message says why."""


class _Place(NamedTuple):
    """A place in the pattern: what it takes, and the places behind it.

    ``takes`` is ranges of characters; None moves on without one. ``at`` is ``^`` or ``$``, or empty.
    """

    takes: Ranges | None
    after: tuple[int, ...]
    at: str = ""


def _inverted(ranges: Ranges) -> Ranges:
    found, start = [], 0
    for low, high in sorted(ranges):
        if low > start:
            found.append((start, low - 1))
        start = max(start, high + 1)
    return (*found, (start, _LARGEST)) if start <= _LARGEST else tuple(found)


# A piece of a pattern: given the place that follows it, it writes its own places and returns where it begins.
_Piece = Callable[[int], int]


class _Reader:
    """Reads a pattern backwards into places: each piece knows what follows it."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._depth = 0
        self.places: list[_Place] = []

    def read(self) -> _Piece:
        piece = self._choice()
        if self._at < len(self._pattern):
            raise PatternRefused("a ) without its (")
        return piece

    def add(self, place: _Place) -> int:
        if len(self.places) >= MOST_PLACES:
            raise PatternRefused("a pattern that is too large once its repetitions are written out")
        self.places.append(place)
        return len(self.places) - 1

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self) -> str:
        found = self._peek()
        if not found:
            raise PatternRefused("a pattern without its end")
        self._at += 1
        return found

    def _choice(self) -> _Piece:
        self._depth += 1
        if self._depth > 20:
            raise PatternRefused("groups nested deeper than 20")
        options = [self._sequence()]
        while self._peek() == "|":
            self._take()
            options.append(self._sequence())
        self._depth -= 1
        if len(options) == 1:
            return options[0]
        return lambda follow: self.add(_Place(None, tuple(option(follow) for option in options)))

    def _sequence(self) -> _Piece:
        pieces: list[_Piece] = []
        while self._peek() and self._peek() not in "|)":
            pieces.append(self._repeated())

        def write(follow: int) -> int:
            for piece in reversed(pieces):
                follow = piece(follow)
            return follow

        return write

    def _repeated(self) -> _Piece:
        piece = self._atom()
        sign = self._peek()
        if not sign or sign not in "*+?{":
            return piece
        low, most = self._bounds()
        if self._peek() == "?":  # lazy: the same texts match
            self._take()
        if self._peek() and self._peek() in "*+{":
            raise PatternRefused("a repetition of a repetition; put brackets around the first")
        return lambda follow: self._written(piece, low, most, follow)

    def _bounds(self) -> tuple[int, int | None]:
        sign = self._take()
        if sign != "{":
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[sign]
        inside = ""
        while (character := self._take()) != "}":
            inside += character
        low, comma, high = inside.partition(",")
        if not low.isdecimal() or not (high == "" or high.isdecimal()) or len(inside) > 7:
            raise PatternRefused(f"{{{inside}}}; write {{2}}, {{2,}} or {{2,5}}")
        most = (int(high) if high else None) if comma else int(low)
        if int(low) > _MOST_REPEATS or (most is not None and not int(low) <= most <= _MOST_REPEATS):
            raise PatternRefused(f"{{{inside}}}; repeat at most {_MOST_REPEATS} times")
        return int(low), most

    def _written(self, piece: _Piece, low: int, most: int | None, follow: int) -> int:
        if most is None:
            loop = self.add(_Place(None, ()))
            self.places[loop] = _Place(None, (piece(loop), follow))
            follow = loop
        else:
            end = follow
            for _ in range(most - low):
                follow = self.add(_Place(None, (piece(follow), end)))
        for _ in range(low):
            follow = piece(follow)
        return follow

    def _atom(self) -> _Piece:
        character = self._take()
        if character == "(":
            return self._group()
        if character in "^$":
            return lambda follow: self.add(_Place(None, (follow,), character))
        if character in "*+?{":
            raise PatternRefused(f"{character} with nothing to repeat")
        ranges = self._ranges(character)
        return lambda follow: self.add(_Place(ranges, (follow,)))

    def _group(self) -> _Piece:
        if self._peek() == "?":
            self._take()
            if self._take() != ":":
                raise PatternRefused("(? ...; only plain groups and (?: ...) are part of rules")
        piece = self._choice()
        if self._peek() != ")":
            raise PatternRefused("a ( without its )")
        self._take()
        return piece

    def _ranges(self, character: str) -> Ranges:
        if character == ".":
            return _inverted(((10, 10),))
        if character == "[":
            return self._set()
        if character == "\\":
            return self._escaped()
        return ((ord(character), ord(character)),)

    def _escaped(self) -> Ranges:
        character = self._take()
        if character.lower() in _CLASSES:
            ranges = _CLASSES[character.lower()]
            return ranges if character.islower() else _inverted(ranges)
        if character.isalnum() and character not in _CONTROLS:
            raise PatternRefused(f"\\{character}; known are \\d \\w \\s \\D \\W \\S \\n \\t and signs")
        code = ord(_CONTROLS.get(character, character))
        return ((code, code),)

    def _set(self) -> Ranges:
        is_inverted = self._peek() == "^"
        if is_inverted:
            self._take()
        found: list[tuple[int, int]] = []
        is_first = True
        while is_first or self._peek() != "]":
            found += self._member()
            is_first = False
        self._take()
        return _inverted(tuple(found)) if is_inverted else tuple(found)

    def _member(self) -> Ranges:
        low = self._set_character()
        if self._peek() != "-" or self._pattern[self._at + 1 : self._at + 2] in ("", "]"):
            return low
        self._take()
        high = self._set_character()
        if len(low) != 1 or len(high) != 1 or low[0][0] > high[0][0]:
            raise PatternRefused("a range in [...] that is not from a lower to a higher character")
        return ((low[0][0], high[0][1]),)

    def _set_character(self) -> Ranges:
        character = self._take()
        if character == "[" and self._peek() == ":":
            raise PatternRefused(r"[: :]; write \d, \w or \s")
        return self._escaped() if character == "\\" else ((ord(character), ord(character)),)


class Pattern:
    """A pattern that is ready; `found_in` says whether a text holds it.

    Raises:
        PatternRefused: The text is no such pattern.
    """

    def __init__(self, pattern: str) -> None:
        if len(pattern) > LONGEST_PATTERN:
            raise PatternRefused(f"{len(pattern)} characters; give at most {LONGEST_PATTERN}")
        reader = _Reader(pattern)
        self._end = reader.add(_Place(None, ()))
        self._start = reader.read()(self._end)
        self._places = tuple(reader.places)
        self._moves: dict[tuple[frozenset[int], str, bool], frozenset[int]] = {}
        self._first = self._reached([self._start], at_start=True, at_end=False)
        self._empty = self._end in self._reached([self._start], at_start=True, at_end=True)

    def found_in(self, text: str) -> bool:
        if not text:
            return self._empty
        places, last = self._first, len(text) - 1
        for index, character in enumerate(text):
            if self._end in places:
                return True
            places = self._move(places, character, index == last)
        return self._end in places

    def _move(self, places: frozenset[int], character: str, is_last: bool) -> frozenset[int]:
        key = (places, character, is_last)
        found = self._moves.get(key)
        if found is None:
            if len(self._moves) >= _MOST_MOVES:
                self._moves.clear()
            found = self._moves[key] = self._moved(places, ord(character), is_last)
        return found

    def _moved(self, places: frozenset[int], code: int, is_last: bool) -> frozenset[int]:
        after = [
            self._places[place].after[0]
            for place in places
            if any(low <= code <= high for low, high in self._places[place].takes or ())
        ]
        # A match may begin at every character.
        return self._reached([*after, self._start], at_start=False, at_end=is_last)

    def _reached(self, places: list[int], *, at_start: bool, at_end: bool) -> frozenset[int]:
        found: set[int] = set()
        waiting = list(places)
        while waiting:
            number = waiting.pop()
            if number in found:
                continue
            place = self._places[number]
            if (place.at == "^" and not at_start) or (place.at == "$" and not at_end):
                continue
            found.add(number)
            if place.takes is None:
                waiting += place.after
        return frozenset(found)
