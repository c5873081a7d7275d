"""The weights that identity serves with: those delivered, or those of a file; knows no wire."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

from fieldwise_profile.core.identity.weighing import Weights, weights_of
from fieldwise_runtime.errors import FailedPrecondition

DELIVERED: Final = "identity_weights.json"


def installed(path: str) -> Weights:
    """The weights of the file, or the delivered ones for an empty path.

    Raises:
        FailedPrecondition: Reason WEIGHTS_UNUSABLE; the file is missing or no weights of this version.
    """
    if not path:
        return delivered()
    try:
        return weights_of(Path(path).read_text("utf-8"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = (
            f"the identity weights in {path} cannot be used ({error}); learn them again with "
            "`python -m fieldwise_profile.identity_training`, or leave FIELDWISE_PROFILE_IDENTITY_WEIGHTS empty"
        )
        raise FailedPrecondition("WEIGHTS_UNUSABLE", message) from None


def delivered() -> Weights:
    """The weights delivered with the service."""
    return weights_of(files("fieldwise_profile").joinpath(DELIVERED).read_text("utf-8"))
