"""Entry point: `python -m fieldwise_profile.identity_training rows.jsonl weights.json [--splink]` learns weights from records of your own.

Each line of the first file is one record: a JSON object with the fields of an Identification. Nothing says who is who.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from fieldwise_profile.core.identity.learning import start
from fieldwise_profile.core.identity.pairing import blocks
from fieldwise_profile.core.identity.record import Record, record_of
from fieldwise_profile.core.identity.weighing import Weights
from fieldwise_profile.resolving import learned


def read(path: Path) -> list[Record]:
    """The records of a file of JSON lines."""
    with path.open(encoding="utf-8") as lines:
        return [record_of(json.loads(line)) for line in lines if line.strip()]


def weights_from(records: Sequence[Record], with_splink: bool) -> Weights:
    """Weights by our own EM, or by Splink's."""
    blocked = blocks(records)
    if not with_splink:
        return learned(records, blocked, start())
    # Splink is an extra: whoever does without needs neither it nor what it brings.
    from fieldwise_profile.identity_training.with_splink import splink_weights

    return splink_weights(records, blocked)


def main(arguments: Sequence[str]) -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="fieldwise_profile.identity_training", description=__doc__)
    parser.add_argument("rows", type=Path, help="JSON lines, one record each")
    parser.add_argument(
        "weights", type=Path, help="file to write; FIELDWISE_PROFILE_IDENTITY_WEIGHTS names it"
    )
    parser.add_argument("--splink", action="store_true", help="learn with Splink (extra `identity`)")
    asked = parser.parse_args(arguments)
    weights = weights_from(read(asked.rows), asked.splink)
    asked.weights.write_text(weights.to_json() + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
