"""A rate that several processes share through Redis: a real server, and servers that fail in every way."""

import asyncio
import contextlib
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import pairwise
from math import ceil, inf, nan
from pathlib import Path
from typing import Any, Self

import pytest
import redis
from helpers import Fake, page
from hypothesis import given, settings
from hypothesis import strategies as st
from recording import Recording
from redis.asyncio import Redis

from partnercenter_async import Pace, Rate, redis_pace
from partnercenter_async.emulator import DataSet, Emulator
from partnercenter_async.redis_pace import RedisPace
from partnercenter_async.testing import run_in_virtual_time

BINARY = shutil.which("redis-server")
real = pytest.mark.skipif(BINARY is None, reason="there is no redis-server here: apt-get install redis-server")
TENANT = "11111111-2222-3333-4444-555555555555"


class Server:
    """A redis-server of the test's own, which keeps nothing."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder, self.options = folder, options
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.start()

    def start(self) -> None:
        settings = ("--bind", "127.0.0.1", "--port", f"{self.port}", "--save", "", "--appendonly", "no")
        self.process = subprocess.Popen(
            [str(BINARY), *settings, *self.options], cwd=self.folder, stdout=subprocess.PIPE, text=True
        )
        output = []
        while output[-1:] != [""] and not any("Ready to accept connections" in line for line in output):
            output.append(self.process.stdout.readline())
        assert self.process.poll() is None, output

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("redis")) as running:
        yield running


@contextlib.asynccontextmanager
async def recording(server: Server) -> AsyncIterator[Recording]:
    async with Recording.of(server.url) as connected:
        await connected.flushall()
        yield connected


@pytest.fixture
def logged(caplog) -> Callable[[], list[tuple[str, str]]]:
    caplog.set_level(logging.INFO, logger="partnercenter_async")
    return lambda: [(each.levelname, each.getMessage()) for each in caplog.records]


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def most_in(places: list[int], microseconds: float) -> int:
    """How many places lie in the fullest span of that length."""
    places = sorted(places)
    return max(sum(begin <= each < begin + microseconds for each in places) for begin in places)


# With a server that is well, and may be slow where the tests run


@real
async def test_places_of_two_processes_are_spaced_evenly(server):
    rate = Rate(40, per=2400)  # whole minutes apart, so that no slow machine gets in the way
    async with recording(server) as first, recording(server) as second:
        paces = [RedisPace(each, rate, processes=2, timeout=10) for each in (first, second)]
        seconds = await asyncio.gather(*(pace.acquire(TENANT, "orders") for pace in paces * 25))
        places = sorted(first.places + second.places)
    assert len(places) == 50
    assert {later - earlier for earlier, later in pairwise(places)} == {60_000_000}
    assert max(seconds) == pytest.approx(49 * 60, abs=30)
    assert min(seconds) == 0


@st.composite
def rates(draw: st.DrawFn) -> Rate:
    return Rate(draw(st.integers(1, 400)), per=draw(st.sampled_from([60.0, 300.0, 3600.0])))


STEPS = st.lists(st.one_of(st.integers(1, 30), st.floats(0.0, 2000.0)), min_size=1, max_size=12)


@real
@settings(max_examples=60)
@given(rate=rates(), steps=STEPS)
def test_no_span_sees_more_than_the_rate_allows(server, rate, steps):
    """Whatever the pauses, which are played by having the key look older: so many requests at once, or a pause."""

    async def scenario() -> list[int]:
        places, passed = [], 0
        async with recording(server) as first, recording(server) as second:
            paces = [RedisPace(each, rate, processes=2, timeout=10) for each in (first, second)]
            for step in steps:
                if isinstance(step, int):
                    await asyncio.gather(*(paces[n % 2].acquire(TENANT, "other") for n in range(step)))
                    places += [each + passed for each in first.places + second.places]
                    first.places, second.places = [], []
                    continue
                microseconds = int(step * 1e6)
                known = await first.get(f"partnercenter:{TENANT}:all")
                if known is not None:
                    due, asked = map(int, known.split())
                    older = f"{due - microseconds} {asked - microseconds}"
                    await first.set(f"partnercenter:{TENANT}:all", older)
                    passed += microseconds
        return sorted(places)

    places = asyncio.run(scenario())
    if places:
        assert most_in(places, rate.per * 1e6) <= rate.requests
    spacing = ceil(rate.spacing * 1e6)
    for first, second in zip(places, places[1 + rate.extra :], strict=False):
        assert second - first >= spacing  # so many and one more at once


@real
async def test_after_a_pause_as_many_leave_at_once_as_of_one_client(server):
    rate = Rate(500, per=60)
    async with recording(server) as connected:
        pace = RedisPace(connected, rate, timeout=10)
        assert await pace.acquire(TENANT, "orders") == 0
        assert await pace.acquire(TENANT, "orders") > 0  # what is new has saved nothing up
        name = f"partnercenter:{TENANT}:all"
        due, asked = map(int, (await connected.get(name)).split())
        await connected.set(name, f"{due - 600_000_000} {asked - 600_000_000}")
        seconds = [await pace.acquire(TENANT, "orders") for _ in range(rate.extra + 3)]
    assert seconds[: rate.extra + 1] == [0.0] * 11
    assert 0 < seconds[-2] < seconds[-1] < 3 * rate.spacing


@real
async def test_each_partner_and_each_limit_has_places_of_its_own(server):
    async with recording(server) as connected:
        pace = RedisPace(connected, Rate.DOCUMENTED, key="jobs", timeout=10)
        for partner in ("contoso", "fabrikam"):
            for limit in ("orders", "migrations.create", "migrations.validate"):
                assert await pace.acquire(partner, limit) == 0
                assert await pace.acquire(partner, limit) > 0
                assert 3_590_000 < await connected.pttl(f"jobs:{partner}:{limit}") < 3_620_000
        assert [await pace.acquire("contoso", "other") for _ in range(100)] == [0.0] * 100
        assert len(await connected.keys()) == 6


@real
async def test_a_key_lives_for_as_long_as_its_places(server):
    async with recording(server) as connected:
        pace = RedisPace(connected, Rate(1, per=86_400), timeout=10)
        for _ in range(3):
            await pace.acquire(TENANT, "orders")
        assert await connected.pttl(f"partnercenter:{TENANT}:all") > 3 * 86_400_000


@real
async def test_a_clock_that_was_set_back_holds_nobody_up(server):
    async with recording(server) as connected:
        pace = RedisPace(connected, Rate(1), timeout=10)
        await pace.acquire(TENANT, "orders")
        name = f"partnercenter:{TENANT}:all"
        due, asked = map(int, (await connected.get(name)).split())
        await connected.set(name, f"{due + 3_600_000_000} {asked + 3_600_000_000}")
        assert 0 < await pace.acquire(TENANT, "orders") < 1.1


@real
async def test_the_script_is_loaded_again_where_the_server_has_lost_it(server, logged):
    async with recording(server) as connected:
        pace = RedisPace(connected, Rate(1), timeout=10)
        await pace.acquire(TENANT, "orders")
        await connected.script_flush()
        assert await pace.acquire(TENANT, "orders") > 0
    assert logged() == []


@real
async def test_a_cancelled_one_leaves_everything_usable(server, logged):
    async with recording(server) as connected:
        pace = RedisPace(connected, Rate(10_000, per=1), timeout=10)
        for turns in range(30):
            task = asyncio.create_task(pace.acquire(TENANT, "orders"))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        assert 0 <= await pace.acquire(TENANT, "orders") < 0.1
    assert logged() == []


async def emptied(server: Server) -> None:
    async with recording(server):
        pass


WORKER = """
import asyncio, sys
sys.path.insert(0, sys.argv[2])
from recording import Recording
from partnercenter_async import Rate
from partnercenter_async.redis_pace import RedisPace

