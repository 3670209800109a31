"""An answer belongs to its request: what raw servers and broken proxies do with connections, heads and bodies."""

import asyncio
import contextlib
import gzip
import json
import logging
import random
import re
import socket
import sys
import traceback
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from helpers import AT, CLOUD, QUICK
from msgspec import structs

from partnercenter_async import (
    BadAnswerError,
    BodyTooLargeError,
    Cloud,
    ConflictError,
    ConnectError,
    ConnectionLostError,
    Customer,
    OutcomeUnknownError,
    PartnerCenterClient,
    RetryPolicy,
    Service,
)
from partnercenter_async._session import transport
from partnercenter_async._session.transport import AiohttpTransport, Request, Secret
from partnercenter_async.clouds import SERVICES
from partnercenter_async.testing import FakeCredential


@pytest.fixture(autouse=True)
def both_ways(way: None) -> None:
    """Each test runs twice."""


class Connection:
    """A server's end of a connection, with the requests that came on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.ids: list[str] = []
        self.paths: list[str] = []

    async def request(self) -> None:
        """Read the head and the body of the next request."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        self.paths.append(head.split(" ")[1])
        self.ids.append(re.findall(r"MS-RequestId: (\S+)", head)[0])
        length = re.findall(r"Content-Length: (\d+)", head)
        if length:
            await self.reader.readexactly(int(length[0]))

    def reply(self, body: object, *, status: str = "200 OK", id: str | None = None, more: str = "") -> bytes:
        text = json.dumps(body)
        line = "" if id is None else f"ms-requestid: {id}\r\n"
        return f"HTTP/1.1 {status}\r\n{line}{more}Content-Length: {len(text)}\r\n\r\n{text}".encode()

    @property
    def customer(self) -> str:
        return self.paths[-1].rpartition("/")[2]


@asynccontextmanager
async def serving(
    handle: Callable[[Connection], Awaitable[None]], **settings
) -> AsyncIterator[tuple[PartnerCenterClient, list[Connection]]]:
    """A client of a service that does with each connection what a function does."""
    connections: list[Connection] = []
    tasks: list[asyncio.Task | None] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.current_task())
        connections.append(Connection(reader, writer))
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await handle(connections[-1])
        with contextlib.suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(accept, "127.0.0.1")
    cloud = Cloud(api=Service(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "s"), authority="https://l")
    settings.setdefault("retry", QUICK)
    async with server:
        async with PartnerCenterClient(FakeCredential(), cloud=cloud, **settings) as client:
            yield client, connections
        await asyncio.gather(*tasks)  # they end with their connections


def strangers(connection: Connection) -> dict[str, bytes]:
    """What nobody asked for, as a server or a proxy may send it on a connection that is idle."""
    whole = connection.reply({"id": "another"})
    return {
        "a whole response": whole,
        "two responses": whole * 2,
        "an error": connection.reply({"code": 1}, status="408 Request Timeout", more="Connection: close\r\n"),
        "a head without a body": whole[:-2],
        "half a head": whole[:20],
        "one byte": b"H",
        "no HTTP": b"\x00\x01garbage\r\n\r\n",
        "its end": b"",
    }


@pytest.mark.fault("F42")
@pytest.mark.parametrize("seen", [True, False], ids=["read by the loop", "still in the kernel"])
@pytest.mark.parametrize("echo", [True, False], ids=["echo", "no echo"])
async def test_nobody_gets_a_response_that_came_on_an_idle_connection(echo, seen):
    async def handle(connection: Connection) -> None:
        while True:
            await connection.request()
            answer = {"id": connection.customer}
            connection.writer.write(connection.reply(answer, id=connection.ids[-1] if echo else None))

    dice = random.Random(7)
    calls = 0
    async with serving(handle, concurrency=8) as (client, connections):
        while calls < 1000:
            names = [f"c{calls + number}" for number in range(8)]
            found = await asyncio.gather(*[client.customers.get(name) for name in names])
            assert [customer.id for customer in found] == names
            calls += len(names)
            for connection in connections:
                if not connection.writer.is_closing() and dice.random() < 0.4:
                    extra = dice.choice(list(strangers(connection).values()))
                    if extra:
                        connection.writer.write(extra)
                    else:
                        connection.writer.close()
            for _ in range(5 if seen else 0):
                await asyncio.sleep(0)
        requests = sum(len(connection.ids) for connection in connections)
    # What came unasked was always noticed before the connection was used: no request was lost on one.
    assert requests == calls
    assert len(connections) > 200


