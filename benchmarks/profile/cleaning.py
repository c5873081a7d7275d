"""A clean set corrupted with typos, gaps, duplicates, swaps and wrong formats: right fields before and after cleaning.

packages/market, `corruption`, test seeds 11 to 13; nothing was tuned on them. The cleaner is given the rows and the list of towns, not
the persons and not the right values. Its peer votes by number over the rows of the same person, which it is told.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from time import process_time
from typing import Any, Final

from benchmarks.report import Row
from fieldwise_market.corruption import Corrupted, corrupted_records
from fieldwise_profile.core.cleaning.corpus import Place
from fieldwise_profile.core.cleaning.records import Cleaned, cleaned

SEEDS: Final = (11, 12, 13)
PEOPLE: Final = 1_000
QUICK_PEOPLE: Final = 200
# Bins of confidence for the calibration error.
BINS: Final = 5


def rows(*, quick: bool) -> Iterator[Row]:
    before, after, alone, voted, pairs, seconds, errors = [], [], [], [], [], [], []
    fields: dict[str, list[tuple[float, float]]] = defaultdict(list)
    broken = touched = 0
    for seed in SEEDS:
        corrupted = corrupted_records(seed, QUICK_PEOPLE if quick else PEOPLE)
        started = process_time()
        results = cleaned(corrupted.rows, [Place(p.city, p.region, p.postcode) for p in corrupted.reference])
        seconds.append((process_time() - started) / len(results))
        better = [dict(each.values) for each in results]
        before.append(corrupted.accuracy(corrupted.rows))
        after.append(corrupted.accuracy(better))
        persons = [int(person) for person in corrupted.person]
        told = cleaned(corrupted.rows, same=persons)
        alone.append(corrupted.accuracy([dict(each.values) for each in told]))
        voted.append(corrupted.accuracy(_by_number(corrupted)))
        pairs.append(_pair_precision(results, corrupted))
        errors.append(_confidence_error(results, corrupted))
        for name in corrupted.truth[0]:
            fields[name].append((_right(corrupted.rows, corrupted, name), _right(better, corrupted, name)))
            harmed = _harmed(better, corrupted, name)
            broken, touched = broken + harmed, touched + len(better)
    yield Row("fields right before cleaning, median of 3 seeds", median(before), "share")
    yield Row(
        "fields right after cleaning, median of 3 seeds", median(after), "share", "must", ">= 0.95",
        "vote by number, persons told", median(voted),
    )  # fmt: skip
    yield Row("... the worst seed", min(after), "share", "must", ">= 0.95")
    for name, shares in fields.items():
        yield Row(
            f"... {name}", median(share for _, share in shares), "share",
            peer="before", peer_value=median(share for share, _ in shares),
        )  # fmt: skip
    yield Row(
        "fields right without a list of towns, persons told, as in ReviewRecords", median(alone), "share"
    )
    yield Row("right fields made wrong", broken / touched, "share")
    yield Row("rows taken for one person that are", median(pairs), "share of pairs")
    yield Row("confidence of suggestions: calibration error, 5 bins", median(errors), "share")
    yield Row("cleaning of a row", median(seconds) * 1e3, "ms CPU")


def _right(some: Sequence[Mapping[str, str]], corrupted: Corrupted, name: str) -> float:
    return sum(
        row.get(name, "") == right[name] for row, right in zip(some, corrupted.truth, strict=True)
    ) / len(some)


def _harmed(better: Sequence[Mapping[str, str]], corrupted: Corrupted, name: str) -> int:
    return sum(
        stated.get(name, "") == right[name] != row.get(name, "")
        for stated, row, right in zip(corrupted.rows, better, corrupted.truth, strict=True)
    )


def _by_number(corrupted: Corrupted) -> list[dict[str, str]]:
    """Each field as most rows of the person state it, blanks aside."""
    votes: dict[tuple[Any, str], Counter[str]] = defaultdict(Counter)
    for person, row in zip(corrupted.person, corrupted.rows, strict=True):
        for name in corrupted.truth[0]:
            if row.get(name, "").strip():
                votes[int(person), name][row[name]] += 1
    return [
        dict(row) | {name: _first(votes[int(person), name]) for name in corrupted.truth[0]}
        for person, row in zip(corrupted.person, corrupted.rows, strict=True)
    ]


def _first(votes: Counter[str]) -> str:
    return min(votes, key=lambda value: (-votes[value], value), default="")


def _pair_precision(results: Sequence[Cleaned], corrupted: Corrupted) -> float:
    groups = Counter(each.group for each in results)
    whole = Counter((each.group, int(person)) for each, person in zip(results, corrupted.person, strict=True))
    return _pairs(whole) / _pairs(groups)


def _pairs(sizes: Counter[Any]) -> int:
    return sum(size * (size - 1) // 2 for size in sizes.values())


def _confidence_error(results: Sequence[Cleaned], corrupted: Corrupted) -> float:
    told = [
        (each.confidence, each.suggested == right.get(each.field))
        for result, right in zip(results, corrupted.truth, strict=True)
        for each in result.suggestions
    ]
    bins: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for confidence, right in told:
        bins[min(BINS - 1, int(confidence * BINS))].append((confidence, right))
    return sum(
        abs(sum(confidence for confidence, _ in part) - sum(right for _, right in part))
        for part in bins.values()
    ) / len(told)