async def main():
    async with Recording.of(sys.argv[1]) as connected:
        pace = RedisPace(connected, Rate(100, per=0.5), processes=4, timeout=10)
        await connected.ping()
        print("ready", flush=True)
        sys.stdin.readline()
        for _ in range(50):
            await asyncio.sleep(await pace.acquire("partner", "orders"))
        print(*connected.places)

asyncio.run(main())
"""


@real
def test_four_processes_share_one_rate(server):
    asyncio.run(emptied(server))
    command = [sys.executable, "-W", "error", "-c", WORKER, server.url, str(Path(__file__).parent)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(subprocess.Popen(command, **pipes)) for _ in range(4)]
        for worker in workers:
            stack.callback(worker.kill)
        assert [worker.stdout.readline() for worker in workers] == ["ready\n"] * 4
        for worker in workers:
            worker.stdin.write("go\n")
            worker.stdin.flush()
        each = [[int(place) for place in worker.communicate(timeout=60)[0].split()] for worker in workers]
    assert [len(places) for places in each] == [50] * 4
    places = sorted(place for places in each for place in places)
    assert len(places) == 200
    assert most_in(places, 500_000) <= 100
    spacing = ceil(Rate(100, per=0.5).spacing * 1e6)
    assert all(later - earlier >= spacing for earlier, later in zip(places, places[3:], strict=False))
    assert all(places[0] <= mine[0] < mine[-1] for mine in each)


@real
async def test_requests_of_two_clients_leave_at_the_rate(server, logged):
    async with recording(server) as connected:
        pace = RedisPace(connected, Rate(40, per=0.2), timeout=10)
        clock = asyncio.get_running_loop().time
        sent: list[float] = []

        def answers(_: Any) -> Any:
            sent.append(clock())
            return page("o")

        first, second = Fake(answers, rate=pace, tenant=TENANT), Fake(answers, rate=pace, tenant=TENANT)
        begun = clock()
        calls = (each.client.orders.list("c").collect() for each in (first, second) for _ in range(20))
        orders = await asyncio.gather(*calls)
        assert sum(map(len, orders)) == 40
        assert len(connected.places) == 40
        places = [begun + (place - min(connected.places)) / 1e6 for place in sorted(connected.places)]
        assert all(left >= place - 0.001 for left, place in zip(sorted(sent), places, strict=True))
    assert most_in(connected.places, 200_000) <= 40
    assert logged() == []


# With a server that is not


@real
async def test_calls_go_on_while_the_server_is_down_and_share_again_when_it_is_back(tmp_path, logged, monkeypatch):
    with Server(tmp_path) as server:
        async with recording(server) as connected:
            pace = RedisPace(connected, Rate(0.1), processes=4, timeout=5)
            fast = RedisPace(connected, Rate(1000), processes=4, timeout=5)
            fake = Fake(lambda _: page("o"), rate=fast, tenant="other")
            assert await pace.acquire(TENANT, "orders") == 0
            await fake.client.orders.list("c").collect()

            server.kill()
            own = [await pace.acquire(TENANT, "orders") for _ in range(5)]
            assert own == pytest.approx([40, 80, 120, 160, 200], abs=10)  # seconds, from the last shared place on
            for _ in range(5):
                assert len(await fake.client.orders.list("c").collect()) == 1
            share = "Redis failed, and this process keeps to 1/4 of the rate by itself: "
            assert [level for level, _ in logged()] == ["WARNING"] * 2  # one of each pace
            assert all(message.startswith(share) for _, message in logged())

            server.start()
            assert await pace.acquire(TENANT, "orders") == pytest.approx(240, abs=10)  # it's not tried again at once
            monkeypatch.setattr(pace, "_again_at", 0.0)
            assert await pace.acquire(TENANT, "orders") == 0  # the server has lost everything
            assert 0 < await pace.acquire(TENANT, "orders") <= 10.1
            assert logged()[2:] == [("INFO", "Redis answers again, and the rate is shared")]


@real
async def test_what_was_saved_up_meanwhile_is_gone_after_an_outage(server, monkeypatch):
    """Others used it by themselves."""
    async with recording(server) as connected:
        pace = RedisPace(connected, Rate(500, per=60), timeout=5)
        name = f"partnercenter:{TENANT}:all"
        await connected.rpush(name, "another's")
        await pace.acquire(TENANT, "orders")
        await connected.set(name, "1000000 1000000")
        monkeypatch.setattr(pace, "_again_at", 0.0)
        assert await pace.acquire(TENANT, "orders") == 0
        assert await pace.acquire(TENANT, "orders") > 0
        await connected.set(name, "1000000 1000000")
        assert [await pace.acquire(TENANT, "orders") for _ in range(11)] == [0.0] * 11  # the next pause counts


@real
@pytest.mark.parametrize("password", ["", ":wrong-hunter2@"], ids=["none", "wrong"])
async def test_a_server_that_wants_another_password_is_done_without(tmp_path, password, logged):
    with Server(tmp_path, "--requirepass", "hunter2") as server:
        async with Redis.from_url(server.url.replace("//", f"//{password}")) as connected:
            pace = RedisPace(connected, Rate(0.1), timeout=5)
            assert [await pace.acquire(TENANT, "orders") for _ in range(3)] == pytest.approx([0, 10, 20], abs=2)
    ((level, message),) = logged()
    assert level == "WARNING"
    assert message.startswith("Redis failed, and this process keeps to the rate by itself: ")
    assert "AuthenticationError" in message
    assert "hunter2" not in message


@real
@pytest.mark.parametrize("kind", ["list", "text", "read-only"])
async def test_a_key_that_cannot_be_used_is_left_alone(tmp_path, kind, logged):
    with Server(tmp_path) as server:
        async with recording(server) as connected:
            name = f"partnercenter:{TENANT}:all"
            if kind == "list":
                await connected.rpush(name, "another's")
            elif kind == "text":
                await connected.set(name, "another's")
            else:
                await connected.replicaof("127.0.0.1", f"{closed_port()}")
            pace = RedisPace(connected, Rate(0.1), timeout=5)
            assert [await pace.acquire(TENANT, "orders") for _ in range(3)] == pytest.approx([0, 10, 20], abs=2)
            if kind == "text":
                assert await connected.get(name) == b"another's"
    ((level, message),) = logged()
    assert level == "WARNING"
    assert {"list": "WRONGTYPE", "text": "something else", "read-only": "ReadOnlyError"}[kind] in message


@contextlib.asynccontextmanager
async def fake_server(reply: Callable[[bytes], bytes | None]) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server in this loop that answers each command with what a function makes of its name, or never."""
    commands: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                count = int((await reader.readuntil(b"\r\n"))[1:])
                words = []
                for _ in range(count):
                    size = int((await reader.readuntil(b"\r\n"))[1:])
                    words.append((await reader.readexactly(size + 2))[:-2])
                commands.append(words[0])
                answer = reply(words[0])
                if answer is not None:
                    writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as running:
        host, port = running.sockets[0].getsockname()
        yield f"redis://:hunter2@{host}:{port}", commands


