"""A whole installation under TLS decides, and somebody who reads every byte between its processes learns no name."""

from __future__ import annotations

from pathlib import Path

from benchmarks.gateway import wire
from benchmarks.gateway.tapped import ALL, tapped

CUSTOMERS = 3


async def test_under_tls_a_whole_installation_decides_and_no_name_is_plain_on_the_wire_or_in_a_file(
    tmp_path: Path,
) -> None:
    async with tapped(tmp_path, tls=True) as installation:
        assert await wire.used(installation, CUSTOMERS) == 1.0, "a trace was not whole"
    streams = installation.tap.streams()
    reached = {name.split()[0] for name, heard in streams.items() if heard}
    # Nobody calls jobs here but the supervisor, at its own address.
    assert reached >= set(ALL) - {"jobs"}
    assert wire.overheard(streams.values(), wire.names(CUSTOMERS)) == 0
    assert wire.in_files(tmp_path, wire.names(CUSTOMERS)) == 0


async def test_without_tls_the_same_listener_reads_every_name(tmp_path: Path) -> None:
    names = ("profile", "gateway")
    async with tapped(tmp_path, tls=False, names=names) as installation:
        await wire.used(installation, CUSTOMERS, names)
    streams = installation.tap.streams()
    for name in wire.names(CUSTOMERS):
        # Into the gateway, on to profile, and back the same way in the export.
        assert wire.overheard(streams.values(), [name]) == 4
