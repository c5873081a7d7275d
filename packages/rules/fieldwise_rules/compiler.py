"""Code of checked rules: from the tree that is right to a Python function; knows no text and no customer.

The code is written from the checked tree only. It holds names and signs of ours, places of fields and of constants, and not a
character of the rule. Truth has three values in it: True, False and None, which stands for "failed", as CEL absorbs failures
(false && failed is false).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from types import CodeType
from typing import Any, Final

from fieldwise_rules import arithmetic
from fieldwise_rules.arithmetic import Failed
from fieldwise_rules.checked import Checked
from fieldwise_rules.checker import MOST_STEPS, checked
from fieldwise_rules.faults import TOO_EXPENSIVE, Fault, RuleRefused, RuleStopped
from fieldwise_rules.fields import Fields
from fieldwise_rules.kinds import BOOL, DOUBLE

# The values of all fields, in their order; None where a customer has none.
Values = Sequence[Any]
# True, False, or None: no value, since a field is missing or a computation failed.
Verdict = bool | None

_OURS: Final = {
    name: getattr(arithmetic, name)
    for name in (
        "among", "calendar", "day_of_week", "day_of_year", "divided", "double_of", "entry", "int_of", "item", "known",
        "mapping", "moment", "moment_of", "quotient", "rest", "span", "span_of", "text_of_bool", "text_of_double",
        "truncated", "whole",
    )
}  # fmt: skip
_PLAIN: Final = {"len": len, "str": str, "float": float, "int": int, "dict": dict}
_RELATIONS: Final = frozenset({"==", "!=", "<", "<=", ">", ">="})
_STATEMENTS: Final = frozenset({"exists", "all", "exists_one", "filter", "map", "?:"})
_FORMS: Final = {
    "in_map": "({0} in {1})",
    "has_entry": "({1} in {0})",
    "item": "item({0}, {1})",
    "entry": "entry({0}, {1})",
}
_DECIDED_BY: Final = {"||": "True", "&&": "False", "exists": "True", "all": "False"}


class Rule:
    """A rule that is ready to run.

    Attributes:
        reads: Places of the fields that it reads.
        cost: Most steps it takes.
    """

    def __init__(self, tree: Checked) -> None:
        self.reads = _fields_of(tree)
        self.cost = tree.cost
        self.verdict: Callable[[Values], Verdict] = _function(tree)

    def holds(self, values: Values) -> bool:
        """Whether the rule is true; one that fails does not hold.

        Raises:
            RuleStopped: It took too many steps, since lists were longer than the fields promise.
        """
        return self.verdict(values) is True


def compiled(rule: str, fields: Fields) -> Rule:
    """The rule in ``rule``.

    Raises:
        RuleRefused: With every fault.
    """
    return Rule(checked(rule, fields))


def _fields_of(tree: Checked) -> frozenset[int]:
    own = {int(str(tree.data))} if tree.op in ("field", "has") else set()
    return frozenset(own).union(*(_fields_of(part) for part in tree.parts))


def _stopped() -> None:
    raise RuleStopped(MOST_STEPS)


def _function(tree: Checked) -> Callable[[Values], Verdict]:
    writer = _Writer()
    source = writer.whole(tree)
    names: dict[str, Any] = {
        "__builtins__": {}, **_OURS, **_PLAIN, "Failed": Failed, "stopped": _stopped, "k": tuple(writer.constants)
    }  # fmt: skip
    exec(_code(source, tree), names)  # noqa: S102  # source of ours: see the module's first lines
    made: Callable[[Values], Verdict] = names["rule"]
    return made


def _code(source: str, tree: Checked) -> CodeType:
    try:
        return compile(source, "<rule>", "exec")
    except (SyntaxError, RecursionError, MemoryError):
        # Python nests twenty loops and tries at most.
        fault = Fault(tree.place, "a rule nested too deeply", "take a part out", TOO_EXPENSIVE)
        raise RuleRefused([fault]) from None


class _Writer:
    def __init__(self) -> None:
        self.constants: list[object] = []
        self._lines: list[str] = []
        self._depth = 1
        self._names = 0
        self._loops = False

    def whole(self, tree: Checked) -> str:
        truth, _ = self._truth(tree)
        self._write(f"return {truth}")
        head = [f" f{place} = f[{place}]" for place in sorted(_fields_of(tree))]
        if self._loops:
            head.append(" n = 0")
        return "\n".join(["def rule(f):", *head, *self._lines, ""])

    def _write(self, line: str) -> None:
        self._lines.append(" " * self._depth + line)

    def _new(self) -> str:
        self._names += 1
        return f"t{self._names}"

    def _constant(self, value: object) -> str:
        if isinstance(value, bool):
            return str(value)
        # Numbers stand in the code itself, where Python finds them faster; inf and nan have no form there.
        if isinstance(value, int) or (isinstance(value, float) and isfinite(value)):
            return f"({value!r})"
        self.constants.append(value)
        return f"k[{len(self.constants) - 1}]"

    # ---- truth: True, False, None

    def _truth(self, tree: Checked) -> tuple[str, bool]:
        """An expression for a bool, and whether it may be None. Statements it needs are written before."""
        special = {
            "!": self._negation,
            "&&": self._logic,
            "||": self._logic,
            "exists": self._any_or_all,
            "all": self._any_or_all,
            "?:": self._chosen_truth,
        }.get(tree.op)
        if special is not None:
            return special(tree)
        if tree.fails:
            return self._tried(tree), True
        value = self._value(tree, present=True)
        if not tree.reads:
            return value, False
        absent = " or ".join(f"f{place} is None" for place in sorted(tree.reads))
        return f"(None if {absent} else {value})", True

    def _tried(self, tree: Checked) -> str:
        name = self._new()
        self._write("try:")
        self._depth += 1
        self._write(f"{name} = {self._value(tree)}")
        self._depth -= 1
        self._write("except Failed:")
        self._write(f" {name} = None")
        return name

    def _negation(self, tree: Checked) -> tuple[str, bool]:
        truth, may_fail = self._truth(tree.parts[0])
        if not may_fail:
            return f"(not {truth})", False
        name = self._new()
        self._write(f"{name} = {truth}")
        return f"(None if {name} is None else not {name})", True

    def _logic(self, tree: Checked) -> tuple[str, bool]:
        decided = _DECIDED_BY[tree.op]
        joint = " or " if tree.op == "||" else " and "
        name, group, may_fail = "", [], False
        for part in tree.parts:
            if _is_plain(part):
                group.append(self._truth(part)[0])
                continue
            if group:
                name = self._added(name, f"({joint.join(group)})", decided, may_fail=may_fail)
                group = []
            name, may_fail = self._part(name, part, decided, may_fail=may_fail)
        if group and not name:
            return f"({joint.join(group)})", False
        if group:
            name = self._added(name, f"({joint.join(group)})", decided, may_fail=may_fail)
        return name, may_fail

    def _added(self, name: str, truth: str, decided: str, *, may_fail: bool) -> str:
        """What is known so far, and a part that cannot fail."""
        if not name:
            name = self._new()
            self._write(f"{name} = {truth}")
        elif not may_fail:
            self._write(f"if {name} is not {decided}: {name} = {truth}")
        else:
            self._write(f"if {name} is not {decided} and ({truth}) is {decided}: {name} = {decided}")
        return name

    def _part(self, name: str, part: Checked, decided: str, *, may_fail: bool) -> tuple[str, bool]:
        if not name:
            truth, can = self._truth(part)
            name = self._new()
            self._write(f"{name} = {truth}")
            return name, can
        self._write(f"if {name} is not {decided}:")
        self._depth += 1
        truth, can = self._truth(part)
        own = self._new()
        self._write(f"{own} = {truth}")
        undecided = "False" if decided == "True" else "True"
        self._write(f"if {own} is not {undecided}: {name} = {own}")
        self._depth -= 1
        return name, may_fail or can

    def _chosen_truth(self, tree: Checked) -> tuple[str, bool]:
        condition, one, other = tree.parts
        truth, may_fail = self._truth(condition)
        name, asked = self._new(), self._new()
        self._write(f"{asked} = {truth}")
        if may_fail:
            self._write(f"{name} = None")
        for test, part in ((f"if {asked} is True:", one), (f"if {asked} is False:", other)):
            self._write(test)
            self._depth += 1
            inner, can = self._truth(part)
            self._write(f"{name} = {inner}")
            self._depth -= 1
            may_fail = may_fail or can
        return name, may_fail

    def _any_or_all(self, tree: Checked) -> tuple[str, bool]:
        many, asked = tree.parts
        if many.fails or many.reads:
            return self._tried_loop(tree), True
        return self._short_loop(tree, self._value(many), asked)

    def _tried_loop(self, tree: Checked) -> str:
        many, asked = tree.parts
        values, name = self._new(), self._new()
        self._write("try:")
        self._depth += 1
        self._write(f"{values} = {self._value(many)}")
        self._depth -= 1
        self._write("except Failed:")
        self._write(f" {name} = None")
        self._write("else:")
        self._depth += 1
        truth, _ = self._short_loop(tree, values, asked)
        self._write(f"{name} = {truth}")
        self._depth -= 1
        return name

    def _short_loop(self, tree: Checked, values: str, asked: Checked) -> tuple[str, bool]:
        decided = _DECIDED_BY[tree.op]
        name = self._new()
        self._write(f"{name} = {'False' if decided == 'True' else 'True'}")
        self._loop(tree, values)
        truth, may_fail = self._truth(asked)
        own = self._new()
        self._write(f"{own} = {truth}")
        self._write(f"if {own} is {decided}:")
        self._write(f" {name} = {decided}")
        self._write(" break")
        if may_fail:
            self._write(f"if {own} is None: {name} = None")
        self._depth -= 1
        return name, may_fail

    def _loop(self, tree: Checked, values: str) -> None:
        """Begins a loop; its body is one deeper. The steps are counted: lists may be longer than their fields promise."""
        self._loops = True
        listed = self._new()
        self._write(f"{listed} = {values}")
        self._write(f"n += len({listed})")
        self._write(f"if n > {MOST_STEPS}: stopped()")
        self._write(f"for {tree.data} in {listed}:")
        self._depth += 1

    # ---- values: what they need must be there, or they fail

    def _value(self, tree: Checked, *, present: bool = False) -> str:
        """An expression for a value.

        Args:
            present: The optional fields that it always reads were found to be there.
        """
        leaf = self._leaf(tree, present=present)
        if leaf:
            return leaf
        if tree.op in ("!", "&&", "||", "exists", "all") or (tree.op == "?:" and tree.kind == BOOL):
            truth, may_fail = self._truth(tree)
            return f"known({truth})" if may_fail else truth
        if tree.op in _STATEMENTS:
            return self._statement(tree)
        parts = [self._value(part, present=present) for part in tree.parts]
        if tree.op == "matches":
            return f"{self._constant(tree.data)}({parts[0]})"
        return _expression(tree, parts)

    def _leaf(self, tree: Checked, *, present: bool) -> str:
        """A constant, a variable or a field; empty for anything else."""
        if tree.op == "const":
            return self._constant(tree.data)
        if tree.op == "field":
            return f"f{tree.data}" if present or not tree.reads else f"known(f{tree.data})"
        if tree.op == "has":
            return f"(f{tree.data} is not None)"
        return str(tree.data) if tree.op == "local" else ""

    def _statement(self, tree: Checked) -> str:
        if tree.op == "?:":
            return self._chosen(tree)
        many, *steps = tree.parts
        name = self._new()
        self._write(f"{name} = {'0' if tree.op == 'exists_one' else '[]'}")
        self._loop(tree, self._value(many))
        if tree.op == "exists_one":
            self._write(f"if {self._value(steps[0])}: {name} += 1")
        elif tree.op == "filter":
            self._write(f"if {self._value(steps[0])}: {name} += [{tree.data}]")
        else:
            self._mapped(name, steps)
        self._depth -= 1
        return f"({name} == 1)" if tree.op == "exists_one" else name

    def _mapped(self, name: str, steps: Sequence[Checked]) -> None:
        deeper = len(steps) == 2
        if deeper:
            self._write(f"if {self._value(steps[0])}:")
            self._depth += 1
        self._write(f"{name} += [{self._value(steps[-1])}]")
        self._depth -= deeper

    def _chosen(self, tree: Checked) -> str:
        condition, one, other = tree.parts
        name = self._new()
        self._write(f"if {self._value(condition)}:")
        for part, follows in ((one, "else:"), (other, "")):
            self._depth += 1
            self._write(f"{name} = {self._value(part)}")
            self._depth -= 1
            if follows:
                self._write(follows)
        return name


def _is_plain(tree: Checked) -> bool:
    """Cannot fail and needs no statement before it: it can stand in an `and` or `or` of Python."""
    return not tree.fails and not tree.reads and not _needs_statements(tree)


def _needs_statements(tree: Checked) -> bool:
    if tree.op in _STATEMENTS:
        return True
    if tree.op in ("&&", "||"):
        return any(not _is_plain(part) for part in tree.parts)
    return any(_needs_statements(part) for part in tree.parts)


def _expression(tree: Checked, parts: Sequence[str]) -> str:
    if tree.op in _RELATIONS:
        return f"({parts[0]} {tree.op} {parts[1]})"
    if tree.op in _FORMS:
        return _FORMS[tree.op].format(*parts)
    if tree.op == "in":
        has_doubles = DOUBLE in (tree.parts[0].kind, *tree.parts[1].kind.of)
        return f"{'among' if has_doubles else ''}({', '.join(parts) if has_doubles else ' in '.join(parts)})"
    if tree.op == "[...]":
        return f"[{', '.join(parts)}]"
    if tree.op == "{...}":
        half = len(parts) // 2
        pairs = ", ".join(map("({}, {})".format, parts[:half], parts[half:]))
        return f"mapping([{pairs}])"
    return tree.op.format(*parts)
