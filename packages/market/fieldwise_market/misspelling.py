"""How people and machines get a text wrong: keys beside the right one, letters that look or sound alike; knows no field."""

from __future__ import annotations

from typing import Final

from numpy.random import Generator

from fieldwise_market.names_zh import TRADITIONAL, homophones

_KEYBOARD: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_LOOKS: Final = (
    ("m", "rn"), ("rn", "m"), ("l", "1"), ("1", "l"), ("o", "0"), ("0", "o"), ("cl", "d"), ("d", "cl"), ("e", "c"), ("h", "b"),
    ("5", "s"), ("8", "b"), ("u", "v"), ("w", "vv"), ("i", "l"), ("未", "末"), ("土", "士"), ("日", "曰"), ("王", "玉"), ("莉", "利"),
    ("明", "朋"), ("辉", "晖"), ("婷", "停"), ("玲", "珍"), ("伟", "佛"), ("杰", "木"), ("刚", "则"), ("海", "悔"), ("燕", "蒸"),
)  # fmt: skip
_SOUNDS: Final = (
    ("ph", "f"), ("c", "k"), ("k", "c"), ("ie", "y"), ("y", "ie"), ("ck", "k"), ("sh", "sch"), ("sch", "sh"), ("ai", "ay"),
    ("ei", "i"), ("ee", "ea"), ("z", "s"), ("ll", "l"), ("tt", "t"), ("nn", "n"), ("n", "nn"), ("th", "t"), ("ow", "au"),
    ("er", "a"), ("v", "w"), ("wh", "w"), ("gh", "g"), ("ou", "oo"), ("son", "sen"), ("sen", "son"), ("ey", "y"),
)  # fmt: skip


def _beside(letter: str) -> str:
    """The keys beside a letter, in its row and the rows above and below."""
    for number, row in enumerate(_KEYBOARD):
        place = row.find(letter)
        if place >= 0:
            near = _KEYBOARD[max(number - 1, 0) : number + 2]
            return "".join(each[max(place - 1, 0) : place + 2] for each in near).replace(letter, "")
    return ""


def slipped(rng: Generator, text: str) -> str:
    """One slip at the keyboard: a wrong key, a missed one, one twice, or two the wrong way round."""
    if len(text) < 2:
        return text
    place = int(rng.integers(len(text) - 1))
    letter, rest = text[place], text[place + 1 :]
    kind = int(rng.integers(4))
    if kind == 0 and (near := _beside(letter.lower())):
        letter = str(rng.choice(list(near)))
    elif kind == 1:
        letter = ""
    elif kind == 2:
        letter *= 2
    else:
        letter, rest = rest[0] + letter, rest[1:]
    return text[:place] + letter + rest


def digit_slipped(rng: Generator, text: str) -> str:
    """One digit wrong, or two the wrong way round; the length stays."""
    places = [place for place, each in enumerate(text) if each.isdigit()]
    if len(places) < 2:
        return text
    at = int(rng.integers(len(places) - 1))
    here, after = places[at], places[at + 1]
    digits = list(text)
    if rng.random() < 0.5 and digits[here] != digits[after]:
        digits[here], digits[after] = digits[after], digits[here]
    else:
        digits[here] = str((int(digits[here]) + int(rng.integers(1, 10))) % 10)
    return "".join(digits)


def misread(rng: Generator, text: str) -> str:
    """One letter read as one that looks like it, as by a machine that reads handwriting."""
    return _replaced(rng, text, _LOOKS)


def misheard(rng: Generator, text: str) -> str:
    """One sound written in another way."""
    return _replaced(rng, text, _SOUNDS)


def _replaced(rng: Generator, text: str, pairs: tuple[tuple[str, str], ...]) -> str:
    lowered = text.lower()
    fitting = [(wrong, lowered.index(right), len(right)) for right, wrong in pairs if right in lowered]
    if not fitting:
        return text
    wrong, place, length = fitting[int(rng.integers(len(fitting)))]
    if place == 0 and wrong[0].isalpha():
        wrong = wrong.capitalize() if text[0].isupper() else wrong
    return text[:place] + wrong + text[place + length :]


def same_sound(rng: Generator, text: str) -> str:
    """One Chinese character replaced by another of the same sound."""
    options = [(place, others) for place, each in enumerate(text) if (others := homophones().get(each))]
    if not options:
        return text
    place, others = options[int(rng.integers(len(options)))]
    return text[:place] + str(rng.choice(others)) + text[place + 1 :]


def traditional(text: str) -> str:
    """In traditional characters, as far as our lists know them."""
    return "".join(TRADITIONAL.get(each, each) for each in text)
