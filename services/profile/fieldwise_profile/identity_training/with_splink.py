"""Weights trained by Splink, in the form that our scorer reads; knows no file.

Splink compares in SQL and sees fewer levels than we do (no initials, no pet names, no parts of names). What it cannot see keeps
the judged probability, what it sees shares the rest as Splink has learned it. Its model has two kinds: one person, two strangers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from fieldwise_profile.core.identity.comparing import LEVELS, Field
from fieldwise_profile.core.identity.kinds import PERSON, START, STRANGER, probabilities
from fieldwise_profile.core.identity.record import Record
from fieldwise_profile.core.identity.weighing import Kind, Weights

_LEAST: Final = 1e-9
# Each field as a column of text.
_COLUMNS: Final[Mapping[Field, Callable[[Record], str]]] = {
    Field.GIVEN: lambda r: r.given,
    Field.FAMILY: lambda r: r.family,
    Field.PHONE: lambda r: r.phone,
    Field.EMAIL: lambda r: r.email,
    Field.NUMBERS: lambda r: " ".join(r.numbers),
    Field.STREET: lambda r: r.street,
    Field.CITY: lambda r: r.city,
    Field.POSTCODE: lambda r: r.postcode,
    Field.REGION: lambda r: r.region,
    Field.BORN: lambda r: r.born.digits if r.born else "",
    Field.GENDER: lambda r: r.gender,
    Field.NUMBER: lambda r: r.number,
    Field.COMPANY: lambda r: r.company,
}
_SPOKEN: Final = {Field.GIVEN: "given_spoken", Field.FAMILY: "family_spoken"}
# Our levels that Splink can see, most alike first, as SQL over the columns `{c}` and `{s}` (how it sounds).
_EQUAL: Final = ("EQUAL", "{c}_l = {c}_r")
_SLIP: Final = ("ONE_SLIP", "damerau_levenshtein({c}_l, {c}_r) <= 1")
_NAME: Final = (
    _EQUAL,
    ("SOUNDS_EQUAL", "{s}_l = {s}_r"),
    ("CLOSE", "jaro_winkler_similarity({s}_l, {s}_r) >= 0.9"),
    ("ALIKE", "jaro_winkler_similarity({s}_l, {s}_r) >= 0.8"),
)
_TEXT: Final = (_EQUAL, ("CLOSE", "jaro_winkler_similarity({c}_l, {c}_r) >= 0.88"))
_SEEN: Final[Mapping[Field, tuple[tuple[str, str], ...]]] = {
    Field.GIVEN: _NAME,
    Field.FAMILY: _NAME,
    Field.PHONE: (_EQUAL, _SLIP),
    Field.EMAIL: (_EQUAL, _SLIP),
    Field.NUMBERS: (_EQUAL, _SLIP),
    Field.STREET: _TEXT,
    Field.CITY: _TEXT,
    Field.POSTCODE: (_EQUAL, _SLIP),
    Field.REGION: (_EQUAL,),
    Field.BORN: (_EQUAL, _SLIP),
    Field.GENDER: (_EQUAL,),
    Field.NUMBER: (_EQUAL, _SLIP),
    Field.COMPANY: _TEXT,
}
# Fields kept equal in each training session: every field is free in one of them.
_SESSIONS: Final = ((Field.NUMBER,), (Field.EMAIL,), (Field.GIVEN, Field.FAMILY, Field.POSTCODE))


def splink_weights(records: Sequence[Record], blocked: Sequence[Sequence[int]]) -> Weights:
    """Weights by Splink's EM on the candidates of the blocks, nobody telling who is who."""
    from splink import DuckDBAPI, Linker, block_on

    logging.getLogger("splink").setLevel(logging.ERROR)
    stated = [field for field, value in _COLUMNS.items() if any(map(value, records))]
    linker: Any = Linker(DuckDBAPI().register(_frame(records, blocked, stated)), _settings(stated))
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    for session in _SESSIONS:
        # A session in which a level never occurs ends with an error in Splink 5.0; the others have its levels.
        with suppress(ValueError):
            linker.training.estimate_parameters_using_expectation_maximisation(
                block_on(*(field.name.lower() for field in session)), record_sample_proportion=1.0
            )
    return _weights(linker.misc.save_model_to_json())


def _frame(records: Sequence[Record], blocked: Sequence[Sequence[int]], stated: Sequence[Field]) -> Any:
    import pandas as pd

    blocks: list[list[int]] = [[] for _ in records]
    for number, places in enumerate(blocked):
        for place in places:
            blocks[place].append(number)
    columns: dict[str, list[Any]] = {"unique_id": list(range(len(records))), "block": blocks}
    for field in stated:
        columns[field.name.lower()] = [_COLUMNS[field](each) or None for each in records]
        if field in _SPOKEN:
            columns[_SPOKEN[field]] = [getattr(each, _SPOKEN[field]) or None for each in records]
    return pd.DataFrame(columns)


def _settings(stated: Sequence[Field]) -> Any:
    import splink.comparison_library as library
    from splink import SettingsCreator, block_on

    return SettingsCreator(
        link_type="dedupe_only",
        comparisons=[
            library.CustomComparison(output_column_name=field.name.lower(), comparison_levels=_levels(field))
            for field in stated
        ],
        blocking_rules_to_generate_predictions=[block_on("block", arrays_to_explode=["block"])],
        retain_matching_columns=False,
    )


def _levels(field: Field) -> list[Any]:
    names = {"c": field.name.lower(), "s": _SPOKEN.get(field, "")}
    missing = "{c}_l IS NULL OR {c}_r IS NULL".format(**names)
    return [
        {"sql_condition": missing, "label_for_charts": "MISSING", "is_null_level": True},
        *({"sql_condition": sql.format(**names), "label_for_charts": code} for code, sql in _SEEN[field]),
        {"sql_condition": "ELSE", "label_for_charts": "DIFFERENT"},
    ]


def _weights(model: Mapping[str, Any]) -> Weights:
    one = probabilities(START[PERSON][1])
    two = probabilities(START[STRANGER][1])
    for comparison in model["comparisons"]:
        field = Field[comparison["output_column_name"].upper()]
        for table, name in ((one, "m_probability"), (two, "u_probability")):
            learned = {
                level["label_for_charts"]: level[name]
                for level in comparison["comparison_levels"]
                if level.get(name) is not None
            }
            table[field] = _shared(field, table[field], learned)
    share = min(0.5, max(0.05, float(model["probability_two_random_records_match"])))
    kinds = [
        Kind(PERSON, share, one, frozenset(Field), True),
        Kind(STRANGER, 1 - share, two, frozenset(), False),
    ]
    return Weights(kinds, two, "Splink on the records themselves")


def _shared(field: Field, judged: Sequence[float], learned: Mapping[str, float]) -> list[float]:
    """What Splink sees, as it has learned it; what it does not see, as judged."""
    codes = LEVELS[field][1:]
    unseen = sum(share for code, share in zip(codes, judged[1:], strict=True) if code not in learned)
    scale = (1 - unseen) / max(_LEAST, sum(learned.values()))
    return [
        1.0,
        *(
            max(_LEAST, learned[code] * scale) if code in learned else share
            for code, share in zip(codes, judged[1:], strict=True)
        ),
    ]
