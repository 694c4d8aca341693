"""The store agent lets go of what a rebalance takes from it: no older write follows a newer one."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from streams.agents.store import settle, until_written
from streams.settings import Settings
from streams.sinks import NotOurs, Ours, Refused, always
from streams.sinks.influx import LINES, InfluxSink
from tests.influx_server import BUCKET, CREDENTIAL, Influx
from tests.test_influx_sink import line

SETTINGS = Settings()


class Event:
    """An event of a batch as the agent takes it."""

    def __init__(self, generation: int, *values: bytes) -> None:
        self.message = SimpleNamespace(generation_id=generation)
        self.value = Values(values)
        self.acked = False

    def ack(self) -> None:
        self.acked = True


class Values:
    def __init__(self, values: tuple[bytes, ...]) -> None:
        self.values = list(values)

    def __len__(self) -> int:
        return len(self.values)


def app(**changes: Any) -> Any:
    return SimpleNamespace(
        **{"consumer_generation_id": 3, "rebalancing": False, "should_stop": False, **changes}
    )


async def test_what_came_before_a_rebalance_is_neither_written_nor_acknowledged() -> None:
    written: list[list[bytes]] = []

    async def write(values: list[bytes], ours: Ours) -> list[Refused]:
        written.append(values)
        return []

    old, new = Event(2, b"old"), Event(3, b"new")
    await settle(app(), SETTINGS, asyncio.Lock(), "results", write, [old, new])
    assert written == [[b"new"]]
    assert (old.acked, new.acked) == (False, True)
    for moving in ({"rebalancing": True}, {"should_stop": True}):
        kept = Event(3, b"new")
        await settle(app(**moving), SETTINGS, asyncio.Lock(), "results", write, [kept])
        assert not kept.acked
    assert written[1:] == [[], []]


@pytest.mark.parametrize(
    "change", [{"consumer_generation_id": 4}, {"rebalancing": True}, {"should_stop": True}]
)
async def test_a_rebalance_in_the_midst_of_a_write_ends_it_before_the_next_request(
    change: dict[str, Any],
) -> None:
    server = await Influx().start()
    sink = InfluxSink(server.url, BUCKET, CREDENTIAL)
    worker = app()

    async def write(values: list[bytes], ours: Ours) -> list[Refused]:
        asked = 0

        def counted() -> bool:
            nonlocal asked
            asked += 1
            if asked == 3:  # before the third request
                vars(worker).update(change)
            return ours()

        return await sink.write_results(values, counted)

    event = Event(3, b"\n".join(line(i) for i in range(4 * LINES)))
    await settle(worker, SETTINGS, asyncio.Lock(), "results", write, [event])
    assert server.requests == [LINES, LINES]
    assert not event.acked
    with pytest.raises(NotOurs):
        await sink.write_results([line(1)], lambda: False)
    assert await sink.write_results([line(1)], always) == []
    await sink.close()
    await server.stop()


async def test_partitions_go_once_the_request_under_way_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    writing, ended, go_on = asyncio.Lock(), [], asyncio.Event()

    async def write(values: list[bytes], ours: Ours) -> list[Refused]:
        await go_on.wait()
        ended.append("written")
        return []

    async def revoke() -> None:
        await until_written(writing)
        ended.append("gone")

    event = Event(3, b"x")
    write_task = asyncio.create_task(settle(app(), SETTINGS, writing, "results", write, [event]))
    await asyncio.sleep(0)
    revoke_task = asyncio.create_task(revoke())
    await asyncio.sleep(0.05)
    assert ended == []
    go_on.set()
    await asyncio.gather(write_task, revoke_task)
    assert ended == ["written", "gone"]


async def test_a_request_that_never_ends_does_not_hold_a_group_up_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("streams.agents.store.LONGEST_REQUEST", 0.05)
    writing = asyncio.Lock()
    await writing.acquire()
    await asyncio.wait_for(until_written(writing), 5)
