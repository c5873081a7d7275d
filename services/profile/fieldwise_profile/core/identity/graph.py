"""Which names are one person now: links made and revoked; knows no evidence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Link:
    """A link that holds.

    Args:
        rank_a: Sequence of the first event of ``a``: the lowest of a person gives him his name.
    """

    id: int
    a: str
    b: str
    rank_a: int
    rank_b: int


class Graph:
    """Components of links. Asking is a look into a table; the work is done when a link is made or revoked.

    The answers depend on the links that hold and on nothing else: not on their order, not on what was revoked.
    """

    def __init__(self, links: Iterable[Link] = ()) -> None:
        self._links: dict[int, Link] = {}
        self._beside: dict[str, dict[int, str]] = {}
        self._ranks: dict[str, int] = {}
        self._members: dict[str, tuple[str, ...]] = {}
        links = list(links)
        for link in links:
            self._put(link)
        seen: set[str] = set()
        for name in self._beside:
            if name not in seen:
                seen.update(self._settle(name))

    def members(self, name: str) -> tuple[str, ...]:
        """All names of the person, the canonical one first; the name alone when it is linked with none."""
        return self._members.get(name) or (name,)

    def canonical(self, name: str) -> str:
        """The name under which the person is read."""
        return self.members(name)[0]

    def links_of(self, name: str) -> list[Link]:
        """Links that hold among the person's names, oldest first."""
        found = {number for each in self.members(name) for number in self._beside.get(each, ())}
        return [self._links[number] for number in sorted(found)]

    def components(self) -> Iterator[tuple[str, ...]]:
        """Every person with more than one name."""
        for name, members in self._members.items():
            if members[0] == name:
                yield members

    def add(self, link: Link) -> tuple[str, ...]:
        """Takes a link in; gives all names of the person. A link that is in already changes nothing."""
        if link.id not in self._links:
            self._put(link)
            return self._settle(link.a)
        return self.members(link.a)

    def revoke(self, number: int) -> tuple[str, ...]:
        """Takes a link out; gives all names it concerned. One that is not in changes nothing."""
        link = self._links.pop(number, None)
        if link is None:
            return ()
        before = self.members(link.a)
        for name in (link.a, link.b):
            self._beside[name].pop(number, None)
            if not self._beside[name]:
                del self._beside[name]
        left = set(before)
        while left:
            left -= set(self._settle(next(iter(left))))
        return before

    def _put(self, link: Link) -> None:
        self._links[link.id] = link
        self._beside.setdefault(link.a, {})[link.id] = link.b
        self._beside.setdefault(link.b, {})[link.id] = link.a
        self._ranks[link.a], self._ranks[link.b] = link.rank_a, link.rank_b

    def _settle(self, name: str) -> tuple[str, ...]:
        """Finds the names linked with one and keeps them as its person's."""
        found = {name}
        ahead = [name]
        while ahead:
            for other in self._beside.get(ahead.pop(), {}).values():
                if other not in found:
                    found.add(other)
                    ahead.append(other)
        if len(found) == 1:
            self._members.pop(name, None)
            self._ranks.pop(name, None)
            return (name,)
        members = tuple(sorted(found, key=lambda each: (self._ranks[each], each)))
        for each in members:
            self._members[each] = members
        return members
