"""From running processes to the first decision: load, train, plan, price, decide. Each step starts from what is there."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from fieldwise.gateway.v1 import traces_service_pb2 as traces_pb
from fieldwise.recommend.v1 import decision_pb2
from fieldwise_client.demo import marker
from fieldwise_client.demo.loading import Loaded, load
from fieldwise_client.demo.marker import Marker
from fieldwise_client.demo.people import staff
from fieldwise_client.installation import Installation
from fieldwise_client.progress import Progress


@dataclass(frozen=True)
class Shown:
    """The decision that the demo ends with, and its trace."""

    decision: decision_pb2.Decision
    trace: traces_pb.Trace


class WrongClock(Exception):
    """The installation's clock does not stand where the demo's data ends; the message holds the remedy."""


def open_demo(installation: Installation, data: Path, progress: Progress, *, full: bool) -> Shown:
    """Brings the demo world into the installation, as far as it is not there, and decides for one household.

    Raises:
        WrongClock: The installation runs on the wall clock.
        FieldwiseError: A call failed.
        EventsRefused: The installation takes no demo events.
        DemoDataMissing: The data is not installed.
    """
    _require_clock(installation)
    known = _loaded(installation, data, progress, full=full)
    known, trained = _trained(installation, data, known, progress)
    known, planned = _planned(installation, data, known, progress)
    _priced(installation, progress, anew=trained or planned)
    return _decided(installation, known, progress)


def _require_clock(installation: Installation) -> None:
    if not installation.clock().recorded:
        raise WrongClock(
            "FIELDWISE_CLOCK: the installation runs on the wall clock, and the demo's data ends on 2017-12-25, so every "
            "household would look lost; start it with `fieldwise up --demo`"
        )


def _loaded(installation: Installation, data: Path, progress: Progress, *, full: bool) -> Marker:
    """The marker of a complete load."""
    known = marker.read(data)
    customers = installation.customers_known()
    if known and known.complete and known.full >= full and customers >= known.customers:
        progress.say(f"demo is loaded: {customers:,} households")
        return known
    # A marker whose customers are gone belongs to a database that is gone: everything is sent again.
    resumes = known is not None and not known.complete and known.full == full and customers > 0
    return _load(installation, data, progress, full=full, start=known.batches if known and resumes else 0)


def _load(installation: Installation, data: Path, progress: Progress, *, full: bool, start: int) -> Marker:
    # numpy, pyarrow and the data are an extra: only a load needs them.
    from fieldwise_client.demo import choosing, complete_journey, events

    progress.running("reading Complete Journey")
    history = complete_journey.read(full=full)
    count = events.batch_count(history)
    left_out = history.dropped
    progress.say(
        f"Complete Journey: {history.households:,} households, {len(history):,} events up to the clock; left out: "
        f"{left_out.lines_of_week_1:,} lines of week 1, {left_out.lines_after_clock:,} after the clock, "
        f"{left_out.mailings:,} mailings and {left_out.redemptions:,} redemptions outside the year; "
        "consents are synthetic, two for each household"
    )
    begun = time.monotonic()
    state = Marker(full, start, history.households, choosing.worth_showing(history.purchases))

    def acknowledged(loaded: Loaded) -> None:
        marker.write(data, replace(state, batches=loaded.batches))
        done = loaded.accepted + loaded.duplicates
        rate = done / max(time.monotonic() - begun, 1e-9)
        progress.running(
            f"loading: batch {loaded.batches:,} of {count:,}, {done:,} events, {rate:,.0f} a second"
        )

    loaded = load(installation.ingest, events.batches(history, start=start), acknowledged)
    seconds = time.monotonic() - begun
    done = loaded.accepted + loaded.duplicates
    progress.say(
        f"loaded {loaded.accepted:,} events ({loaded.duplicates:,} were there) in {seconds:.1f} s, "
        f"{done / max(seconds, 1e-9):,.0f} a second"
    )
    state = replace(state, batches=count, complete=True)
    marker.write(data, state)
    return state


def _trained(
    installation: Installation, data: Path, known: Marker, progress: Progress
) -> tuple[Marker, bool]:
    """Whether models were trained now: they are when none serves, or when more was loaded since."""
    champions = installation.champions()
    if known.trained and len(champions) >= 3:
        progress.say("models serve: " + ", ".join(sorted(each.name for each in champions)))
        return known, False
    with_time = _timed(progress, "training models")
    run = installation.run_job("train-models", with_time)
    progress.say(f"trained: {run.summary}")
    known = replace(known, trained=True)
    marker.write(data, known)
    return known, True


def _planned(
    installation: Installation, data: Path, known: Marker, progress: Progress
) -> tuple[Marker, bool]:
    """Whether reps, budgets and the territory plan were made now; what a person changed since is left alone."""
    if known.plan and installation.has_plan(known.plan):
        progress.say(f"territories are planned: {known.plan}")
        return known, False
    made = staff(known.customers, full=known.full)
    installation.create_reps(made.reps)
    installation.set_budgets(made.budgets)
    plan = installation.plan(_timed(progress, "planning territories"))
    progress.say(
        f"planned and applied: {len(plan.assignments):,} households over {len(plan.loads)} synthetic reps, "
        f"gap {plan.gap:.2%}, {plan.solve_seconds:.1f} s"
    )
    known = replace(known, plan=plan.name)
    marker.write(data, known)
    return known, True


def _priced(installation: Installation, progress: Progress, *, anew: bool) -> None:
    found = installation.prices()
    if found is None or anew:
        run = installation.run_job("solve-prices", _timed(progress, "solving prices"))
        progress.say(f"priced: {run.summary}")
    else:
        progress.say(f"prices hold: {found.name}")


def _decided(installation: Installation, known: Marker, progress: Progress) -> Shown:
    """The first candidate for whom a rep should act, else the first for whom something should be done, else the first."""
    decisions = []
    for customer in known.candidates:
        decision = installation.decide(customer)
        decisions.append(decision)
        if decision.rep:
            break
    acting = [each for each in decisions if each.verdict == decision_pb2.VERDICT_ACT]
    chosen = next((each for each in acting if each.rep), (acting or decisions)[0])
    trace = installation.trace(chosen)
    progress.say(f"decided for {chosen.customer}")
    return Shown(chosen, trace)


def _timed(progress: Progress, what: str) -> Callable[[str], None]:
    begun = time.monotonic()
    return lambda _: progress.running(f"{what}, {time.monotonic() - begun:.0f} s")