def test_a_server_that_hangs_holds_a_call_up_for_the_timeout_and_once_in_five_seconds(logged):
    async def scenario() -> tuple[list[float], list[float], int]:
        clock = asyncio.get_running_loop().time
        async with fake_server(lambda _: None) as (url, commands), Redis.from_url(url) as connected:
            pace = RedisPace(connected, Rate(1), processes=2, timeout=0.125)
            took, places = [], []
            for _ in range(11):
                begun = clock()
                seconds = await pace.acquire(TENANT, "orders")
                took.append(clock() - begun)
                places.append(clock() + seconds)
                await asyncio.sleep(1)
            return took, places, len(commands)

    took, places, tried = run_in_virtual_time(scenario())
    assert took == pytest.approx([0.125, *[0] * 4, 0.125, *[0] * 4, 0.125], abs=1e-3)
    assert [later - earlier for earlier, later in pairwise(places)] == pytest.approx([2] * 10, abs=1e-3)
    assert tried == 3
    share = "Redis failed, and this process keeps to 1/2 of the rate by itself: no answer in 0.125 s"
    assert logged() == [("WARNING", share)]


def test_many_that_wait_for_a_server_that_hangs_wait_at_the_same_time_and_warn_once(logged):
    async def scenario() -> None:
        clock = asyncio.get_running_loop().time
        async with fake_server(lambda _: None) as (url, _), Redis.from_url(url) as connected:
            pace = RedisPace(connected, Rate(1))

            async def took() -> float:
                begun = clock()
                seconds.append(await pace.acquire(TENANT, "orders"))
                return clock() - begun

            seconds: list[float] = []
            assert await asyncio.gather(*(took() for _ in range(20))) == pytest.approx([0.25] * 20, abs=1e-3)
            assert sorted(seconds) == pytest.approx(range(20), abs=1e-3)
            await asyncio.sleep(60)
            seconds = []
            assert sorted(await asyncio.gather(*(took() for _ in range(20)))) == pytest.approx(
                [0] * 19 + [0.25], abs=1e-3
            )
            assert sorted(seconds) == pytest.approx([0, *range(1, 19), 18.75], abs=1e-3)  # one asked later

    run_in_virtual_time(scenario())
    assert len(logged()) == 1


