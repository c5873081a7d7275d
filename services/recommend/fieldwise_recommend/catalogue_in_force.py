"""The catalogue that decisions are made with now, and a sample of those it was made for; knows no store."""

from __future__ import annotations

from dataclasses import dataclass, field

from fieldwise_recommend.core.catalogue import Catalogue
from fieldwise_recommend.core.sample import Sample


@dataclass(slots=True)
class InForce:
    """One for the whole process: publishing swaps the catalogue; a request reads it once, so it sees one version."""

    catalogue: Catalogue
    sample: Sample = field(default_factory=Sample)
