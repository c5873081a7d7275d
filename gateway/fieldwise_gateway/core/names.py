"""Names of decisions: UUIDs of version 7, from a time and random bits that the caller gives."""

from __future__ import annotations

from uuid import UUID


def decision_name(milliseconds: int, random_bits: int) -> str:
    """``decisions/{uuid7}``, ascending by time so that a database appends instead of scattering.

    Args:
        milliseconds: Unix time in milliseconds, 48 bits.
        random_bits: At least 74 random bits; more are cut off.
    Source: RFC 9562, section 5.7.
    """
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80
    value |= 0x7 << 76 | (random_bits >> 62 & 0xFFF) << 64
    value |= 0b10 << 62 | random_bits & 0x3FFF_FFFF_FFFF_FFFF
    return f"decisions/{UUID(int=value)}"