def echoing(name: bytes) -> bytes:
    return b"-ERR unknown command '%s', with args beginning with: 'default' 'hunter2' \r\n" % name


def odd(answer: bytes) -> Callable[[bytes], bytes]:
    return lambda name: answer if name == b"EVALSHA" else b"+OK\r\n"


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (echoing, "unknown command"),
        (odd(b"$-1\r\n"), "another's"),
        (odd(b":5\r\n"), "another's"),
        (odd(b"*2\r\n:5\r\n:7\r\n"), "another's"),
        (odd(b"*2\r\n$1\r\n7\r\n$1\r\n5\r\n"), "another's"),
        (odd(b"*3\r\n:5\r\n:5\r\n:5\r\n"), "another's"),
        (odd(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "InvalidResponse"),
    ],
    ids=["echoes-the-password", "nothing", "a-number", "before-now", "texts", "too-many", "another-protocol"],
)
def test_a_server_that_answers_oddly_is_done_without(reply, reason, logged):
    async def scenario() -> list[float]:
        async with fake_server(reply) as (url, _), Redis.from_url(url, protocol=2) as connected:
            pace = RedisPace(connected, Rate(1))
            return [await pace.acquire(TENANT, "orders") for _ in range(3)]

    assert run_in_virtual_time(scenario()) == pytest.approx([0, 1, 2], abs=0.2)
    ((level, message),) = logged()
    assert level == "WARNING"
    assert reason in message
    assert "hunter2" not in message


