"""From the bytes of a file of shops to checked shops, every fault reported at once; knows no path."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, date, datetime, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fieldwise_recommend.core.playbooks.places import Place, from_gcj02
from fieldwise_recommend.core.playbooks.shops import Open, Shop, ShopsNear
from fieldwise_recommend.core.reading import Reading, Table
from fieldwise_runtime.errors import InvalidRequest, Violation

INVALID: Final = "INVALID_SHOPS"
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MAPS: Final = ("wgs84", "gcj02")
_TOP: Final = frozenset({"within_km", "map", "shops", "areas"})
_OF_SHOP: Final = frozenset({"name", "title", "latitude", "longitude", "time_zone", "hours", "closed"})
_OF_AREA: Final = frozenset({"latitude", "longitude"})
_NAME: Final = re.compile(r"shops/[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_SPAN: Final = re.compile(r"(\d\d):([0-5]\d)-(\d\d):([0-5]\d)")
_MINUTES: Final = 1440
_MOST_KM: Final = 20_000


def parse(raw: bytes) -> ShopsNear:
    """The shops of a file.

    Raises:
        InvalidRequest: The file is no TOML, or something in it is wrong; all faults with field, value and remedy.
    """
    try:
        document = tomllib.loads(raw.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest([Violation.of("shops", str(error), "write valid TOML")]) from error
    read = Reading()
    read.known(document, _TOP, "")
    chinese = read.word(document, "map", "", _MAPS, default=_MAPS[0]) == "gcj02"
    within = read.number(document, "within_km", "", 0, _MOST_KM, default=None)
    shops = [
        _shop(read, table, f"shops[{number}].", chinese)
        for number, table in enumerate(read.tables(document, "shops", ""))
    ]
    names = [shop.name for shop in shops]
    for number, name in enumerate(names):
        if name in names[:number]:
            read.fault(f"shops[{number}].name", name, "give each shop a name of its own")
    listed = read.table(document, "areas", "")
    areas: dict[str, Place] = {}
    for name in listed:
        at = f"areas.{name}."
        table = read.table(listed, name, "areas.")
        read.known(table, _OF_AREA, at)
        areas[name] = _place(read, table, at, chinese)
    if read.faults:
        raise InvalidRequest(read.faults, reason=INVALID)
    return ShopsNear(shops, areas, within)


def _shop(read: Reading, table: Table, at: str, chinese: bool) -> Shop:
    read.known(table, _OF_SHOP, at)
    name = read.text(table, "name", at)
    if not _NAME.fullmatch(name):
        read.fault(at + "name", name, "give shops/<id> of letters, digits, - and _")
    return Shop(
        name,
        read.text(table, "title", at),
        _place(read, table, at, chinese),
        _zone(read, table, at),
        _hours(read, read.table(table, "hours", at), at + "hours."),
        _closed(read, table.get("closed", []), at + "closed"),
    )


def _place(read: Reading, table: Table, at: str, chinese: bool) -> Place:
    place = Place(
        read.number(table, "latitude", at, -90, 90, default=None),
        read.number(table, "longitude", at, -180, 180, default=None),
    )
    return from_gcj02(place) if chinese else place


def _zone(read: Reading, table: Table, at: str) -> tzinfo:
    name = read.text(table, "time_zone", at)
    try:
        return UTC if name in ("UTC", "") else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        read.fault(at + "time_zone", name, "give a name of the IANA time zone database, such as Europe/Paris")
        return UTC


def _hours(read: Reading, table: Table, at: str) -> tuple[Open, ...]:
    read.known(table, frozenset(_DAYS), at)
    found: list[Open] = []
    for weekday, name in enumerate(_DAYS, 1):
        listed = table.get(name, [])
        for text in listed if isinstance(listed, list) else [listed]:
            span = _SPAN.fullmatch(text) if isinstance(text, str) else None
            start, end = _minutes(span) if span else (0, 0)
            if not 0 <= start < end <= start + _MINUTES or start >= _MINUTES:
                remedy = 'give "09:00-18:00"; what closes after midnight ends above 24:00, as "20:00-26:00"'
                read.fault(at + name, text, remedy)
                continue
            found.append(Open(weekday, start, end))
    return tuple(found)


def _minutes(span: re.Match[str]) -> tuple[int, int]:
    numbers = [int(each) for each in span.groups()]
    return 60 * numbers[0] + numbers[1], 60 * numbers[2] + numbers[3]


def _closed(read: Reading, listed: Any, at: str) -> frozenset[date]:
    days = listed if isinstance(listed, list) else [listed]
    for each in days:
        if not isinstance(each, date) or isinstance(each, datetime):
            read.fault(at, each, "list dates, such as 2027-12-25")
    return frozenset(each for each in days if isinstance(each, date))
