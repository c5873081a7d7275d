"""Learns weights from pairs without being told which are one person (EM); knows no source of the pairs.

Source: Winkler (1988), Using the EM Algorithm for Weight Computation in the Fellegi-Sunter Model of Record Linkage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fieldwise_profile.core.identity.comparing import LEVELS, Field, Levels
from fieldwise_profile.core.identity.kinds import ADDRESS, CAUSED, KEPT, LIKE, ONE, START, probabilities
from fieldwise_profile.core.identity.weighing import Kind, Weights

_ROUNDS: Final = 80
_SETTLED: Final = 1e-6
# Pairs put to every level of random pairs beforehand, so that what was never seen is rare and not impossible.
_BEFOREHAND: Final = 0.5
# Pairs of each kind imagined as the start has them: they keep a kind what it is, and outweigh little of what is seen.
_IMAGINED: Final = 60.0

Array = NDArray[Any]


def start() -> Weights:
    """Where learning begins."""
    kinds = [
        Kind(name, share, probabilities(table), CAUSED[name], name in ONE)
        for name, (share, table) in START.items()
    ]
    return Weights(kinds, kinds[-1].levels, "judgement")


def learn(candidates: Sequence[Levels], random_pairs: Sequence[Levels], begin: Weights) -> Weights:
    """Weights by EM on the candidates: a mixture of kinds of pairs, fields independent within each.

    Args:
        candidates: Levels of the pairs that blocking gives.
        random_pairs: Levels of pairs drawn by chance: practically all of two persons.
        begin: Where EM begins, and what it leans on.
    """
    patterns, counts = _patterns(candidates)
    names = [kind.name for kind in begin.kinds]
    imagined = [{field: np.asarray(kind.levels[field]) for field in Field} for kind in begin.kinds]
    tables = imagined
    shares = np.array([kind.share for kind in begin.kinds])
    for _ in range(_ROUNDS):
        weight = _beliefs(patterns, shares, tables) * counts
        before, shares = shares, (weight.sum(axis=1) + 1) / (counts.sum() + len(shares))
        tables = _tables(patterns, dict(zip(names, weight, strict=True)), imagined)
        if np.abs(before - shares).max() < _SETTLED:
            break
    kinds = [
        replace(kind, share=float(share), levels=_listed(table))
        for kind, share, table in zip(begin.kinds, shares, tables, strict=True)
    ]
    return Weights(kinds, _listed(_chances(random_pairs)), "EM on the records themselves")


def _tables(
    patterns: Array, weights: Mapping[str, Array], imagined: Sequence[Mapping[Field, Array]]
) -> list[dict[Field, Array]]:
    """Each kind's table, as its share of the pairs has it."""
    found = []
    for name, lean in zip(weights, imagined, strict=True):
        kept = KEPT.get(name, frozenset())
        # Kinds that are alike but for what they keep learn the rest together.
        weight = sum(weights[each] for each in weights if LIKE.get(each, each) == LIKE.get(name, name))
        alone = weights[name]
        found.append(
            {
                field: lean[field]
                if field in kept
                else _leaning(patterns, alone if field in ADDRESS else weight, field, lean)
                for field in Field
            }
        )
    return found


def _leaning(patterns: Array, weight: Any, field: Field, lean: Mapping[Field, Array]) -> Array:
    return _of_one(_counted(patterns, weight, field) + _IMAGINED * lean[field])


def _patterns(levels: Sequence[Levels]) -> tuple[Array, Array]:
    table = np.asarray(levels, dtype=np.int8).reshape(-1, len(Field))
    patterns, counts = np.unique(table, axis=0, return_counts=True)
    return patterns, counts.astype(float)


def _beliefs(patterns: Array, shares: Array, tables: Sequence[Mapping[Field, Array]]) -> Array:
    """P(kind | pattern), shape (kinds, patterns)."""
    logs = np.stack(
        [
            np.log(share) + sum(np.log(table[field])[patterns[:, field]] for field in Field)
            for share, table in zip(shares, tables, strict=True)
        ]
    )
    odds = np.exp(logs - logs.max(axis=0))
    found: Array = odds / odds.sum(axis=0)
    return found


def _chances(random_pairs: Sequence[Levels]) -> dict[Field, Array]:
    patterns, counts = _patterns(random_pairs)
    return {field: _of_one(_counted(patterns, counts, field) + _BEFOREHAND) for field in Field}


def _counted(patterns: Array, weight: Array, field: Field) -> Array:
    counted: Array = np.bincount(patterns[:, field], weights=weight, minlength=len(LEVELS[field]))
    return counted


def _of_one(counted: Array) -> Array:
    counted[0] = 0.0
    shares: Array = counted / counted.sum()
    shares[0] = 1.0
    return shares


def _listed(shares: Mapping[Field, Array]) -> dict[Field, list[float]]:
    return {field: [float(each) for each in row] for field, row in shares.items()}
