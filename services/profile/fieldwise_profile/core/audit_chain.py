"""The audit log as a chain of digests: what is changed, deleted, moved or cut off shows; knows no table.

Each link is SHA-256 over the link before it and the entry; the end is signed. Whoever changes an entry must change every link
after it, and cannot sign the new end. Cutting entries off is found against an end that was kept elsewhere.
Source: hash chains as in RFC 6962 (without its tree: the log is read whole), Schneier & Kelsey 1999.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final, NamedTuple

from fieldwise_profile.core import signing

START: Final = bytes(32)


class Entry(NamedTuple):
    """What was done: its place from 1, when (microseconds), what, to whom (a pseudonym), what for, and facts as JSON."""

    sequence: int
    at: int
    action: str
    subject: str
    purpose: str
    details: str


class Head(NamedTuple):
    """The end of the chain, signed."""

    sequence: int
    link: bytes
    signature: bytes


class Verdict(NamedTuple):
    """What a check found; ``first_fault`` is the sequence of the first entry that is wrong or missing, 0 when none is."""

    entries: int
    first_fault: int
    fault: str


def link(before: bytes, entry: Entry) -> bytes:
    """The link after an entry."""
    # As JSON: fields that were run together could change places without changing the digest.
    told = signing.statement(entry._asdict()).encode()
    return hashlib.sha256(before + told).digest()


def head(seed: bytes, sequence: int, last: bytes) -> Head:
    """The end of the chain, signed."""
    return Head(sequence, last, signing.signature(seed, _told(sequence, last)))


def _told(sequence: int, last: bytes) -> bytes:
    return signing.statement({"audit_head": sequence, "link": last.hex()}).encode()


class Check:
    """Walks along the chain, entry by entry from the first."""

    def __init__(self, public: bytes, kept: Head | None = None) -> None:
        self._public = public
        self._kept = kept
        self._link = START
        self._entries = 0
        self._fault: tuple[int, str] | None = None

    def take(self, entries: Iterable[tuple[Entry, bytes]]) -> None:
        """The next entries, each with the link stored beside it."""
        for entry, stored in entries:
            self._entries += 1
            self._link = link(self._link, entry)
            if self._fault is None:
                self._fault = self._wrong(entry, stored)

    def _wrong(self, entry: Entry, stored: bytes) -> tuple[int, str] | None:
        if entry.sequence != self._entries:
            return (
                self._entries,
                f"entry {self._entries} is missing, entry {entry.sequence} stands in its place",
            )
        if stored != self._link:
            return entry.sequence, "the entry, or one before it, is not what was written"
        kept = self._kept
        if kept is not None and kept.sequence == entry.sequence and kept.link != self._link:
            return entry.sequence, "the log up to here is not the one whose head was kept"
        return None

    def verdict(self, stored: Head) -> Verdict:
        """What was found, once all entries were taken."""
        fault = self._fault or self._end(stored)
        return Verdict(self._entries, *(fault or (0, "")))

    def _end(self, stored: Head) -> tuple[int, str] | None:
        for told, which in ((stored, "stored"), (self._kept, "kept")):
            if told is None or (which == "stored" and not told.sequence and not self._entries):
                continue
            if not signing.is_signed(self._public, _told(told.sequence, told.link), told.signature):
                return max(1, told.sequence), f"the {which} head was not signed by this installation"
            if told.sequence > self._entries:
                return self._entries + 1, f"the log was cut off: the {which} head knows entry {told.sequence}"
        if stored.sequence < self._entries:
            return stored.sequence + 1, "entries stand behind the signed head"
        if stored.link != self._link:
            return max(1, self._entries), "the signed head is not the end of this log"
        return None