@pytest.mark.fault("F42")
@pytest.mark.parametrize("beginning", [b"H", b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: "])
@pytest.mark.parametrize("at_once", [True, False], ids=["behind an answer", "later"])
async def test_the_beginning_of_a_response_on_an_idle_connection_ends_it(beginning, at_once):
    async def handle(connection: Connection) -> None:
        await connection.request()
        connection.writer.write(connection.reply({"id": connection.customer}) + (beginning if at_once else b""))
        await idle.wait()
        connection.writer.write(b"" if at_once else beginning)
        await connection.request()
        connection.writer.write(connection.reply({"id": connection.customer}))

    idle = asyncio.Event()
    async with serving(handle) as (client, connections):
        assert (await client.customers.get("c1")).id == "c1"
        idle.set()
        for _ in range(10):
            await asyncio.sleep(0)
        assert (await client.customers.get("c2")).id == "c2"
    assert [len(connection.ids) for connection in connections] == [1, 1]


@pytest.mark.fault("F42")
async def test_an_answer_to_another_request_is_never_delivered():
    """A proxy that is one answer behind on a connection: each request gets the answer to the one before."""

    async def handle(connection: Connection) -> None:
        behind: bytes | None = None
        while True:
            await connection.request()
            own = connection.reply({"id": connection.customer}, id=connection.ids[-1].upper())
            if behind is None and dice.random() < 0.05:
                fallen.append(connection)
                behind = connection.reply({"id": connection.customer}, id=connection.ids[-1])
            elif behind is not None:
                own, behind = behind, own
            connection.writer.write(own)

    dice = random.Random(7)
    fallen: list[Connection] = []
    patient = RetryPolicy(tries=10, first_wait=0.001)  # it may meet several such connections in a row
    async with serving(handle, concurrency=8, retry=patient) as (client, connections):
        names = [f"c{number}" for number in range(1000)]
        found = await asyncio.gather(*[client.customers.get(name, deadline=None) for name in names])
        assert [customer.id for customer in found] == names
        shifted = sum(len(connection.ids) for connection in connections) - len(names)
    # A connection that fell behind cost one request, and was closed then; a few of them were not used again.
    assert 30 < shifted <= len(fallen) <= shifted + 8
    assert len(set(map(id, fallen))) == len(fallen)


@pytest.mark.fault("F42")
@pytest.mark.parametrize("own_session", [True, False])
@pytest.mark.parametrize("size", [0, 200_000])
async def test_a_write_that_gets_another_ones_answer_has_an_unknown_outcome(own_session, size):
    async def handle(connection: Connection) -> None:
        await connection.request()
        connection.writer.write(connection.reply({"id": "o1"}, id=connection.ids[0]))
        while True:
            await connection.request()
            body = {"id": "o1", "padding": "x" * size}
            connection.writer.write(connection.reply(body, status="201 Created", id=connection.ids[0]))
            connection.writer.write(connection.reply({"code": 1}, status="409 Conflict", id=connection.ids[-1]))

    async with contextlib.AsyncExitStack() as stack:
        session = None if own_session else await stack.enter_async_context(aiohttp.ClientSession())
        client, connections = await stack.enter_async_context(serving(handle, session=session))
        await client.orders.get("c1", "o1")
        with pytest.raises(OutcomeUnknownError) as caught:
            await client.request("POST", "customers/c2/orders", dict, body={})
    assert isinstance(caught.value, ConnectionLostError)
    assert caught.value.request_id == connections[0].ids[1]
    assert not caught.value.safe_to_repeat
    assert len(connections) == 1


@pytest.mark.fault("F42")
@pytest.mark.parametrize("ids", [["theirs", "own"], ["own", "theirs"], ["unknown", "theirs"]])
async def test_another_ones_id_among_several_is_another_ones_answer(ids):
    async def handle(connection: Connection) -> None:
        while True:
            await connection.request()
            known = {"theirs": connection.ids[0], "own": connection.ids[-1]}
            lines = "".join(f"MS-RequestId: {known.get(each, each)}\r\n" for each in ids)
            connection.writer.write(connection.reply({"id": "x"}, more=lines))

    async with serving(handle) as (client, connections):
        await client.customers.get("c1")
        with pytest.raises(OutcomeUnknownError):
            await client.request("POST", "carts", dict, body={})
    assert len(connections) == 1


@pytest.mark.fault("F42")
async def test_the_id_of_a_request_under_way_is_known_however_many_have_ended_since():
    async def handle(connection: Connection) -> None:
        while True:
            await connection.request()
            if connection.customer == "slow":
                slow.append(connection.ids[-1])
                begun.set()
                await connection.reader.read()
                return
            id = slow[0] if connection.customer == "last" else None
            connection.writer.write(connection.reply({"id": connection.customer}, id=id))

    slow: list[str] = []
    begun = asyncio.Event()
    async with serving(handle) as (client, _):
        waiting = asyncio.create_task(client.customers.get("slow"))
        await begun.wait()
        transport = client._session.shared.transport
        transport._ended.update((str(number), None) for number in range(10_000))
        await client.customers.get("x")
        assert "0" not in transport._ended
        with pytest.raises(ConnectionLostError):
            await client.customers.get("last")
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not transport._under_way
        with pytest.raises(ConnectionLostError):
            await client.customers.get("last")


async def test_a_refusal_that_carries_its_own_id_is_that_refusal():
    async def handle(connection: Connection) -> None:
        while True:
            await connection.request()
            connection.writer.write(connection.reply({"code": 1}, status="409 Conflict", id=connection.ids[-1].upper()))

    async with serving(handle) as (client, _):
        with pytest.raises(ConflictError):
            await client.request("POST", "customers/c2/orders", dict, body={})


@pytest.mark.fault("F42")
async def test_an_id_that_nobody_knows_is_delivered_and_logged_once(caplog):
    async def handle(connection: Connection) -> None:
        while True:
            await connection.request()
            connection.writer.write(connection.reply({"id": connection.customer}, id="of-the-services-own"))

    caplog.set_level(logging.DEBUG, "partnercenter_async")
    async with serving(handle) as (client, connections):
        for number in range(20):
            assert (await client.customers.get(f"c{number}")).id == f"c{number}"
    assert len(connections) == 1
    assert sum("request ids" in record.message for record in caplog.records) == 1


@pytest.mark.fault("F42")
async def test_a_server_that_speaks_first_cannot_answer_a_request_that_was_not_made():
    async def handle(connection: Connection) -> None:
        if not hello.is_set():
            hello.set()
            connection.writer.write(connection.reply({"id": "another"}, id="unknown"))
        while True:
            await connection.request()
            connection.writer.write(connection.reply({"id": connection.customer}, id=connection.ids[-1]))

    hello = asyncio.Event()
    async with serving(handle) as (client, _):
        found = await asyncio.gather(*[client.customers.get(f"c{number}") for number in range(100)])
        assert [customer.id for customer in found][1:] == [f"c{number}" for number in range(1, 100)]


async def test_request_ids_that_are_long_gone_take_no_memory():
    async def handle(connection: Connection) -> None:
        while True:
            await connection.request()
            connection.writer.write(connection.reply({"id": "x"}))

    async with serving(handle) as (client, _):
        transport = client._session.shared.transport
        transport._ended.update((str(number), None) for number in range(10_000))
        await client.customers.get("x")
        assert len(transport._ended) == 10_000
        assert "0" not in transport._ended


@pytest.mark.fault("F24")
@pytest.mark.parametrize(
    "head",
    [
        "".join(f"X-{number}: 1\r\n" for number in range(1000)),
        f"X-Long: {'x' * 100_000}\r\n",
    ],
    ids=["a thousand headers", "a header of 100 KB"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_head_that_is_too_large_is_an_error_at_once(head, method):
    async def handle(connection: Connection) -> None:
        await connection.request()
        connection.writer.write(connection.reply({}, more=head))

    async with serving(handle) as (client, connections):
        with pytest.raises(BadAnswerError, match="too many headers, or one that is too long") as caught:
            await client.request(method, "echo", dict)
    assert isinstance(caught.value, OutcomeUnknownError) == (method == "POST")
    assert len(connections) == 1


PACKED = gzip.compress(b'{"id": "c"}', mtime=0)


async def send(connection: Connection, body: bytes, encoding: str) -> None:
    await connection.request()
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.writer.write(head.encode() + body)
    await connection.writer.drain()
    await connection.reader.read()


@pytest.mark.parametrize("padding", [1, 511, 100_000])
async def test_zeros_behind_a_packed_body_are_passed_over(padding):
    async with serving(lambda connection: send(connection, PACKED + bytes(padding), "gzip")) as (client, connections):
        assert (await client.customers.get("c")).id == "c"
    assert len(connections) == 1


@pytest.mark.parametrize(
    "body", [PACKED + b"more", PACKED + bytes(100) + b"more", gzip.compress(b"", mtime=0) * 2000], ids=range(3)
)
async def test_what_stands_behind_a_packed_body_is_an_error_at_once(engine, body):
    async with serving(lambda connection: send(connection, body, "gzip")) as (client, connections):
        with pytest.raises(BadAnswerError, match="packed body"):
            await client.customers.get("c")
    assert len(connections) == 1


@pytest.mark.fault("F52")
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "identity"])
@pytest.mark.parametrize("cap", [100_000, 1 << 20, 3_000_000, 16 << 20, 64 << 20])
async def test_no_body_takes_more_than_twice_the_cap_and_a_mebibyte(cap, encoding):
    pack = {"gzip": lambda plain: gzip.compress(plain, 1), "deflate": lambda plain: zlib.compress(plain, 1)}
    body = pack.get(encoding, bytes)(b'{"id": "c", "padding": "' + b"x" * (4 * cap) + b'"}')

    async def handle(connection: Connection) -> None:
        await connection.request()
        # Without a length, which would end it before anything is read.
        connection.writer.write(f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\n\r\n".encode())
        with contextlib.suppress(ConnectionError):
            for start in range(0, len(body), 65536):
                connection.writer.write(body[start : start + 65536])
                await connection.writer.drain()

    async with serving(handle, max_body=cap) as (client, connections):
        tracemalloc.start()
        try:
            with pytest.raises(BodyTooLargeError) as caught:
                await client.customers.get("c")
            kept, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak <= 2 * cap + (1 << 20)
        assert kept < 1 << 20  # by the error too
        del caught
    assert len(connections) == 1


@pytest.mark.fault("F52")
@pytest.mark.parametrize("cap", [100_000, 1 << 20, 16 << 20])
async def test_a_body_of_just_the_cap_takes_no_more_either(engine, cap):
    body = gzip.compress(b" " * (cap - 11) + b'{"id": "c"}', 1)
    async with serving(lambda connection: send(connection, body, "gzip"), max_body=cap) as (client, _):
        tracemalloc.start()
        try:
            response = await client.request("GET", "customers/c")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert len(response.raw) == cap
        assert peak <= 2 * cap + (1 << 20)


@pytest.mark.fault("F52")
@pytest.mark.parametrize("piece", [2, 4])
async def test_a_body_in_tiny_pieces_takes_no_more_either(piece):
    cap = 100_000
    whole = b"%x\r\n%s\r\n" % (piece, b" " * piece)

    async def handle(connection: Connection) -> None:
        await connection.request()
        connection.writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(cap // piece + 1 if piece == 4 else 50):
                connection.writer.write(whole if piece == 4 else whole * 1100)
                await connection.writer.drain()
                for _ in range(2 if piece == 4 else 0):
                    await asyncio.sleep(0)  # so that each piece is read alone

    async with serving(handle, max_body=cap) as (client, _):
        tracemalloc.start()
        try:
            with pytest.raises(BodyTooLargeError):
                await client.customers.get("c")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak <= 2 * cap + (1 << 20)


async def test_a_head_request_has_no_body_that_could_be_too_large():
    async def handle(connection: Connection) -> None:
        while True:
            await connection.request()
            connection.writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 99999999999\r\n\r\n")

    async with serving(handle) as (client, connections):
        for _ in range(2):
            assert (await client.request("HEAD", "customers/c")).raw == b""
    assert len(connections) == 1


@pytest.mark.fault("F47")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("service", SERVICES)
async def test_no_proxy_sees_what_goes_to_this_machine(monkeypatch, host, service):
    heard = bytearray()

    async def eavesdrop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.read(1000))
        writer.close()

    async def handle(connection: Connection) -> None:
        while True:
            await connection.request()
            connection.writer.write(connection.reply({"id": "here"}))

    async with await asyncio.start_server(eavesdrop, "127.0.0.1") as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}")
            monkeypatch.setenv(name.upper(), f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        async with serving(handle) as (first, _):
            endpoint = first._session.settings.cloud.api.endpoint.replace("127.0.0.1", host)
            cloud = structs.replace(CLOUD, **{service: Service(endpoint, "s")})
            async with PartnerCenterClient(FakeCredential(), cloud=cloud, retry=QUICK) as client:
                assert (await client.request("GET", AT[service], Customer, service=service)).data.id == "here"
    assert not heard


@pytest.mark.fault("F47")
@pytest.mark.parametrize("host", ["api.example.com", "10.0.0.1", "0.0.0.0", "127.0.0.1.example.com", "[2001:db8::1]"])
def test_plain_http_to_another_machine_is_refused(host):
    with pytest.raises(ValueError, match="endpoint must be https"):
        Service(f"http://{host}", "s")
    with pytest.raises(ValueError, match="authority must be https"):
        Cloud(api=Service("https://a", "s"), authority=f"http://{host}")


def test_a_proxy_without_a_scheme_is_an_http_proxy_and_what_is_none_is_named(monkeypatch):
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("https_proxy", raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example.com:3128")
    assert str(AiohttpTransport("https://api.example.com")._ways[0].proxy) == "http://proxy.example.com:3128"
    for odd in ("http://[::1", "http://", "://x", "http://host:port"):
        monkeypatch.setenv("HTTPS_PROXY", odd)
        with pytest.raises(ValueError, match="https_proxy in the environment must be a URL"):
            AiohttpTransport("https://api.example.com")


@pytest.mark.parametrize("platform", ["linux", "win32"])
async def test_what_has_arrived_is_seen_before_the_event_loop_reads_it(monkeypatch, platform):
    near, far = socket.socketpair()
    with near, far:
        quiet = SimpleNamespace(get_extra_info={"socket": near}.get)
        monkeypatch.setattr(sys, "platform", platform)
        assert not transport._readable(quiet)
        far.send(b"H")
        assert transport._readable(quiet)
    assert not transport._readable(None)
    assert not transport._readable(SimpleNamespace(get_extra_info={}.get))


def test_a_beginning_that_aiohttp_cannot_make_sense_of_is_one_too():
    def fail():
        raise aiohttp.http_exceptions.TransferEncodingError

    assert transport._half_read(SimpleNamespace(_parser=SimpleNamespace(feed_eof=fail)))
    assert transport._half_read(SimpleNamespace(_parser=SimpleNamespace(feed_eof=object)))
    assert not transport._half_read(SimpleNamespace(_parser=SimpleNamespace(feed_eof=lambda: None)))
    assert not transport._half_read(SimpleNamespace(_parser=None))
    assert not transport._half_read(SimpleNamespace())


def test_no_proxy_is_used_for_what_the_environment_excepts(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://proxy.example.com:3128")
    monkeypatch.setenv("no_proxy", "example.com,other.example.net")
    assert AiohttpTransport("https://api.example.com")._ways[0].proxy is None
    assert str(AiohttpTransport("https://api.example.org")._ways[0].proxy) == "http://proxy.example.com:3128"


async def received(exchange: Callable[[str], Awaitable[object]]) -> list[bytes]:
    """What a service gets that answers each request with nothing."""
    heads: list[bytes] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.findall(rb"Content-Length: (\d+)", head)
                heads.append(head + await reader.readexactly(int(length[0]) if length else 0))
                writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1")
    async with server:
        await exchange(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    return heads


HEADERS = (
    ("Accept", "application/json"),
    ("Accept-Encoding", "gzip"),
    ("User-Agent", "me"),
    ("Content-Type", "a/b"),
    ("X-Name", "Zoë, Łódź"),
    ("Authorization", Secret("Bearer token")),
)


@pytest.mark.parametrize(
    ("method", "body"),
    [("GET", None), ("HEAD", None), ("DELETE", None), ("POST", b"{}"), ("PATCH", b""), ("PUT", b"x")],
)
@pytest.mark.parametrize("path", ["/v1/a?b=%2f+c&d", "/v1/%C3%A9;x=1/", "/"])
async def test_a_request_is_the_same_whichever_way_it_goes(method, body, path):
    async def exchange(base: str) -> None:
        own = AiohttpTransport(base)
        async with aiohttp.ClientSession() as session:
            for each in (own, AiohttpTransport(base, session=session)):
                for _ in range(2):  # on a new connection, and on one that was used
                    answer = await each.send(Request(method, base + path, HEADERS, body))
                    assert (answer.status, answer.reason, answer.body) == (204, "No Content", b"")
        await own.close()

    sent = await received(exchange)
    assert len(sent) == 4
    assert len(set(sent)) == 1
    assert sent[0].startswith(f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:".encode())
    assert sent[0].endswith(b"\r\n\r\n" + (body or b""))
    assert "X-Name: Zoë, Łódź\r\nAuthorization: Bearer token\r\n".encode() in sent[0]


async def test_a_transport_serves_other_origins_too():
    async def exchange(base: str) -> None:
        other = AiohttpTransport("http://localhost:1")
        await other.send(Request("GET", f"{base}/v1/x", HEADERS))
        await other.close()

    assert len(await received(exchange)) == 1


@pytest.mark.fault("F38")
@pytest.mark.parametrize("broken", ["a\r\nX: 1", "a\rb", "a\nb", "a\0b"])
async def test_a_request_that_would_be_two_is_not_sent_and_its_token_not_shown(broken):
    async def exchange(base: str) -> None:
        own = AiohttpTransport(base)
        for name, value in (("X-Name", broken), (broken, "x")):
            with pytest.raises(ValueError, match=r".") as caught:
                await own.send(Request("GET", f"{base}/x", (*HEADERS, (name, value))))
            frames = traceback.StackSummary.extract(traceback.walk_tb(caught.tb), capture_locals=True)
            ours = [frame.locals for frame in frames if frame.filename == transport.__file__]
            assert ours
            assert "Bearer token" not in repr(ours)
        await own.close()

    assert await received(exchange) == []


async def test_what_a_refused_request_left_unread_keeps_no_other_one_waiting():
    accepted: list[asyncio.StreamWriter] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\n{}")

    async with await asyncio.start_server(refuse, "127.0.0.1") as server:
        base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        own = AiohttpTransport(base)
        try:
            async with asyncio.timeout(20):
                for method, body in (("POST", bytes(1_000_000)), ("GET", None)):
                    assert (await own.send(Request(method, f"{base}/x", HEADERS, body))).status == 413
        finally:
            await own.close()
            for writer in accepted:
                writer.close()
    assert len(accepted) == 2


async def test_a_refused_request_that_was_read_leaves_its_connection_to_the_next():
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError):
            for size in (1000, 1_000_000):
                await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(size)
                status = "400 Bad Request" if size == 1000 else "200 OK"
                writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\n{{}}".encode())
            await reader.read()
        writer.close()

    connections: list[asyncio.StreamWriter] = []
    async with asyncio.timeout(20), await asyncio.start_server(refuse, "127.0.0.1") as server:
        base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        own = AiohttpTransport(base)
        for size, status in ((1000, 400), (1_000_000, 200)):
            assert (await own.send(Request("POST", f"{base}/x", HEADERS, bytes(size)))).status == status
        await own.close()
    assert len(connections) == 1


async def test_a_connection_that_ends_before_anything_is_sent_is_none(monkeypatch):
    async def ended(*given: Any, **named: Any) -> Any:
        connection = await connect(*given, **named)
        connection.transport.close()
        return connection

    async def exchange(base: str) -> None:
        own = AiohttpTransport(base)
        # A session does not tell when its connection broke.
        with pytest.raises(ConnectError if transport._STRAIGHT else ConnectionLostError):
            await own.send(Request("POST", f"{base}/x", HEADERS))
        await own.close()

    connect = transport._Pool.connect
    monkeypatch.setattr(transport._Pool, "connect", ended)
    assert await received(exchange) == []
