"""What a customer is interested in now: products, by signs that fade; knows no store and keeps no word.

A purchase today is 1. A search is .6, a click .4, a view .2: the order in which profile ranks signs of intent (3 : 2 : 1), not measured.
Purchases fade with a half-life of 28 days, the others with one of 7. A search that names a category but no product speaks for
the products of the category, by how often they are bought. Words he searched for are matched with the names of products and categories
where the search itself named neither.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from .behaviour import DAY, NONE, Behaviour, Deed

WORTH = {Deed.PURCHASE: 1.0, Deed.SEARCH: 0.6, Deed.CLICK: 0.4, Deed.VIEW: 0.2}
HALF_LIFE_DAYS = {Deed.PURCHASE: 28.0, Deed.SEARCH: 7.0, Deed.CLICK: 7.0, Deed.VIEW: 7.0}
# Kept of each category: what most customers buy of it.
PRODUCTS_PER_CATEGORY = 20

# Signs by kind for each (product, category).
Signs = dict[tuple[str, str], dict[str, float]]


@dataclass(frozen=True)
class Catalogue:
    """The products bought most of each category, each with its share of the category's purchases."""

    products: Mapping[str, Sequence[tuple[str, float]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Searched:
    """Words of a search, lower case, and when; microseconds."""

    word: str
    time: int


@dataclass(frozen=True)
class Interest:
    """A product, its category, the fading sum of signs, and the sums by kind."""

    product: str
    category: str
    score: float
    parts: Mapping[str, float]


def catalogue_of(behaviour: Behaviour) -> Catalogue:
    """From everybody's purchases."""
    bought = behaviour.where(
        behaviour.is_kind(Deed.PURCHASE) & (behaviour.category != NONE) & (behaviour.product != NONE)
    )
    pairs, counts = np.unique(np.column_stack([bought.category, bought.product]), axis=0, return_counts=True)
    by_category: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for (category, product), count in zip(pairs.tolist(), counts.tolist(), strict=True):
        by_category[behaviour.words[category]].append((behaviour.words[product], count))
    return Catalogue({category: shares_of(own) for category, own in sorted(by_category.items())})


def shares_of(counts: Sequence[tuple[str, int]]) -> list[tuple[str, float]]:
    """The products bought most, with their shares of all counts; ties by name."""
    total = sum(count for _, count in counts)
    ranked = sorted(counts, key=lambda each: (-each[1], each[0]))[:PRODUCTS_PER_CATEGORY]
    return [(product, count / total) for product, count in ranked]


def interests(
    behaviour: Behaviour, catalogue: Catalogue, searched: Sequence[Searched], moment: int
) -> list[Interest]:
    """Of one customer, strongest first.

    Args:
        behaviour: His alone.
        searched: Words he searched for, at the last time he did.
    """
    known = behaviour.before(moment)
    signs: Signs = defaultdict(lambda: defaultdict(float))
    named = set()
    for row in np.flatnonzero(known.weight > 0).tolist():
        kind = Deed(int(known.kind[row]))
        product, category = known.words[known.product[row]], known.words[known.category[row]]
        if kind not in WORTH or not (product or category):
            continue
        if kind is Deed.SEARCH:
            named.add(int(known.time[row]))
        worth = float(known.weight[row]) * faded(kind, int(known.time[row]), moment)
        for target, share in targets(kind, product, category, catalogue):
            signs[target][kind.name.lower()] += worth * share
    for search in searched:
        # What a search named plainly is counted already.
        if search.time < moment and search.time not in named:
            worth = faded(Deed.SEARCH, search.time, moment)
            for target, share in matching(search.word, catalogue, list(signs)):
                signs[target]["search"] += worth * share
    found = [Interest(*target, sum(parts.values()), dict(parts)) for target, parts in signs.items()]
    return sorted(found, key=lambda each: (-each.score, each.product))


def targets(
    kind: Deed, product: str, category: str, catalogue: Catalogue
) -> Iterator[tuple[tuple[str, str], float]]:
    """What a deed speaks for, each with its share."""
    if product:
        yield (product, category), 1.0
    elif kind is Deed.SEARCH:
        for each, share in catalogue.products.get(category, ()):
            yield (each, category), share


def matching(
    word: str, catalogue: Catalogue, touched: Sequence[tuple[str, str]]
) -> Iterator[tuple[tuple[str, str], float]]:
    """Products that a word speaks for: by their own name whole, by their category's by how often they are bought."""
    known = {
        (product, category): share for category, own in catalogue.products.items() for product, share in own
    }
    for product, category in dict.fromkeys([*known, *touched]):
        if word in words_of(product):
            yield (product, category), 1.0
        elif word in words_of(category):
            yield (product, category), known.get((product, category), 0.0)


def words_of(name: str) -> list[str]:
    """The words of a name, lower case; letters and digits only."""
    return "".join(letter.lower() if letter.isalnum() else " " for letter in name).split()


def faded(kind: Deed, time: int, moment: int) -> float:
    """What a deed of this kind is worth now."""
    return float(WORTH[kind] * 0.5 ** ((moment - time) / DAY / HALF_LIFE_DAYS[kind]))