def test_a_client_is_served_where_nothing_listens(logged):
    """All of its requests leave, at its own share."""

    async def scenario() -> list[float]:
        clock = asyncio.get_running_loop().time
        sent = []

        def answers(_: Any) -> Any:
            sent.append(clock())
            return page("o")

        async with Redis(host="127.0.0.1", port=closed_port()) as connected:
            pace = RedisPace(connected, Rate(1), processes=2)
            fake = Fake(answers, rate=pace)
            await asyncio.gather(*(fake.client.orders.list("c").collect() for _ in range(30)))
        return sent

    sent = run_in_virtual_time(scenario())
    assert [later - earlier for earlier, later in pairwise(sent)] == pytest.approx([2] * 29, abs=0.3)
    assert len(logged()) == 1


def test_a_redis_client_of_another_event_loop_is_done_without(logged):
    async def acquire(pace: RedisPace) -> float:
        return await pace.acquire(TENANT, "orders")

    replies = iter([b"*2\r\n:5\r\n:5\r\n"])  # one that is there early could be read without the loop

    async def scenario() -> Any:
        once = lambda name: next(replies, None) if name == b"EVALSHA" else b"+OK\r\n"  # noqa: E731
        async with fake_server(once) as (url, _), Redis.from_url(url) as connected:
            pace = RedisPace(connected, Rate(1, per=100))
            assert await acquire(pace) == 0
            return await asyncio.to_thread(asyncio.run, acquire(pace))

    assert asyncio.run(scenario()) == pytest.approx(100, abs=50)
    assert [level for level, _ in logged()] == ["WARNING"]


