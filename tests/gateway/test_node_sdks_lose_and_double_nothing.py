"""SDKs of JavaScript, unmodified, over a way that loses, doubles and refuses; skipped where they are not installed.

They are no part of the project: `npm install @segment/analytics-node @segment/analytics-next jsdom @rudderstack/rudder-sdk-node
cloudevents` in a folder of your own, and name that folder in FIELDWISE_TEST_NODE_MODULES.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.gateway.faulty_way import Fault, FaultyWay
from tests.gateway.event_world import User, running

FOLDER = os.environ.get("FIELDWISE_TEST_NODE_MODULES", "")
DRIVER = Path(__file__).parents[2] / "benchmarks" / "gateway" / "events_node" / "drive.mjs"
COUNT = 40
SCRIPT = (
    *(Fault.LOST_ANSWER, Fault.NONE, Fault.ERROR, Fault.DOUBLED, Fault.NONE),
    *(Fault.DROPPED, Fault.NONE, Fault.AWAY, Fault.NONE, Fault.BUSY),
)


@pytest.mark.skipif(
    not FOLDER or shutil.which("node") is None, reason="the SDKs of JavaScript are not installed here"
)
@pytest.mark.parametrize("sdk", ["segment", "browser", "rudder", "cloud"])
async def test_every_event_of_a_javascript_sdk_is_stored_once(tmp_path: Path, sdk: str) -> None:
    user = User(sdk)
    async with running(tmp_path) as world, FaultyWay(world.port, itertools.chain(SCRIPT)) as way:
        arguments = (str(DRIVER), sdk, str(way.port), "key", user.id, str(COUNT), FOLDER)
        node = await asyncio.create_subprocess_exec("node", *arguments)
        assert await asyncio.wait_for(node.wait(), 90) == 0
        assert way.happened.total() > way.happened[Fault.NONE] > 0
        assert Counter(await user.stored(world)) == Counter(str(number) for number in range(COUNT))
