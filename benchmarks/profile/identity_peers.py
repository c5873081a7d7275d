"""Other people's record linkage on the same records, fields and candidate pairs: Splink 5 and recordlinkage's ECM."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from fieldwise_profile.core.identity.record import Record

Pair = tuple[int, int]
# Fields as columns, each None where a record does not state it.
_COLUMNS: dict[str, Callable[[Record], str]] = {
    "given": lambda r: r.given,
    "family": lambda r: r.family,
    "phone": lambda r: r.phone,
    "email": lambda r: r.email,
    "numbers": lambda r: " ".join(r.numbers),
    "street": lambda r: r.street,
    "city": lambda r: r.city,
    "postcode": lambda r: r.postcode,
    "region": lambda r: r.region,
    "born": lambda r: r.born.digits if r.born else "",
    "gender": lambda r: r.gender,
    "number": lambda r: r.number,
    "company": lambda r: r.company,
}
_FUZZY = ("given", "family", "street", "city", "company")
_SLIPS = ("numbers", "postcode", "number", "born")


@dataclass(frozen=True)
class Judged:
    """Probabilities of pairs, and what they cost."""

    probabilities: dict[Pair, float]
    seconds: float


def columns_of(records: Sequence[Record]) -> list[str]:
    """Columns that some record states."""
    return [name for name, value in _COLUMNS.items() if any(value(each) for each in records)]


def splink(
    records: Sequence[Record], blocked: Sequence[Sequence[int]], rules: Sequence[Sequence[str]]
) -> Judged:
    """Splink with levels of Jaro-Winkler on names, streets and towns, one slip on numbers, equality elsewhere, term frequencies
    where it offers them; trained without labels as its documentation has it.

    Args:
        blocked: Places that share a key: the pairs to weigh.
        rules: Columns of which each training session keeps one set equal.
    """
    frame, columns = _frame(records, blocked)
    begun = perf_counter()
    linker = _linker(frame, columns)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    from splink import block_on

    for rule in rules:
        # A session in which some level never occurs ends with an error in Splink 5.0; the others have its levels.
        with suppress(ValueError):
            linker.training.estimate_parameters_using_expectation_maximisation(
                block_on(*rule), record_sample_proportion=1.0
            )
    found = linker.inference.predict(threshold_match_probability=0.001).as_pandas_dataframe()
    seconds = perf_counter() - begun
    pairs = zip(found["unique_id_l"], found["unique_id_r"], found["match_probability"], strict=True)
    return Judged({_pair(int(a), int(b)): float(p) for a, b, p in pairs}, seconds)


def _frame(records: Sequence[Record], blocked: Sequence[Sequence[int]]) -> tuple[Any, list[str]]:
    import pandas as pd

    columns = columns_of(records)
    blocks: list[list[int]] = [[] for _ in records]
    for number, places in enumerate(blocked):
        for place in places:
            blocks[place].append(number)
    rows = [
        {
            "unique_id": place,
            "block": blocks[place],
            **{name: _COLUMNS[name](each) or None for name in columns},
        }
        for place, each in enumerate(records)
    ]
    return pd.DataFrame(rows), columns


def _linker(frame: Any, columns: Sequence[str], frequencies: bool = True) -> Any:
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    logging.getLogger("splink").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    comparisons = [_comparison(cl, name, frequencies) for name in columns]
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=comparisons,
        blocking_rules_to_generate_predictions=[block_on("block", arrays_to_explode=["block"])],
        retain_matching_columns=False,
    )
    database = DuckDBAPI()
    database.duckdb_con.execute("SET threads TO 1")
    return Linker(database.register(frame), settings)


def _comparison(library: Any, name: str, frequencies: bool) -> Any:
    if name in _FUZZY:
        return library.JaroWinklerAtThresholds(name, [0.92, 0.8]).configure(
            term_frequency_adjustments=frequencies
        )
    if name in _SLIPS:
        return library.DamerauLevenshteinAtThresholds(name, [1, 2])
    return library.ExactMatch(name).configure(
        term_frequency_adjustments=frequencies and name in ("phone", "email")
    )


def splink_one_against_all(records: Sequence[Record], asked: Sequence[Record]) -> list[float]:
    """Seconds of each look-up of one record among all: `predict_between` of 1 and N, by telephone, e-mail, name and birth."""
    from splink import block_on

    frame, columns = _frame(records, ())
    # Without term frequencies, which it wants counted beforehand: that can only make it faster.
    linker = _linker(frame, columns, frequencies=False)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    rules = [block_on("phone"), block_on("email"), block_on("family", "born"), block_on("given", "postcode")]
    database = linker._db_api
    seconds = []
    everybody = database.register(frame)
    for number, each in enumerate(asked):
        row, _ = _frame([each], ())
        for name in columns:
            if name not in row:
                row[name] = None
        row["unique_id"] = -1 - number
        begun = perf_counter()
        one = database.register(row.astype(dict.fromkeys(columns, "string")))
        linker.inference.predict_between(
            one, everybody, link_type="link_only", blocking_rules_to_generate_predictions=rules
        ).as_record_list()
        seconds.append(perf_counter() - begun)
    return seconds


def ecm(records: Sequence[Record], pairs: Sequence[Pair]) -> Judged:
    """recordlinkage's ECM classifier on binary agreements (Jaro-Winkler of .85 and more), as in its documentation."""
    import pandas as pd
    import recordlinkage

    frame, columns = _frame(records, ())
    frame = frame.set_index("unique_id")
    begun = perf_counter()
    comparing = recordlinkage.Compare()
    for name in columns:
        if name in _FUZZY:
            comparing.string(name, name, method="jarowinkler", threshold=0.85, label=name)
        else:
            comparing.exact(name, name, label=name)
    index = pd.MultiIndex.from_tuples(list(pairs))
    vectors = comparing.compute(index, frame)
    classifier = recordlinkage.ECMClassifier()
    classifier.fit(vectors)
    matched = classifier.prob(vectors)
    seconds = perf_counter() - begun
    return Judged({_pair(a, b): float(p) for (a, b), p in matched.items()}, seconds)


def _pair(one: int, other: int) -> Pair:
    return (one, other) if one < other else (other, one)
