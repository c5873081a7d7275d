"""Small questions for the tests of allocation; each shows only what matters."""

from __future__ import annotations

import numpy as np

from fieldwise_allocation.core.question import Account, Place, Question, Rep, Rules


def question(
    accounts: int,
    reps: int,
    *,
    seed: int = 0,
    band: float = 0.25,
    skills: bool = True,
    incumbents: bool = True,
) -> Question:
    """Accounts around a few towns with uneven workloads, as a field force meets them."""
    rng = np.random.default_rng(seed)
    towns = rng.uniform((40, 0), (50, 10), (5, 2))
    where = towns[rng.integers(0, 5, accounts)] + rng.normal(0, 0.3, (accounts, 2))
    homes = where[rng.choice(accounts, reps, replace=accounts < reps)]
    hours = 0.2 + rng.gamma(2.0, 0.5, accounts)
    force = tuple(
        Rep(f"reps/r{i}", float(rng.choice([30, 40])), Place(*homes[i]), frozenset("ab" if i % 2 else "a"))
        for i in range(reps)
    )
    return Question(
        tuple(
            Account(
                f"customers/{j}",
                float(hours[j]),
                value=float(rng.gamma(2.0, 500.0)),
                place=Place(*where[j]),
                needs=frozenset("b") if skills and j % 7 == 0 else frozenset(),
                incumbent=force[int(rng.integers(0, reps))].name if incumbents and j % 3 else "",
            )
            for j in range(accounts)
        ),
        force,
        Rules(band=band, seconds=10.0),
    )
