"""A file of rows read into a table: what each column holds, which rows are taken, what is wrong; knows no learner."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fieldwise_runtime.errors import InvalidRequest, Violation

from .core.table.asked import NO_DATE, Wish
from .core.table.encoding import MOST_LEVELS, MOST_OF_A_DATE
from .core.table.roles import guessed_date, guessed_target
from .core.table.splitting import SEED
from .core.table.table import Column, Dates, Kind, Numbers, Table, Texts
from .table_cells import FORMATS, LARGEST, Cells, cleaned, column, dates, numbers, texts, too_large
from .table_source import Block, RowFaults, Source, Told

# Learners take no more rows than this: a forest on ten million would take hours and gigabytes.
MOST_ROWS = 300_000
# And no more rows x features, 8 bytes each: several copies of them are in memory at once.
MOST_CELLS = 20_000_000
FEWEST_ROWS = 10
# More different texts than this are names of rows, not kinds of rows.
MOST_TEXTS = 1_000
# A column with so many numbers (or dates) is one of numbers, and the rest of its cells are faults.
NEARLY_ALL = 0.95
NAMED = 5


@dataclass
class Tally:
    """What the cells of one column are, counted over all rows."""

    name: str
    rows: int = 0
    filled: int = 0
    numbers: int = 0
    low: float = np.inf
    high: float = -np.inf
    infinite: list[int] = field(default_factory=list)
    infinite_count: int = 0
    formats: Counter[str] = field(default_factory=Counter)
    levels: Counter[str] = field(default_factory=Counter)
    too_many: bool = False
    empty_at: int = 0

    def add(self, cells: Cells, numbering: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
        self.rows += len(cells)
        self.filled += len(cells) - cells.null_count
        if cells.null_count and not self.empty_at:
            self.empty_at = int(numbering[np.asarray(cells.is_null())][0])
        values, wrong = numbers(cells)
        self._count_numbers(values, numbering)
        self._count_texts(cells)
        # Eight digits are a number, unless the column is named like a date.
        if wrong.any() or "date" in self.name.lower() or "日期" in self.name:
            self.count_formats(cells)

    def _count_numbers(self, values: np.ndarray, numbering: np.ndarray) -> None:
        self.numbers += int(np.count_nonzero(~np.isnan(values)))
        finite = values[np.isfinite(values)]
        if len(finite):
            self.low, self.high = min(self.low, float(finite.min())), max(self.high, float(finite.max()))
        infinite = too_large(values)
        if infinite.any():
            self.infinite_count += int(infinite.sum())
            self.infinite = [*self.infinite, *numbering[infinite].tolist()][:NAMED]

    def _count_texts(self, cells: Cells) -> None:
        if self.too_many:
            return
        for each in pc.value_counts(cells):
            if each["values"].is_valid:
                self.levels[each["values"].as_py()] += each["counts"].as_py()
        self.too_many = len(self.levels) > MOST_TEXTS

    def count_formats(self, cells: Cells) -> None:
        """Only formats that read nearly everything so far are tried again."""
        before = self.filled - (len(cells) - cells.null_count)
        for form in FORMATS:
            if self.formats[form] >= NEARLY_ALL * before:
                times, _ = dates(cells, form)
                self.formats[form] += int(np.count_nonzero(~np.isnat(times)))

    @property
    def form(self) -> str:
        """How dates are written here; empty when this is no column of dates."""
        best = max(FORMATS, key=lambda form: self.formats[form])
        return best if self.filled and self.formats[best] >= NEARLY_ALL * self.filled else ""

    @property
    def features(self) -> int:
        """How many features the column will become, at the most."""
        if self.kind is Kind.TEXT:
            return min(MOST_LEVELS, len(self.levels))
        return MOST_OF_A_DATE if self.kind is Kind.DATE else 1 + (self.filled < self.rows)

    @property
    def strange(self) -> int:
        """Cells that are not of the column's kind."""
        if self.kind is Kind.TEXT:
            return 0
        return self.filled - (self.numbers if self.kind is Kind.NUMBER else self.formats[self.form])

    @property
    def kind(self) -> Kind:
        if self.form:
            return Kind.DATE
        return Kind.NUMBER if self.numbers >= NEARLY_ALL * max(1, self.filled) else Kind.TEXT


