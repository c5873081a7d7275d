"""The tree of a rule from its tokens, by the grammar of CEL (cel-spec, langdef.md, "Syntax"); knows no field and no kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fieldwise_rules.faults import TOO_EXPENSIVE, Fault, Place, RuleRefused
from fieldwise_rules.lexer import Token, text_of, tokens
from fieldwise_rules.tree import Call, Literal, Macro, Many, Mapping, Name, Node, Select

Operand = Callable[[], Node]

DEEPEST: Final = 40
LARGEST_INT: Final = 2**63 - 1
MACROS: Final = {"all": (1,), "exists": (1,), "exists_one": (1,), "filter": (1,), "map": (1, 2)}
_RELATIONS: Final = ("==", "!=", "<", "<=", ">", ">=", "in")
_RESERVED: Final = frozenset(
    [
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
        "null",
    ]
)


def parsed(rule: str) -> Node:
    """The tree of a rule.

    Raises:
        RuleRefused: It is no CEL expression, or nested deeper than 40.
    """
    return _Parser(tokens(rule)).whole()


class _Parser:
    def __init__(self, listed: list[Token]) -> None:
        self._tokens = listed
        self._at = 0
        self._depth = 0

    def whole(self) -> Node:
        tree = self._expression()
        if self._next.kind != "end":
            raise self._unexpected("an operator or the end")
        return tree

    # ---- reading tokens

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _is(self, *texts: str) -> bool:
        return self._next.kind in ("sign", "name") and self._next.text in texts

    def _taken(self, text: str) -> bool:
        found = self._is(text)
        self._at += found
        return found

    def _need(self, text: str) -> Token:
        if not self._is(text):
            raise self._unexpected(repr(text))
        return self._take()

    def _unexpected(self, needed: str) -> RuleRefused:
        token = self._next
        found = "the end of the rule" if token.kind == "end" else repr(token.text)
        remedy = f"needed is {needed}"
        if token.text == "null":
            remedy = "a field without a value is found with has(field)"
        return RuleRefused([Fault(token.place, found, remedy)])

    # ---- the grammar, loosest first

    def _expression(self) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            found = f"a rule nested deeper than {DEEPEST}"
            raise RuleRefused([Fault(self._next.place, found, "take a part out", TOO_EXPENSIVE)])
        try:
            return self._conditional()
        finally:
            self._depth -= 1

    def _conditional(self) -> Node:
        condition = self._either()
        if not self._is("?"):
            return condition
        place = self._take().place
        chosen = self._either()
        self._need(":")
        return Call(place, "?:", (condition, chosen, self._expression()))

    def _either(self) -> Node:
        return self._chain("||", lambda: self._chain("&&", self._relation))

    def _chain(self, sign: str, operand: Operand) -> Node:
        """``a || b || c`` as one call with three arguments: a tree that stays flat."""
        parts = [operand()]
        place = self._next.place
        while self._taken(sign):
            parts.append(operand())
        return parts[0] if len(parts) == 1 else Call(place, sign, tuple(parts))

    def _relation(self) -> Node:
        left = self._sum()
        while self._is(*_RELATIONS):
            token = self._take()
            left = Call(token.place, token.text, (left, self._sum()))
        return left

    def _sum(self) -> Node:
        return self._binary(("+", "-"), self._product)

    def _product(self) -> Node:
        return self._binary(("*", "/", "%"), self._unary)

    def _binary(self, signs: tuple[str, ...], operand: Operand) -> Node:
        left, many = operand(), 0
        while self._is(*signs):
            token = self._take()
            left = Call(token.place, token.text, (left, operand()))
            many += 1
            if many > DEEPEST:
                found = f"more than {DEEPEST} of {' '.join(signs)} in a row"
                raise RuleRefused([Fault(token.place, found, "take a part out", TOO_EXPENSIVE)])
        return left

    def _unary(self) -> Node:
        if not self._is("!", "-"):
            return self._member()
        self._depth += 1
        if self._depth > DEEPEST:
            found = f"a rule nested deeper than {DEEPEST}"
            raise RuleRefused([Fault(self._next.place, found, "take a part out", TOO_EXPENSIVE)])
        token = self._take()
        # The smallest int has no positive twin that could be negated.
        if token.text == "-" and self._next.kind in ("int", "double"):
            operand = self._member(minus=True)
        else:
            operand = Call(token.place, "!" if token.text == "!" else "neg", (self._unary(),))
        self._depth -= 1
        return operand

    def _member(self, *, minus: bool = False) -> Node:
        operand, many = self._primary(minus=minus), 0
        while self._is(".", "["):
            token = self._take()
            if token.text == "[":
                operand = Call(token.place, "[]", (operand, self._expression()))
                self._need("]")
            else:
                operand = self._selected(operand)
            many += 1
            if many > DEEPEST:
                raise RuleRefused([Fault(token.place, "a chain too long", "take a part out", TOO_EXPENSIVE)])
        return operand

    def _selected(self, operand: Node) -> Node:
        if self._next.kind != "name":
            raise self._unexpected("a name after the dot")
        token = self._take()
        if not self._taken("("):
            return Select(token.place, operand, token.text)
        arguments = self._arguments(")")
        if token.text in MACROS:
            return self._macro(token, operand, arguments)
        return Call(token.place, token.text, arguments, operand)

    def _macro(self, token: Token, operand: Node, arguments: tuple[Node, ...]) -> Node:
        name = token.text
        variable, steps = (arguments[0], arguments[1:]) if arguments else (None, ())
        if not isinstance(variable, Name) or len(steps) not in MACROS[name]:
            remedy = f"write .{name}(x, what is asked of x)"
            raise RuleRefused([Fault(token.place, f"{name} with {len(arguments)} arguments", remedy)])
        return Macro(token.place, name, operand, variable.name, steps)

    def _primary(self, *, minus: bool) -> Node:
        token = self._next
        if token.kind in ("int", "double"):
            return self._number(minus)
        if token.kind == "string":
            return Literal(self._take().place, text_of(token))
        if token.kind == "name":
            return self._named()
        if self._taken("("):
            inner = self._expression()
            self._need(")")
            return inner
        if self._taken("["):
            return Many(token.place, self._arguments("]"))
        if self._taken("{"):
            return Mapping(token.place, self._entries())
        raise self._unexpected("a field, a value or '('")

    def _number(self, minus: bool) -> Node:
        token = self._take()
        sign = -1 if minus else 1
        if self._next.kind == "name" and self._next.place == _behind(token):
            remedy = "write int or double; uint is not part of rules"
            raise RuleRefused([Fault(token.place, f"{token.text}{self._next.text}", remedy)])
        if token.kind == "double":
            return Literal(token.place, sign * float(token.text))
        value = sign * int(token.text, 0 if token.text[:2] in ("0x", "0X") else 10)
        if not -LARGEST_INT - 1 <= value <= LARGEST_INT:
            raise RuleRefused([Fault(token.place, token.text, "an int has 64 bits; write a double")])
        return Literal(token.place, value)

    def _named(self) -> Node:
        token = self._take()
        if token.text in ("true", "false"):
            return Literal(token.place, token.text == "true")
        if token.text in _RESERVED or token.text == "in":
            self._at -= 1
            raise self._unexpected("a field or a value")
        if self._taken("("):
            return Call(token.place, token.text, self._arguments(")"))
        return Name(token.place, token.text)

    def _arguments(self, end: str) -> tuple[Node, ...]:
        listed: list[Node] = []
        while not self._taken(end):
            listed.append(self._expression())
            if not self._is(end):
                self._need(",")
        return tuple(listed)

    def _entries(self) -> tuple[tuple[Node, Node], ...]:
        listed: list[tuple[Node, Node]] = []
        while not self._taken("}"):
            key = self._expression()
            self._need(":")
            listed.append((key, self._expression()))
            if not self._is("}"):
                self._need(",")
        return tuple(listed)


def _behind(token: Token) -> Place:
    return Place(token.place.line, token.place.column + len(token.text))
