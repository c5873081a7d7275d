"""Segments by age and gender, the usual ones, to stand beside those of behaviour; knows no event."""

from __future__ import annotations

from typing import Final

# First age of each band but the lowest, and its name.
_BANDS: Final = ((60, "60+"), (45, "45-59"), (30, "30-44"), (18, "18-29"))
_YOUNGEST: Final = "0-17"
# The middle of a year band of five.
_MIDDLE_OF_BAND: Final = 2


def static_segment(gender: str, birth_year_band: int, year: int) -> str:
    """Segment such as ``f 30-44``; only what is known of the two; empty when neither is.

    Args:
        gender: ``f``, ``m``, ``x``, or empty.
        birth_year_band: Year of birth, rounded down to five years; 0 when not known.
        year: The year it is.
    """
    age = age_band(birth_year_band, year) if birth_year_band else ""
    return " ".join(part for part in (gender, age) if part)


def age_band(birth_year_band: int, year: int) -> str:
    """Band of the likeliest age."""
    age = year - birth_year_band - _MIDDLE_OF_BAND
    return next((name for first, name in _BANDS if age >= first), _YOUNGEST)
