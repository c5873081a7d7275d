"""Cleaning of records that people typed: better values beside the stored ones, never instead of them; knows no event."""
