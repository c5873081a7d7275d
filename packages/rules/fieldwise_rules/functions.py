"""The functions of rules: kinds taken and given, and the code of each; knows no rule."""

from __future__ import annotations

from typing import Final, NamedTuple

from fieldwise_rules.kinds import (
    BOOL,
    DOUBLE,
    DURATION,
    INT,
    STRING,
    TIMESTAMP,
    Kind,
)


class Overload(NamedTuple):
    """One way to call a function.

    Args:
        takes: Kinds of the arguments; of a method the first stands before the dot.
        code: Python, with ``{0}`` for the first argument; names are those of `arithmetic`.
        fails: It may fail.
        size: Most characters of a text that it gives; 0: as many as its arguments together.
    """

    takes: tuple[Kind, ...]
    gives: Kind
    code: str
    fails: bool = False
    size: int = 1


_ANY_SIZE: Final = 0

OPERATORS: Final[dict[str, tuple[Overload, ...]]] = {
    "+": (
        Overload((DOUBLE, DOUBLE), DOUBLE, "({0} + {1})"),
        Overload((INT, INT), INT, "whole({0} + {1})", True),
        Overload((STRING, STRING), STRING, "({0} + {1})", size=_ANY_SIZE),
        Overload((TIMESTAMP, DURATION), TIMESTAMP, "moment({0} + {1})", True),
        Overload((DURATION, TIMESTAMP), TIMESTAMP, "moment({0} + {1})", True),
        Overload((DURATION, DURATION), DURATION, "span({0} + {1})", True),
    ),
    "-": (
        Overload((DOUBLE, DOUBLE), DOUBLE, "({0} - {1})"),
        Overload((INT, INT), INT, "whole({0} - {1})", True),
        Overload((TIMESTAMP, TIMESTAMP), DURATION, "({0} - {1})"),
        Overload((TIMESTAMP, DURATION), TIMESTAMP, "moment({0} - {1})", True),
        Overload((DURATION, DURATION), DURATION, "span({0} - {1})", True),
    ),
    "*": (
        Overload((DOUBLE, DOUBLE), DOUBLE, "({0} * {1})"),
        Overload((INT, INT), INT, "whole({0} * {1})", True),
    ),
    "/": (
        Overload((DOUBLE, DOUBLE), DOUBLE, "quotient({0}, {1})"),
        Overload((INT, INT), INT, "divided({0}, {1})", True),
    ),
    "%": (Overload((INT, INT), INT, "rest({0}, {1})", True),),
    "neg": (Overload((DOUBLE,), DOUBLE, "(-{0})"), Overload((INT,), INT, "whole(-{0})", True)),
}

FUNCTIONS: Final[dict[str, tuple[Overload, ...]]] = {
    "int": (
        Overload((INT,), INT, "{0}"),
        Overload((DOUBLE,), INT, "truncated({0})", True),
        Overload((STRING,), INT, "int_of({0})", True),
        Overload((TIMESTAMP,), INT, "({0} // 1000000)"),
    ),
    "double": (
        Overload((DOUBLE,), DOUBLE, "{0}"),
        Overload((INT,), DOUBLE, "float({0})"),
        Overload((STRING,), DOUBLE, "double_of({0})", True),
    ),
    "string": (
        Overload((STRING,), STRING, "{0}", size=_ANY_SIZE),
        Overload((INT,), STRING, "str({0})", size=20),
        Overload((DOUBLE,), STRING, "text_of_double({0})", size=25),
        Overload((BOOL,), STRING, "text_of_bool({0})", size=5),
    ),
    "timestamp": (
        Overload((TIMESTAMP,), TIMESTAMP, "{0}"),
        Overload((STRING,), TIMESTAMP, "moment_of({0})", True),
    ),
    "duration": (
        Overload((DURATION,), DURATION, "{0}"),
        Overload((STRING,), DURATION, "span_of({0})", True),
    ),
    "size": (Overload((STRING,), INT, "len({0})"),),
}


def _of_time(code: str) -> tuple[Overload, ...]:
    return (Overload((TIMESTAMP,), INT, code),)


METHODS: Final[dict[str, tuple[Overload, ...]]] = {
    "size": FUNCTIONS["size"],
    "startsWith": (Overload((STRING, STRING), BOOL, "{0}.startswith({1})"),),
    "endsWith": (Overload((STRING, STRING), BOOL, "{0}.endswith({1})"),),
    "contains": (Overload((STRING, STRING), BOOL, "({1} in {0})"),),
    "getFullYear": _of_time("calendar({0}).year"),
    "getMonth": _of_time("(calendar({0}).month - 1)"),
    "getDate": _of_time("calendar({0}).day"),
    "getDayOfMonth": _of_time("(calendar({0}).day - 1)"),
    "getDayOfWeek": _of_time("day_of_week({0})"),
    "getDayOfYear": _of_time("day_of_year({0})"),
    "getHours": (*_of_time("calendar({0}).hour"), Overload((DURATION,), INT, "divided({0}, 3600000000)")),
    "getMinutes": (*_of_time("calendar({0}).minute"), Overload((DURATION,), INT, "divided({0}, 60000000)")),
    "getSeconds": (*_of_time("calendar({0}).second"), Overload((DURATION,), INT, "divided({0}, 1000000)")),
}
