"""A table's model as bytes: what it needs to know in JSON, then the learner's own bytes; knows no folder."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from fieldwise_runtime.errors import FailedPrecondition

from ..features import Floats
from .encoding import Encoding, TextPlan
from .learners import Learner, Predictor
from .table import Kind, Table, Texts

MAGIC = b"FWTABLE1"
LENGTH = "!Q"


@dataclass(frozen=True)
class TableModel:
    """What answers for a table.

    Attributes:
        kinds: Of the columns that it reads.
        formats: How the dates of a column are written, in the terms of strptime.
    """

    target: str
    learner: str
    encoding: Encoding
    kinds: Mapping[str, Kind]
    formats: Mapping[str, str]
    predictor: Predictor

    def predict(self, table: Table) -> Floats:
        """Shape (rows,)."""
        return self.predictor.predict(self.encoding.encode(table))

    def unseen(self, table: Table) -> list[list[str]]:
        """For each row the columns of texts whose text was in no training row."""
        found: list[list[str]] = [[] for _ in range(table.rows)]
        for plan in self.encoding.plans:
            column = table.columns[plan.name]
            if isinstance(plan, TextPlan) and isinstance(column, Texts):
                strange = {i for i, level in enumerate(column.levels) if level not in plan.known}
                for row, code in enumerate(column.codes.tolist()):
                    if code in strange:
                        found[row].append(plan.name)
        return found

    def to_bytes(self) -> bytes:
        about = {
            "target": self.target,
            "learner": self.learner,
            "encoding": self.encoding.to_plain(),
            "kinds": dict(self.kinds),
            "formats": dict(self.formats),
        }
        head = json.dumps(about, ensure_ascii=False).encode()
        return MAGIC + struct.pack(LENGTH, len(head)) + head + self.predictor.to_bytes()


def from_bytes(content: bytes, learners: Mapping[str, Learner]) -> TableModel:
    """Read a model.

    Raises:
        FailedPrecondition: Reason MODEL_FILE_REFUSED, it is none of ours; LEARNER_NOT_INSTALLED.
    """
    begin = len(MAGIC) + struct.calcsize(LENGTH)
    if not content.startswith(MAGIC) or len(content) < begin:
        raise FailedPrecondition("MODEL_FILE_REFUSED", "this is no model of a table; train the table again")
    (length,) = struct.unpack(LENGTH, content[len(MAGIC) : begin])
    about = json.loads(content[begin : begin + length])
    learner = learners.get(about["learner"])
    if learner is None:
        message = (
            f"the model was made by learner '{about['learner']}', which is not installed here; "
            "install its package, or train the table again"
        )
        raise FailedPrecondition("LEARNER_NOT_INSTALLED", message)
    return TableModel(
        about["target"],
        about["learner"],
        Encoding.from_plain(about["encoding"]),
        {name: Kind(kind) for name, kind in about["kinds"].items()},
        about["formats"],
        learner.load(content[begin + length :]),
    )
