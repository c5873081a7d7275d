"""What decisions are made with now: the catalogue, what is bought together, what was measured, and a sample of those it was made for; knows no store."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, tzinfo

from fieldwise_recommend.core.answers import AnswerBook
from fieldwise_recommend.core.catalogue import Catalogue
from fieldwise_recommend.core.next_purchase.shortlist import Tables
from fieldwise_recommend.core.pair_rules.book import RuleBook
from fieldwise_recommend.core.playbooks.shops import ShopsNear
from fieldwise_recommend.core.sample import Sample
from fieldwise_recommend.measured_effects import EffectsInForce


@dataclass(slots=True)
class InForce:
    """One for the whole process: publishing swaps the catalogue; a request reads it once, so it sees one version."""

    catalogue: Catalogue
    sample: Sample = field(default_factory=Sample)
    pairs: RuleBook = field(default_factory=RuleBook)
    zone: tzinfo = UTC  # where the installation is
    next_tables: Tables = field(default_factory=Tables)  # what is bought next
    answers: AnswerBook = field(default_factory=AnswerBook)
    shops: ShopsNear = field(default_factory=ShopsNear)
    effects: EffectsInForce | None = None  # None: the stated ones
