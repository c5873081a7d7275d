"""A catalogue's tables as the bytes of a file: the same tables give the same bytes; knows no field by name."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


def written(document: Mapping[str, Any]) -> bytes:
    """TOML that reads back as the same tables.

    Args:
        document: Texts, numbers, flags, moments with an offset, and lists and tables of these; lists of tables at the top only,
            and one level below them.
    """
    return "\n".join(_table(document, ())).lstrip("\n").encode()


def _table(table: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    """The lines of a table: plain values first, as TOML wants them, then what has a head of its own."""
    lines = [f"{_key(key)} = {_value(value)}" for key, value in table.items() if not _has_head(value, path)]
    for key, value in table.items():
        below = (*path, _key(key))
        if not _has_head(value, path):
            continue
        if isinstance(value, dict):
            lines += ["", f"[{'.'.join(below)}]", *_table(value, below)]
            continue
        for each in value:
            lines += ["", f"[[{'.'.join(below)}]]", *_table(each, below)]
    return lines if path else [*lines, ""]


def _has_head(value: object, path: tuple[str, ...]) -> bool:
    """Tables inside an action stand in its lines; at the top, and below a table of the top, they get a head."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(each, dict) for each in value)
    return isinstance(value, dict) and (not path or path[0] == "margins")


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, dict):
        inner = ", ".join(f"{_key(key)} = {_value(each)}" for key, each in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    raise TypeError(f"TOML has no {type(value).__name__}")


def _text(text: str) -> str:
    # JSON escapes all that TOML wants escaped, but for one character.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