@dataclass(frozen=True)
class Reading:
    """A file read into memory.

    Attributes:
        table: Rows to learn from, drawn by number with seed 42 when the file has more than fit.
        sampled: Whether they were drawn.
        rows: Of the file.
        notes: What was guessed, left out or drawn, in words.
        limit: Rows that do not exist for this reading; None: all do.
    """

    table: Table
    target: str
    date: str
    formats: dict[str, str]
    kinds: dict[str, Kind]
    rows: int
    sampled: bool
    notes: tuple[str, ...]
    limit: Limit | None = None


def read(source: Source, wish: Wish, told: Told, most_rows: int | None = None) -> Reading:
    """Read a file twice: to find out what it holds, then to take what learners need of it.

    Args:
        most_rows: More than these are drawn from; None: MOST_ROWS.
    Raises:
        InvalidRequest: The file or the wish is wrong; every fault at once.
    """
    faults = wish_faults(source, wish)
    if faults:
        raise InvalidRequest(faults)
    broken = RowFaults(len(source.names))
    limit = limit_of(source, wish)
    tallies = {name: Tally(name) for name in source.names if name not in wish.without}
    rows = 0
    for block in blocks(source, list(tallies), limit, lambda share: told(share / 2), broken):
        rows += len(block.numbering)
        for name, tally in tallies.items():
            tally.add(cleaned(block.cells[name]), block.numbering)
    roles = roles_of(tallies, wish)
    faults = [*broken.violations(), *size_faults(rows), *(role_faults(tallies, roles) if rows else [])]
    faults += [*infinite_faults(tallies), *strange_faults(source, tallies, limit)]
    if faults:
        raise InvalidRequest(faults)
    used = {name: tally for name, tally in tallies.items() if is_used(tally, roles)}
    wanted = MOST_ROWS if most_rows is None else most_rows
    most = min(wanted, MOST_CELLS // sum(tally.features for tally in used.values()))
    share = min(1.0, most / rows)
    table = taken(source, used, share, limit, lambda done: told((1 + done) / 2))
    table, unanswered = with_target(table, roles.target)
    notes = [*roles.notes, *left_out(tallies, used), *sampling(rows, most, unanswered)]
    formats = {name: tally.form for name, tally in used.items() if tally.kind is Kind.DATE}
    kinds = {name: tally.kind for name, tally in used.items()}
    return Reading(table, roles.target, roles.date, formats, kinds, rows, rows > most, tuple(notes), limit)


# ---- rows ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Limit:
    """Rows from a moment on do not exist."""

    date: str
    form: str
    before: np.datetime64

    def keeps(self, block: Block) -> Block:
        times, _ = dates(cleaned(block.cells[self.date]), self.form)
        kept = ~(times >= self.before)
        return Block(block.numbering[kept], block.cells.filter(pa.array(kept)))


def limit_of(source: Source, wish: Wish) -> Limit | None:
    if wish.before is None:
        return None
    tally = Tally(wish.date)
    for block in source.blocks([wish.date], lambda _: None):
        cells = cleaned(block.cells[wish.date])
        tally.filled += len(cells) - cells.null_count
        tally.count_formats(cells)
    return Limit(wish.date, tally.form or FORMATS[0], wish.before)


def blocks(
    source: Source, names: Sequence[str], limit: Limit | None, told: Told, broken: RowFaults | None = None
) -> Iterator[Block]:
    for block in source.blocks(names, told, broken):
        yield block if limit is None else limit.keeps(block)


def taken(source: Source, used: dict[str, Tally], share: float, limit: Limit | None, told: Told) -> Table:
    """The wanted columns of the rows that are drawn; in memory a block and what was taken."""
    rng = np.random.default_rng(SEED)
    parts: dict[str, list[Column]] = {name: [] for name in used}
    numbering = [np.empty(0, dtype=np.int64)]
    levels = {name: tuple(sorted(tally.levels)) for name, tally in used.items()}
    for block in blocks(source, list(used), limit, told):
        kept = rng.random(len(block.numbering)) < share
        cells = block.cells if kept.all() else block.cells.filter(pa.array(kept))
        numbering.append(block.numbering[kept])
        for name, tally in used.items():
            parts[name].append(part(cleaned(cells[name]), tally, levels[name]))
    columns = {name: joined(pieces) for name, pieces in parts.items()}
    return Table(columns, np.concatenate(numbering))


def part(cells: Cells, tally: Tally, levels: tuple[str, ...]) -> Column:
    if tally.kind is Kind.TEXT:
        return Texts(texts(cells, levels), levels)
    return column(cells, tally.kind, tally.form)[0]


def joined(pieces: Sequence[Column]) -> Column:
    match pieces[0]:
        case Numbers():
            return Numbers(np.concatenate([each.values for each in pieces if isinstance(each, Numbers)]))
        case Dates():
            return Dates(np.concatenate([each.values for each in pieces if isinstance(each, Dates)]))
        case Texts():
            codes = [each.codes for each in pieces if isinstance(each, Texts)]
            return replace(pieces[0], codes=np.concatenate(codes))


def with_target(table: Table, target: str) -> tuple[Table, int]:
    """Rows whose target is known, and how many others there were."""
    known = np.flatnonzero(np.isfinite(table.numbers(target)))
    return table.take(known), table.rows - len(known)


# ---- what is what -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Roles:
    """The target, the date (empty: none), and what was guessed."""

    target: str
    date: str
    notes: tuple[str, ...]


def roles_of(tallies: dict[str, Tally], wish: Wish) -> Roles:
    kinds = {name: tally.kind for name, tally in tallies.items()}
    date = "" if wish.date == NO_DATE else wish.date or guessed_date(kinds)
    others = {name: kind for name, kind in kinds.items() if name != date and name not in wish.keys}
    target = wish.target or guessed_target(others)
    notes = []
    if target and not wish.target:
        notes.append(f"target: column '{target}' was guessed; name another with --target")
    if date and not wish.date:
        notes.append(f"date: column '{date}' was guessed; name another with --date, or - for none")
    if not date and wish.date != NO_DATE:
        notes.append("date: no column of dates was found, so rows are split at random")
    if date and {"%m/%d/%Y", "%d/%m/%Y"} <= ambiguous(tallies.get(date)):
        notes.append(f"date: '{date}' was read as month/day/year; nothing in it tells which comes first")
    return Roles(target, date, tuple(notes))


def ambiguous(tally: Tally | None) -> set[str]:
    """Formats that read the column equally well."""
    if tally is None:
        return set()
    most = max(tally.formats.values(), default=0)
    return {form for form, count in tally.formats.items() if count == most and most}


def is_used(tally: Tally, roles: Roles) -> bool:
    if tally.name in (roles.target, roles.date):
        return True
    if tally.kind is Kind.TEXT:
        return bool(tally.filled) and not tally.too_many
    return bool(tally.filled)


def left_out(tallies: dict[str, Tally], used: dict[str, Tally]) -> list[str]:
    found = []
    for name, tally in tallies.items():
        if name not in used:
            why = f"more than {MOST_TEXTS:,} different texts" if tally.too_many else "no value at all"
            found.append(f"column '{name}' is left out: {why}")
    return found


def sampling(rows: int, most: int, unanswered: int) -> list[str]:
    found = []
    if rows > most:
        found.append(f"about {most:,} of {rows:,} rows are learnt from, drawn with seed {SEED}")
    if unanswered:
        found.append(f"{unanswered:,} rows without a target are left out")
    return found


# ---- what is wrong ------------------------------------------------------------------------------------------------


def wish_faults(source: Source, wish: Wish) -> list[Violation]:
    """Columns that are asked for and not there, and roles that exclude each other."""
    asked = [("target", wish.target), ("date", "" if wish.date == NO_DATE else wish.date)]
    asked += [*(("keys", name) for name in wish.keys), *(("without", name) for name in wish.without)]
    there = ", ".join(source.names[:10]) + (", ..." if len(source.names) > 10 else "")
    faults = [
        Violation.of(role, name, f"name one of the columns: {there}")
        for role, name in asked
        if name and name not in source.names
    ]
    if wish.target and wish.target == wish.date:
        faults.append(Violation.of("target", wish.target, "it is the date as well: name another column"))
    faults += [
        Violation.of("without", name, "it is asked for as well: leave it in")
        for name in wish.without
        if name in (wish.target, wish.date, *wish.keys)
    ]
    if wish.before is not None and wish.date in ("", NO_DATE):
        faults.append(Violation.of("before", str(wish.before), "name the column of dates as well"))
    return faults


def size_faults(rows: int) -> list[Violation]:
    if rows >= FEWEST_ROWS:
        return []
    found = "1 row" if rows == 1 else f"{rows} rows"
    return [Violation("file", found, f"give at least {FEWEST_ROWS} rows below the header")]


def role_faults(tallies: dict[str, Tally], roles: Roles) -> list[Violation]:
    return [*target_faults(tallies.get(roles.target), tallies), *date_faults(tallies.get(roles.date))]


def target_faults(tally: Tally | None, tallies: dict[str, Tally]) -> list[Violation]:
    if tally is None:
        found = f"{len(tallies)} columns without a number to foretell"
        return [Violation("target", found, "name a column of numbers with --target")]
    if not tally.filled:
        return [Violation(tally.name, "no value in any row", "fill the target, or name another one")]
    if tally.kind is not Kind.NUMBER:
        shown = ", ".join(repr(text) for text in sorted(tally.levels)[:3])
        return [Violation(tally.name, f"{tally.kind}s such as {shown}", "the target has to be a number")]
    if tally.low == tally.high and tally.rows > 1 and not tally.infinite_count:
        remedy = "a target that never changes needs no model: name another one"
        return [Violation(tally.name, f"{tally.low:g} in every row", remedy)]
    return []


def date_faults(tally: Tally | None) -> list[Violation]:
    if tally is None:
        return []
    if not tally.form:
        shown = ", ".join(repr(text) for text in sorted(tally.levels)[:3]) or f"numbers from {tally.low:g}"
        remedy = "write dates such as 2024-01-31, name another column, or - for none"
        return [Violation(tally.name, shown, remedy)]
    if tally.filled < tally.rows:
        found = f"no date in {tally.rows - tally.filled:,} rows, row {tally.empty_at:,} the first"
        return [Violation(tally.name, found, "fill them in or take the rows out")]
    return []


def infinite_faults(tallies: dict[str, Tally]) -> list[Violation]:
    return [
        Violation(
            tally.name,
            f"{tally.infinite_count:,} values infinite or beyond {LARGEST:.0e}, in rows {', '.join(f'{row:,}' for row in tally.infinite)}",
            "give smaller numbers, or leave the cells empty",
        )
        for tally in tallies.values()
        if tally.kind is Kind.NUMBER and tally.infinite_count
    ]


def strange_faults(source: Source, tallies: dict[str, Tally], limit: Limit | None) -> list[Violation]:
    """Cells that are not of their column's kind; they are looked for only when there are some."""
    counts = {tally.name: tally.strange for tally in tallies.values() if tally.strange}
    if not counts:
        return []
    found: dict[str, list[str]] = {name: [] for name in counts}
    for block in blocks(source, list(counts), limit, lambda _: None):
        for name in counts:
            cells = cleaned(block.cells[name])
            _, wrong = column(cells, tallies[name].kind, tallies[name].form)
            for row in np.flatnonzero(wrong)[: NAMED - len(found[name])]:
                found[name].append(f"{cells[row].as_py()[:20]!r} in row {block.numbering[row]:,}")
    return [
        Violation(
            name,
            f"{count:,} cells that are no {tallies[name].kind}: {', '.join(found[name])}",
            "correct them, or leave the cells empty",
        )
        for name, count in counts.items()
    ]
