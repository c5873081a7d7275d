"""Links, persons and learning without a database: undoing gives back what was, chains break, nobody's truth is needed."""

from __future__ import annotations

import json
import random
from itertools import combinations, product
from pathlib import Path

import pytest

from fieldwise_profile.core.identity.clustering import cluster
from fieldwise_profile.core.identity.comparing import compare
from fieldwise_profile.core.identity.graph import Graph, Link
from fieldwise_profile.core.identity.learning import learn, start
from fieldwise_profile.core.identity.pairing import blocks, pairs
from fieldwise_profile.core.identity.policy import Thresholds, Verdict
from fieldwise_profile.core.identity.record import record_of
from fieldwise_profile.core.identity.weighing import Scorer, frequencies, probability, weights_of
from fieldwise_profile.identity_training.__main__ import main
from fieldwise_profile.identity_weights import delivered, installed
from fieldwise_runtime.errors import FailedPrecondition

NAMES = [f"customers/{number}" for number in range(12)]
RANKS = {name: (number * 7) % 12 for number, name in enumerate(NAMES)}


def naive_persons(links: list[Link]) -> dict[str, tuple[str, ...]]:
    """Persons by walking from every name anew: slow and plain."""
    found = {}
    for name in NAMES:
        seen = {name}
        while True:
            more = {b for each in links for a, b in ((each.a, each.b), (each.b, each.a)) if a in seen} | seen
            if more == seen:
                break
            seen = more
        found[name] = tuple(sorted(seen, key=lambda each: (RANKS[each], each)))
    return found


def test_ten_thousand_merges_and_un_merges_leave_nothing_behind() -> None:
    """Each sequence links and revokes at random; after every step the persons are the naive ones, and in the end nobody is linked."""
    chance = random.Random(4)
    for sequence in range(10_000):
        graph = Graph()
        living: list[Link] = []
        for step in range(chance.randint(1, 12)):
            if living and chance.random() < 0.4:
                gone = living.pop(chance.randrange(len(living)))
                graph.revoke(gone.id)
            else:
                a, b = chance.sample(NAMES, 2)
                link = Link(step, a, b, RANKS[a], RANKS[b])
                living.append(link)
                graph.add(link)
        # The last step stands for all: comparing after each costs twelve times as much and says the same.
        if sequence % 20 == 0:
            assert {name: graph.members(name) for name in NAMES} == naive_persons(living)
        assert {name: graph.members(name) for name in NAMES} == {
            name: Graph(living).members(name) for name in NAMES
        }
        for link in chance.sample(living, len(living)):
            graph.revoke(link.id)
        assert all(graph.members(name) == (name,) for name in NAMES)
        assert not list(graph.components())


def test_the_name_of_a_person_is_the_one_whose_first_event_came_first() -> None:
    graph = Graph(
        [Link(1, "customers/b", "customers/a", 10, 20), Link(2, "customers/a", "customers/c", 20, 5)]
    )
    assert graph.canonical("customers/a") == "customers/c"
    graph.revoke(2)
    assert graph.canonical("customers/a") == "customers/b"


def test_a_chain_between_two_persons_breaks_at_its_weakest_link() -> None:
    links = [("a", "b", 9.0), ("b", "c", 3.0), ("c", "d", 8.0)]
    against = {frozenset("ac"), frozenset("ad"), frozenset("bd")}

    def evidence(one: str, other: str) -> float:
        return -9.0 if frozenset((one, other)) in against else 5.0

    found = cluster(links, evidence, lambda *_: False)
    assert sorted(map(sorted, found.groups)) == [["a", "b"], ["c", "d"]]
    assert list(found.parted) == [("b", "c", 3.0)]


def test_one_contradiction_parts_two_groups_whatever_else_agrees() -> None:
    links = [("a", "b", 9.0), ("b", "c", 9.0)]
    found = cluster(links, lambda *_: 50.0, lambda one, other: {one, other} == {"a", "c"})
    assert sorted(map(sorted, found.groups)) == [["a", "b"]]