# What callers pass


def offline() -> Redis:
    return Redis.from_url("redis://user:hunter2@redis.example.com:6379/0")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"redis": "redis://:hunter2@localhost"}, "redis must be a redis.asyncio.Redis, not <class 'str'>"),
        ({"redis": redis.Redis()}, "redis must be a redis.asyncio.Redis, not <class 'redis.client.Redis'>"),
        ({"rate": 500}, "rate must be a Rate, or a mapping of limits to Rates, not 500"),
        ({"rate": "learned"}, "rate must be a Rate, or a mapping"),
        ({"rate": None}, "rate must be a Rate, or a mapping"),
        ({"rate": {"order": Rate(500, 60)}}, "no limit 'order'; there are orders, migrations.create"),
        ({"rate": {"orders": 500}}, "rate['orders'] must be a Rate"),
        ({"processes": 0}, "processes must be a whole number, 1 or more, not 0"),
        ({"processes": 2.0}, "processes must be a whole number"),
        ({"processes": True}, "processes must be a whole number"),
        ({"key": ""}, "key must be a text that is not empty"),
        ({"key": b"key"}, "key must be a text"),
        ({"key": "a\nb"}, "key holds a control character"),
        *(({"timeout": each}, "timeout must be a positive finite number") for each in (0, -1, inf, nan, "1", None)),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        RedisPace(**{"redis": offline(), "rate": Rate(500, 60)} | arguments)
    assert "hunter2" not in str(caught.value)


def test_a_pace_shows_no_secret():
    pace = RedisPace(offline(), Rate(500, 60), processes=4)
    assert repr(pace) == "RedisPace(rate=Rate(requests=500, per=60), processes=4, key='partnercenter')"
    assert isinstance(pace, Pace)


def test_a_mapping_that_changes_later_changes_nothing():
    rates = {"orders": Rate(500, 60)}
    pace = RedisPace(offline(), rates)
    rates["other"] = Rate(1, 60)
    assert [asyncio.run(pace.acquire(TENANT, "other")) for _ in range(2)] == [0, 0]


def test_the_module_names_its_extra_where_redis_is_missing():
    program = "import sys; sys.modules['redis'] = None; import partnercenter_async.redis_pace"
    ended = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert "ModuleNotFoundError: RedisPace needs its extra: pip install 'partnercenter-async[redis]'" in ended.stderr


@real
async def test_the_example_of_the_docs_runs(server, tmp_path):
    docs = (Path(__file__).parent.parent / "docs" / "pace.md").read_text("utf-8")
    (example,) = re.findall(
        r"^```python\n(.*?)^```$", docs.partition("\n## Several processes\n")[2], re.MULTILINE | re.DOTALL
    )
    (tmp_path / "job.py").write_text(example, "utf-8")
    async with recording(server) as connected:
        async with Emulator(DataSet(customers=3, orders_per_customer=2, seed=1)) as emulator:
            environment = os.environ | emulator.environment() | {"REDIS_URL": server.url, "PYTHONWARNINGS": "error"}
            job = await asyncio.create_subprocess_exec(
                sys.executable, tmp_path / "job.py", env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            assert await asyncio.wait_for(job.communicate(), 60) == (b"6 orders\n", b"")
        assert len(await connected.keys()) == 1


def test_a_redis_that_failed_is_left_alone_for_seconds():
    assert redis_pace._PAUSE == 5
