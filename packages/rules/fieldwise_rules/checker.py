"""Names, kinds, bounds and costs of a rule: from the tree as read to the tree that is right; knows no code and no customer.

Every loop of a rule walks over a list that has a known most number of elements, so the most steps of a rule are known before
it runs, and a rule that is too expensive is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Final

from fieldwise_rules import arithmetic, functions, tree
from fieldwise_rules.arithmetic import Failed
from fieldwise_rules.checked import Checked
from fieldwise_rules.faults import TOO_EXPENSIVE, Fault, Place, RuleRefused
from fieldwise_rules.fields import Fields
from fieldwise_rules.functions import Overload
from fieldwise_rules.kinds import (
    ANY,
    BOOL,
    DOUBLE,
    INT,
    NUMBERS,
    ORDERED,
    STRING,
    WRONG,
    Kind,
    comparable,
    joined,
    list_of,
    map_of,
)
from fieldwise_rules.parser import MACROS, parsed
from fieldwise_rules.patterns import Pattern, PatternRefused

# About half a millisecond at 50 ns a step.
MOST_STEPS: Final = 10_000
# A step of work on texts and lists, in characters or elements.
_BULK: Final = 16
_LOGIC: Final = ("&&", "||", "!")
_EQUAL: Final = ("==", "!=")
_ORDER: Final = ("<", "<=", ">", ">=")
_KEYS: Final = frozenset({BOOL, INT, STRING})


def checked(rule: str, fields: Fields, needed: Kind = BOOL) -> Checked:
    """The checked tree of a rule whose value is of kind ``needed``.

    Raises:
        RuleRefused: With every fault that was found.
    """
    checker = _Checker(fields)
    found = checker.check(parsed(rule))
    if found.kind not in (needed, WRONG):
        checker.fault(
            found.place, f"a rule that gives {found.kind}", f"needed is {needed}: compare the value"
        )
    if found.cost > MOST_STEPS:
        text = f"a rule of up to {found.cost} steps"
        remedy = f"use fewer lists within lists; {MOST_STEPS} steps a customer are allowed"
        checker.fault(found.place, text, remedy, TOO_EXPENSIVE)
    if checker.faults:
        raise RuleRefused(sorted(checker.faults, key=lambda fault: fault.place))
    return found


def _wrong(place: Place) -> Checked:
    return Checked("const", WRONG, place)


def _together(op: str, kind: Kind, place: Place, parts: tuple[Checked, ...], **more: object) -> Checked:
    """A piece that always looks at all its parts."""
    node = Checked(
        op,
        kind,
        place,
        parts,
        cost=1 + sum(part.cost for part in parts),
        reads=frozenset().union(*(part.reads for part in parts)),
        fails=any(part.fails for part in parts),
    )
    return replace(node, **more)  # type: ignore[arg-type]  # attributes of Checked, by name


def _apart(op: str, kind: Kind, place: Place, parts: tuple[Checked, ...], **more: object) -> Checked:
    """A piece that may leave parts aside: whether it fails depends on which."""
    can_fail = any(part.fails or part.reads for part in parts)
    return _together(op, kind, place, parts, **{"reads": frozenset(), "fails": can_fail, **more})


@dataclass(frozen=True)
class _Variable:
    kind: Kind
    size: int
    name: str


class _Checker:
    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._scope: dict[str, _Variable] = {}
        self._variables = 0
        self.faults: list[Fault] = []

    def fault(self, place: Place, found: str, remedy: str, reason: str = "RULE_INVALID") -> Checked:
        self.faults.append(Fault(place, found, remedy, reason))
        return _wrong(place)

    def check(self, node: tree.Node) -> Checked:
        match node:
            case tree.Literal():
                return self._literal(node)
            case tree.Name() | tree.Select():
                return self._named(node)
            case tree.Call():
                return self._call(node)
            case tree.Many():
                return self._list(node)
            case tree.Mapping():
                return self._map(node)
            case tree.Macro():
                return self._macro(node)

    # ---- values

    def _literal(self, node: tree.Literal) -> Checked:
        kinds = {bool: BOOL, int: INT, float: DOUBLE, str: STRING}
        size = len(node.value) if isinstance(node.value, str) else 1
        return Checked("const", kinds[type(node.value)], node.place, data=node.value, size=size)

    def _named(self, node: tree.Name | tree.Select) -> Checked:
        path = self._path(node)
        place = self._fields.place(path) if path else None
        if place is not None:
            field = self._fields.listed[place]
            reads = frozenset({place}) if field.optional else frozenset()
            return Checked(
                "field", field.kind, node.place, data=place, size=field.size, inner=field.inner, reads=reads
            )
        if isinstance(node, tree.Name):
            return self._variable(node)
        if path and path.rpartition(".")[0] in self._fields.records:
            return self.fault(node.place, f"{path!r}, which is no field", self._fields.remedy(path))
        return self._entry(node, self.check(node.operand))

    def _path(self, node: tree.Node) -> str:
        """``a.b`` as one text; empty for anything else, and for what begins with a variable."""
        if isinstance(node, tree.Name):
            return "" if node.name in self._scope else node.name
        if isinstance(node, tree.Select):
            before = self._path(node.operand)
            return f"{before}.{node.field}" if before else ""
        return ""

    def _variable(self, node: tree.Name) -> Checked:
        known = self._scope.get(node.name)
        if known is not None:
            return Checked(
                "local", known.kind, node.place, data=known.name, size=known.size, inner=known.size
            )
        if node.name in self._fields.records:
            remedy = f"name one of its fields, as in {self._example(node.name)}"
            return self.fault(node.place, f"{node.name!r}, which is no value by itself", remedy)
        return self.fault(node.place, f"{node.name!r}, which is no field", self._fields.remedy(node.name))

    def _example(self, record: str) -> str:
        return next(field.path for field in self._fields.listed if field.path.startswith(f"{record}."))

    def _entry(self, node: tree.Select, operand: Checked) -> Checked:
        """``m.key`` of a map with texts as keys."""
        if operand.kind == WRONG:
            return operand
        if operand.kind.name != "map" or operand.kind.of[0] not in (STRING, ANY):
            remedy = f"a {operand.kind} has no fields"
            return self.fault(node.place, f".{node.field} of a {operand.kind}", remedy)
        key = Checked("const", STRING, node.place, data=node.field, size=len(node.field))
        return self._looked_up(node.place, operand, key)

    def _looked_up(self, place: Place, operand: Checked, key: Checked) -> Checked:
        return _together(
            "entry",
            operand.kind.of[1],
            place,
            (operand, key),
            fails=True,
            size=operand.inner,
            inner=operand.inner,
        )

    def _list(self, node: tree.Many) -> Checked:
        parts = tuple(self.check(element) for element in node.elements)
        kind = self._one_kind(parts, "the elements of a list")
        return _together("[...]", list_of(kind), node.place, parts, size=len(parts), inner=_largest(parts))

    def _map(self, node: tree.Mapping) -> Checked:
        keys = tuple(self.check(key) for key, _ in node.entries)
        values = tuple(self.check(value) for _, value in node.entries)
        key = self._one_kind(keys, "the keys of a map")
        if key not in (*_KEYS, ANY, WRONG):
            self.fault(node.place, f"a map with {key} as keys", "needed are string, int or bool")
        kind = map_of(key, self._one_kind(values, "the values of a map"))
        # A key may stand twice, which is known only when the keys are.
        return _together(
            "{...}", kind, node.place, keys + values, size=len(keys), inner=_largest(values), fails=True
        )

    def _one_kind(self, parts: Sequence[Checked], what: str) -> Kind:
        kind = ANY
        for part in parts:
            both = joined(kind, part.kind)
            if both is None:
                remedy = f"{what} are of one kind: {kind} like the first"
                self.fault(part.place, f"a {part.kind}", remedy)
            else:
                kind = both
        return kind

    # ---- calls

    def _call(self, node: tree.Call) -> Checked:
        if node.function == "has" and node.target is None:
            return self._has(node)
        if not self._is_known(node):
            # Its arguments may be those of a macro that was meant: their faults would only hide this one.
            is_method = node.target is not None
            return self._unknown(
                node, f".{node.function}" if is_method else node.function, is_method=is_method
            )
        arguments = node.arguments if node.target is None else (node.target, *node.arguments)
        parts = tuple(self.check(argument) for argument in arguments)
        if any(part.kind == WRONG for part in parts):
            # Its kind may be known all the same, so that faults around it are still found.
            return Checked("const", self._kind_anyway(node.function), node.place)
        if node.target is not None:
            return self._method(node, parts)
        return self._special(node.function)(node, parts)

    def _is_known(self, node: tree.Call) -> bool:
        if node.target is not None:
            return node.function in functions.METHODS or node.function == "matches"
        return (
            node.function in functions.FUNCTIONS
            or not node.function.isidentifier()
            or node.function in ("in", "neg")
        )

    def _special(self, function: str) -> Callable[[tree.Call, tuple[Checked, ...]], Checked]:
        for names, check in (
            (_LOGIC, self._logic),
            (_EQUAL, self._equality),
            (_ORDER, self._ordering),
            (("in",), self._membership),
            (("[]",), self._index),
            (("?:",), self._conditional),
        ):
            if function in names:
                return check
        return self._function

    def _kind_anyway(self, function: str) -> Kind:
        return BOOL if function in (*_LOGIC, *_EQUAL, *_ORDER, "in") else WRONG

    def _has(self, node: tree.Call) -> Checked:
        argument = node.arguments[0] if len(node.arguments) == 1 else None
        # CEL asks for a dot; a field that stands in no record is asked about in the same words here.
        place = self._fields.place(self._path(argument)) if argument is not None else None
        if place is not None:
            return Checked("has", BOOL, node.place, data=place)
        if not isinstance(argument, tree.Select):
            return self.fault(
                node.place, "has without a field", "write has(field), has(record.field) or has(map.key)"
            )
        found = self._named(argument)
        if found.op != "entry":
            return replace(found, kind=BOOL)
        return _together("has_entry", BOOL, node.place, found.parts)

    def _logic(self, node: tree.Call, parts: tuple[Checked, ...]) -> Checked:
        for part in parts:
            if part.kind != BOOL:
                remedy = f"{node.function} needs bool: compare the value"
                self.fault(part.place, f"a {part.kind} beside {node.function}", remedy)
        return _apart(node.function, BOOL, node.place, parts)

    def _equality(self, node: tree.Call, parts: tuple[Checked, ...]) -> Checked:
        one, other = parts
        if not comparable(one.kind, other.kind):
            return self._mismatch(node, one, other)
        bulk = min(one.size, other.size) * max(1, min(one.inner, other.inner)) // _BULK
        made = _together(node.function, BOOL, node.place, parts)
        return replace(made, cost=made.cost + bulk)

    def _ordering(self, node: tree.Call, parts: tuple[Checked, ...]) -> Checked:
        one, other = parts
        both_numbers = {one.kind, other.kind} <= NUMBERS
        if not both_numbers and (one.kind != other.kind or one.kind not in ORDERED):
            return self._mismatch(node, one, other)
        bulk = min(one.size, other.size) // _BULK
        made = _together(node.function, BOOL, node.place, parts)
        return replace(made, cost=made.cost + bulk)

    def _mismatch(self, node: tree.Call, one: Checked, other: Checked) -> Checked:
        found = f"{one.kind} {node.function} {other.kind}"
        if one.kind == other.kind:
            return self.fault(node.place, found, f"a {one.kind} has no order")
        return self.fault(node.place, found, _conversion(one.kind, other.kind))

    def _membership(self, node: tree.Call, parts: tuple[Checked, ...]) -> Checked:
        one, many = parts
        if many.kind.name not in ("list", "map"):
            remedy = "needed is a list or a map; of a text write text.contains(part)"
            return self.fault(many.place, f"in a {many.kind}", remedy)
        if not comparable(one.kind, many.kind.of[0]):
            remedy = f"it holds {many.kind.of[0]}; {_conversion(one.kind, many.kind.of[0])}"
            return self.fault(node.place, f"a {one.kind} in {many.kind}", remedy)
        op = "in_map" if many.kind.name == "map" else "in"
        made = _together(op, BOOL, node.place, parts)
        return made if op == "in_map" else replace(made, cost=made.cost + many.size)

    def _index(self, node: tree.Call, parts: tuple[Checked, ...]) -> Checked:
        many, key = parts
        if many.kind.name == "map" and comparable(key.kind, many.kind.of[0]):
            return self._looked_up(node.place, many, key)
        if many.kind.name == "list" and key.kind == INT:
            return _together(
                "item", many.kind.of[0], node.place, parts, fails=True, size=many.inner, inner=many.inner
            )
        needed = {"map": str((*many.kind.of, ANY)[0]), "list": "int"}.get(many.kind.name)
        remedy = f"needed in the brackets is {needed}" if needed else f"a {many.kind} has no elements"
        return self.fault(node.place, f"{many.kind}[{key.kind}]", remedy)

    def _conditional(self, node: tree.Call, parts: tuple[Checked, ...]) -> Checked:
        condition, one, other = parts
        if condition.kind != BOOL:
            self.fault(condition.place, f"a {condition.kind} before ?", "needed is bool: compare the value")
        kind = joined(one.kind, other.kind)
        if kind is None:
            remedy = f"both sides of : are of one kind; {_conversion(one.kind, other.kind)}"
            return self.fault(node.place, f"{one.kind} : {other.kind}", remedy)
        size, inner = max(one.size, other.size), max(one.inner, other.inner)
        return _apart("?:", kind, node.place, parts, size=size, inner=inner)

    def _method(self, node: tree.Call, parts: tuple[Checked, ...]) -> Checked:
        if node.function == "matches":
            return self._pattern(node, parts)
        return self._overloaded(node, parts, functions.METHODS, f".{node.function}", is_method=True)

    def _function(self, node: tree.Call, parts: tuple[Checked, ...]) -> Checked:
        table = functions.OPERATORS if node.function in functions.OPERATORS else functions.FUNCTIONS
        return self._overloaded(node, parts, table, node.function, is_method=False)

    def _overloaded(
        self,
        node: tree.Call,
        parts: tuple[Checked, ...],
        table: dict[str, tuple[Overload, ...]],
        shown: str,
        *,
        is_method: bool,
    ) -> Checked:
        if node.function == "size" and len(parts) == 1 and parts[0].kind.name in ("list", "map"):
            return _together("len({0})", INT, node.place, parts)
        if node.function == "+" and parts[0].kind.name == "list":
            return self._joined_lists(node, parts)
        listed = table[node.function]
        kinds = tuple(part.kind for part in parts)
        for overload in listed:
            if overload.takes == kinds:
                return self._chosen(node, overload, parts)
        return self.fault(
            node.place,
            _shown_call(shown, kinds, is_method=is_method),
            _needed(shown, kinds, listed, is_method=is_method),
        )

    def _joined_lists(self, node: tree.Call, parts: tuple[Checked, ...]) -> Checked:
        one, other = parts
        kind = joined(one.kind, other.kind)
        if kind is None:
            return self.fault(node.place, f"{one.kind} + {other.kind}", "join lists of one kind")
        made = _together("({0} + {1})", kind, node.place, parts)
        size = one.size + other.size
        return replace(made, size=size, inner=max(one.inner, other.inner), cost=made.cost + size // _BULK)

    def _unknown(self, node: tree.Call, shown: str, *, is_method: bool) -> Checked:
        methods, plain = [*functions.METHODS, "matches", *MACROS], [*functions.FUNCTIONS, "has"]
        known = methods if is_method else plain
        near = get_close_matches(node.function, [*methods, *plain], 1, 0.6)
        if near:
            remedy = f"did you mean {'x.' if near[0] in methods and not is_method else ''}{near[0]}?"
        else:
            remedy = f"known are {', '.join(known)}"
        return self.fault(node.place, f"{shown}(), which is no function", remedy)

    def _chosen(self, node: tree.Call, overload: Overload, parts: tuple[Checked, ...]) -> Checked:
        size = overload.size or sum(part.size for part in parts)
        texts = sum(part.size for part in parts if part.kind == STRING)
        made = _together(overload.code, overload.gives, node.place, parts, size=size, inner=1)
        made = replace(made, fails=made.fails or overload.fails, cost=made.cost + texts // _BULK)
        return self._constant(node, made)

    def _constant(self, node: tree.Call, made: Checked) -> Checked:
        """Times and durations that stand in the rule as texts are read now, and their faults told now."""
        read = {"duration": arithmetic.span_of, "timestamp": arithmetic.moment_of}.get(node.function)
        if read is None or made.parts[0].op != "const" or made.parts[0].kind != STRING:
            return made
        text = str(made.parts[0].data)
        try:
            return Checked("const", made.kind, node.place, data=read(text))
        except Failed as failed:
            return self.fault(node.place, f"{node.function}({text!r})", str(failed))

    def _pattern(self, node: tree.Call, parts: tuple[Checked, ...]) -> Checked:
        if tuple(part.kind for part in parts) != (STRING, STRING):
            kinds = tuple(part.kind for part in parts)
            shown = _shown_call(".matches", kinds, is_method=True)
            return self.fault(node.place, shown, "needed is string.matches(string)")
        text, pattern = parts
        if pattern.op != "const":
            remedy = "write the pattern as a text in the rule: its cost must be known beforehand"
            return self.fault(pattern.place, "a pattern that is computed", remedy)
        try:
            ready = Pattern(str(pattern.data))
        except PatternRefused as refused:
            return self.fault(pattern.place, f"a pattern with {refused}", "write a simpler pattern")
        made = _together("matches", BOOL, node.place, (text,), data=ready.found_in)
        return replace(made, cost=made.cost + 4 * text.size)

    # ---- macros

    def _macro(self, node: tree.Macro) -> Checked:
        many = self.check(node.operand)
        if many.kind == WRONG:
            return many
        if many.kind.name not in ("list", "map"):
            remedy = "needed is a list or a map before the dot"
            return self.fault(node.place, f".{node.macro} of a {many.kind}", remedy)
        self._variables += 1
        name = f"x{self._variables}"
        before = self._scope
        self._scope = {**before, node.variable: _Variable(many.kind.of[0], many.inner, name)}
        steps = tuple(self.check(step) for step in node.steps)
        self._scope = before
        asked = steps[0] if node.macro != "map" or len(steps) == 2 else None
        if asked is not None and asked.kind not in (BOOL, WRONG):
            return self.fault(
                asked.place, f"a {asked.kind} in .{node.macro}", "needed is bool: compare the value"
            )
        if any(step.kind == WRONG for step in steps):
            return Checked(
                "const", BOOL if node.macro in ("all", "exists", "exists_one") else WRONG, node.place
            )
        return self._loop(node, many, steps, name)

    def _loop(self, node: tree.Macro, many: Checked, steps: tuple[Checked, ...], name: str) -> Checked:
        kind, size, inner = BOOL, 1, 1
        if node.macro == "filter":
            kind, size, inner = list_of(many.kind.of[0]), many.size, many.inner
        if node.macro == "map":
            kind, size, inner = list_of(steps[-1].kind), many.size, _largest(steps[-1:])
        made = _apart(node.macro, kind, node.place, (many, *steps), data=name, size=size, inner=inner)
        return replace(made, cost=1 + many.cost + many.size * (1 + sum(step.cost for step in steps)))


def _largest(parts: Sequence[Checked]) -> int:
    return max((max(part.size, part.inner) for part in parts), default=1)


def _conversion(one: Kind, other: Kind) -> str:
    if {one, other} == {INT, DOUBLE}:
        return "write double(...) around the int, or give it a point (3.0)"
    if STRING in (one, other) and {one, other} & NUMBERS:
        return "a text in quotes is no number: write it without quotes"
    return f"both sides need one kind: {one} or {other}"


def _shown_call(shown: str, kinds: Sequence[Kind], *, is_method: bool) -> str:
    if not shown.lstrip(".").isalpha() or shown == "neg":
        sign = "-" if shown == "neg" else shown
        return f" {sign} ".join(map(str, kinds)) if len(kinds) > 1 else f"{sign}{kinds[0]}"
    if is_method:
        return f"{kinds[0]}{shown}({', '.join(map(str, kinds[1:]))})"
    return f"{shown}({', '.join(map(str, kinds))})"


def _needed(shown: str, kinds: Sequence[Kind], listed: Sequence[Overload], *, is_method: bool) -> str:
    if len(kinds) == 2 and set(kinds) == {INT, DOUBLE}:
        return _conversion(*kinds)
    ways = [_shown_call(shown, overload.takes, is_method=is_method) for overload in listed]
    return f"needed is {' or '.join(ways)}"