def test_grouping_does_not_depend_on_the_order_of_the_links() -> None:
    chance = random.Random(5)
    links = [
        (f"n{a}", f"n{b}", float(chance.randint(1, 9)))
        for a, b in combinations(range(9), 2)
        if chance.random() < 0.4
    ]
    groups = [
        sorted(
            map(sorted, cluster(chance.sample(links, len(links)), lambda *_: 1.0, lambda *_: False).groups)
        )
        for _ in range(20)
    ]
    assert all(each == groups[0] for each in groups)


def test_a_pair_is_linked_asked_about_or_left_by_its_probability() -> None:
    limits = Thresholds(link=0.99, review=0.6)
    assert limits.verdict(0.995, "") == (Verdict.LINK, "")
    assert limits.verdict(0.995, "DIFFERENT_NUMBERS") == (Verdict.REVIEW, "DIFFERENT_NUMBERS")
    assert limits.verdict(0.7, "") == (Verdict.REVIEW, "BETWEEN_THRESHOLDS")
    assert limits.verdict(0.5, "TWINS")[0] is Verdict.LEAVE


def test_weights_are_learned_without_being_told_who_is_who() -> None:
    """Two hundred persons, two rows each with a slip, and their households: found again by what was learned from the rows."""
    chance = random.Random(6)
    given = ["James", "Linda", "Robert", "Karen", "Thomas", "Susan", "Peter", "Nancy", "George", "Alice"]
    family = ["Smith", "Jones", "Brown", "Miller", "Wilson", "Moore", "Taylor", "Clark", "Lewis", "Walker"]
    rows: list[dict[str, str]] = []
    truth: list[int] = []
    for person in range(200):
        stated = {
            "given_name": chance.choice(given),
            "family_name": chance.choice(family),
            "phone": f"614{person // 2:03}{7000 + person // 2}",
            "birth_date": f"{1940 + chance.randrange(60)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}",
            "address": f"{person // 2 + 1} High St",
            "postcode": f"{43000 + person // 4}",
        }
        slip = dict(stated)
        field = chance.choice(["given_name", "family_name"])
        slip[field] = stated[field][:2] + stated[field][3:]
        rows += [stated, slip]
        truth += [person, person]
    records = [record_of(each) for each in rows]
    found = list(pairs(blocks(records), len(records)))
    drawn = [chance.sample(range(len(records)), 2) for _ in range(5_000)]
    weights = learn(
        [compare(records[a], records[b]) for a, b in found],
        [compare(records[a], records[b]) for a, b in drawn],
        start(),
    )
    scorer = Scorer(weights, frequencies(records))
    said = {
        pair
        for pair in found
        if probability(
            scorer.weigh(records[pair[0]], records[pair[1]], compare(records[pair[0]], records[pair[1]]))
        )
        >= 0.9
    }
    right = {(a, b) for a, b in combinations(range(len(rows)), 2) if truth[a] == truth[b]}
    assert len(said & right) >= 0.95 * len(right)
    assert len(said - right) <= 0.02 * len(said)


def test_weights_are_learned_from_a_file_of_records(tmp_path: Path) -> None:
    rows, weights = tmp_path / "rows.jsonl", tmp_path / "weights.json"
    stated = [
        {
            "full_name": f"{given} {family}",
            "phone": f"614608{number:04}",
            "birth_date": f"1985-05-{1 + number % 28:02}",
        }
        for number, (given, family) in enumerate(
            product(("Jane", "Mary", "Ruth"), ("Doe", "Roe", "Low", "Fox"))
        )
        for _ in range(2)
    ]
    rows.write_text("\n".join(json.dumps(each) for each in stated))
    assert main([str(rows), str(weights)]) == 0
    assert installed(str(weights)).version == weights_of(weights.read_text()).version
    assert delivered().version != installed(str(weights)).version


def test_weights_that_are_none_are_refused_with_what_to_do(tmp_path: Path) -> None:
    wrong = tmp_path / "weights.json"
    wrong.write_text('{"kinds": [], "source": ""}')
    with pytest.raises(FailedPrecondition, match="identity_training"):
        installed(str(wrong))
