"""Why a visit is not made, and what would have to change; knows no search."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from fieldwise_allocation.core.visits.building import may_visit
from fieldwise_allocation.core.visits.gaps import Gaps
from fieldwise_allocation.core.visits.parts import Part
from fieldwise_allocation.core.visits.problem import CLOSES, LONGEST
from fieldwise_allocation.core.visits.question import LeftOut, Question


def without_day(question: Question, stop: int) -> LeftOut:
    """A visit for which there is no day at all."""
    lacking = _lacking(question, stop)
    return LeftOut(stop, "SKILL", skills=lacking) if lacking else LeftOut(stop, "WINDOW")


def left_out(question: Question, part: Part, sequences: Sequence[Sequence[int]]) -> Iterator[LeftOut]:
    """What the tours of a part leave out."""
    inside = {s for stops in sequences for s in stops}
    missing = [s for s in range(len(part.tasks)) if s not in inside]
    if not missing:
        return
    empty = Gaps.of(part.problem, [[] for _ in sequences])
    full = Gaps.of(part.problem, sequences)
    endless = Gaps.of(part.problem, sequences, no_end=True)
    for s in missing:
        yield _left_out(question, part, s, empty, full, endless)


def _left_out(question: Question, part: Part, s: int, empty: Gaps, full: Gaps, endless: Gaps) -> LeftOut:
    stop = part.tasks[s].stop
    lacking = _lacking(question, stop)
    if lacking:
        return LeftOut(stop, "SKILL", skills=lacking)
    if not np.isfinite(empty.added(s)).any():
        return LeftOut(stop, "WINDOW")
    added = float(full.added(s).min(initial=np.inf))
    if np.isfinite(added):
        return LeftOut(stop, "NOT_WORTH", short_money=max(0.0, added - question.stops[stop].prize))
    return LeftOut(stop, "NO_TIME", short_minutes=_overrun(part, s, endless))


def _overrun(part: Part, s: int, endless: Gaps) -> float:
    """Minutes by which the tour that lacks least is too short; 0 where other windows stand in the way."""
    f = part.problem.tour_floats[endless.tour]
    whole = endless.longer(s)
    over = np.maximum(whole.e + whole.d - f[:, CLOSES], whole.d - f[:, LONGEST])
    least = float(np.where(np.isfinite(whole.d), over, np.inf).min(initial=np.inf))
    return max(0.0, least) if np.isfinite(least) else 0.0


def _lacking(question: Question, stop: int) -> tuple[str, ...]:
    """Skills missing in whoever of those asked for lacks fewest; empty when somebody may go."""
    asked = question.stops[stop]
    if any(may_visit(visitor, asked) for visitor in question.visitors):
        return ()
    some = [v for v in question.visitors if asked.visitor in ("", v.name)]
    gaps = [tuple(sorted(asked.needs - visitor.skills)) for visitor in some]
    return min(gaps, key=lambda skills: (len(skills), skills), default=())
