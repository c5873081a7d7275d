"""A rule's text in tokens; knows no grammar."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from fieldwise_rules.faults import Fault, Place, RuleRefused

LONGEST_RULE: Final = 4096

_TOKEN: Final = re.compile(
    r"""
    (?P<space>(?:[ \t\r\n\f]|//[^\n]*)+)
  | (?P<double>\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)
  | (?P<int>0[xX][0-9a-fA-F]+|\d+)
  | (?P<string>(?:[rR])?(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"))
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<sign>&&|\|\||==|!=|<=|>=|[-+*/%!<>?:.,()\[\]{}])
    """,
    re.VERBOSE,
)
_ESCAPE: Final = re.compile(
    r"\\(?:(?P<plain>[abfnrtv\\'\"`?])|x(?P<x>[0-9a-fA-F]{2})|u(?P<u>[0-9a-fA-F]{4})"
    r"|U(?P<U>[0-9a-fA-F]{8})|(?P<o>[0-3][0-7]{2})|(?P<wrong>.))",
    re.DOTALL,
)
_PLAIN: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_LARGEST_CODE: Final = 0x10FFFF


class Token(NamedTuple):
    """A piece of text: its kind (a group of the pattern, or ``end``), the text and where it begins."""

    kind: str
    text: str
    place: Place


def tokens(rule: str) -> list[Token]:
    """The tokens of a rule, with one of kind ``end`` behind the last.

    Raises:
        RuleRefused: A character that begins nothing, or more than 4,096 of them.
    """
    if len(rule) > LONGEST_RULE:
        found = f"a rule of {len(rule)} characters"
        raise RuleRefused([Fault(Place(1, 1), found, f"give at most {LONGEST_RULE} characters")])
    return [*_read(rule), Token("end", "", _place(rule, len(rule)))]


def _read(rule: str) -> Iterator[Token]:
    at = 0
    while at < len(rule):
        match = _TOKEN.match(rule, at)
        if match is None:
            raise RuleRefused([_unreadable(rule, at)])
        kind = match.lastgroup or ""
        if kind != "space":
            yield Token(kind, match.group(), _place(rule, at))
        at = match.end()


def _unreadable(rule: str, at: int) -> Fault:
    if rule[at] in "'\"":
        return Fault(_place(rule, at), "a text without its end", f"close it with {rule[at]}")
    remedy = "leave it out, or put it into quotes as a part of a text"
    if rule[at] in "&|=":
        remedy = f"write {rule[at] * 2}"
    return Fault(_place(rule, at), repr(rule[at]), remedy)


def _place(rule: str, at: int) -> Place:
    return Place(rule.count("\n", 0, at) + 1, at - rule.rfind("\n", 0, at))


def text_of(token: Token) -> str:
    """The text that a string token stands for."""
    if token.text[0] in "rR":
        return token.text[2:-1]
    return _ESCAPE.sub(lambda match: _unescaped(match, token.place), token.text[1:-1])


def _unescaped(match: re.Match[str], place: Place) -> str:
    plain = match["plain"]
    if plain:
        return _PLAIN.get(plain, plain)
    code = int(match["o"], 8) if match["o"] else int(match["x"] or match["u"] or match["U"] or "-1", 16)
    # Halves of surrogate pairs are no characters: nothing could store or send them.
    if code < 0 or code > _LARGEST_CODE or 0xD800 <= code <= 0xDFFF:
        raise RuleRefused([Fault(place, f"the escape {match.group()}", r"write a backslash as \\")])
    return chr(code)
