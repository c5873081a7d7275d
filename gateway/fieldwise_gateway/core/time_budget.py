"""How the time left for a decision is shared among the calls it makes; knows no clock and no call."""

from __future__ import annotations

from dataclasses import dataclass

# The answer itself has to be built and sent, on a busy machine too: these seconds are never given to a call.
ANSWER_RESERVE = 0.030


# A batch may take this much longer per decision in it, when its caller set no deadline: on a busy machine and with
# nothing in memory a decision takes tens of milliseconds, and a batch that gives up early would answer with cold starts.
SECONDS_PER_DECISION = 0.05


def longest(seconds: float, decisions: int) -> float:
    """Most seconds for a call of so many decisions, given those of a single one."""
    return seconds + SECONDS_PER_DECISION * (decisions - 1)


@dataclass(frozen=True, slots=True)
class TimeBudget:
    """Most seconds that each step may take, so that one slow service leaves time for the others.

    Attributes:
        profile: For the profile, of which everything else hangs.
        facts: For scores and terms, which are asked at the same time.
    """

    profile: float
    facts: float

    @classmethod
    def of(cls, seconds: float) -> TimeBudget:
        """Shares ``seconds``: a quarter to the profile, a quarter to the facts, the rest to the choice."""
        usable = max(0.0, seconds - ANSWER_RESERVE)
        return cls(profile=usable * 0.25, facts=usable * 0.25)
