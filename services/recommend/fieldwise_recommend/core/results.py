"""The yes and no of a result as bits of one number; knows no array."""

from __future__ import annotations

BOUGHT, BOUGHT_7, BOUGHT_14, HAD_BOUGHT, SILENT, WAS_SILENT = 1, 2, 4, 8, 16, 32


def bits_of(
    *, bought: bool, bought_7: bool, bought_14: bool, had_bought: bool, silent: bool, was_silent: bool
) -> int:
    """The bits of what a customer did in the window after a decision, and of how he was at it."""
    return (
        BOUGHT * bought
        | BOUGHT_7 * bought_7
        | BOUGHT_14 * bought_14
        | HAD_BOUGHT * had_bought
        | SILENT * silent
        | WAS_SILENT * was_silent
    )
