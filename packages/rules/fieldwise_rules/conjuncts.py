"""The parts of a rule that must all hold, as texts of their own; knows no field and no kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fieldwise_rules.lexer import Token, tokens

_DEEPER: Final = frozenset("([{")
_HIGHER: Final = frozenset(")]}")
# What binds more loosely than &&: a rule that has it outside brackets is no list of conditions.
_LOOSER: Final = frozenset({"||", "?"})


def conjuncts(rule: str) -> list[str]:
    """The parts of ``a && b && c`` in order; a rule of another form is its own only part.

    The rule holds exactly when each part holds: in CEL ``failed && true`` fails, and neither it nor a failed part holds.

    Raises:
        RuleRefused: The text is no sequence of tokens. That the rule is right otherwise is for the checker to find.
    """
    outer = list(_outside_brackets(tokens(rule)))
    if any(token.text in _LOOSER for token in outer if token.kind == "sign"):
        return [rule.strip()]
    cuts = [_offset(rule, token) for token in outer if token.kind == "sign" and token.text == "&&"]
    begins, ends = [0, *[cut + 2 for cut in cuts]], [*cuts, len(rule)]
    return [rule[begin:end].strip() for begin, end in zip(begins, ends, strict=True)]


def _outside_brackets(read: Sequence[Token]) -> list[Token]:
    depth, found = 0, []
    for token in read:
        is_sign = token.kind == "sign"
        if is_sign and token.text in _HIGHER:
            depth -= 1
        if not depth:
            found.append(token)
        if is_sign and token.text in _DEEPER:
            depth += 1
    return found


def _offset(rule: str, token: Token) -> int:
    lines = rule.split("\n")
    return sum(len(line) + 1 for line in lines[: token.place.line - 1]) + token.place.column - 1
