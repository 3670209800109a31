"""What can go wrong on a real socket, over TLS, with a real credential."""

import asyncio
import contextlib
import random
import socket
import ssl
import tracemalloc
import zlib
from contextlib import asynccontextmanager
from types import SimpleNamespace

import aiohttp
import pytest
from helpers import AT, CLOUD, ECHO_AT, QUICK, URL_AT, connected
from hypothesis import given
from hypothesis import strategies as st
from test_links import HOSTILE_LINKS

from partnercenter_async import (
    AuthenticationError,
    BodyTooLargeError,
    CertificateError,
    Cloud,
    ConnectError,
    ConnectionLostError,
    CredentialError,
    DeadlineError,
    DecodeError,
    LinkError,
    MfaRequiredError,
    NotFoundError,
    OutcomeUnknownError,
    PartnerCenterClient,
    PartnerCenterError,
    PreconditionFailedError,
    RedirectError,
    RetryPolicy,
    ServerError,
    Service,
)
from partnercenter_async._session import transport
from partnercenter_async._session.transport import _Unpacking
from partnercenter_async.clouds import SERVICES
from partnercenter_async.emulator import (
    Answer,
    Bom,
    BrokenChunk,
    CloseAfter,
    CutBody,
    DataSet,
    Deflate,
    Delay,
    Drip,
    DropAfter,
    DropBefore,
    DuplicateHeaders,
    Emulator,
    ExpireToken,
    Fault,
    Gzip,
    Redirect,
    ReplaceBody,
    SetNextLink,
    WrongLength,
    fingerprint,
    gateway_throttle,
    service_error,
)
from partnercenter_async.testing import FakeCredential


@pytest.fixture(autouse=True)
def both_ways(way: None) -> None:
    """Each test runs twice."""


BREAKS = [CutBody(), CutBody(fraction=0.01), WrongLength(delta=10), BrokenChunk(), DropBefore(), DropAfter()]


@pytest.fixture
def customer_id(emulator):
    return next(emulator.data.customer_ids())


@pytest.mark.fault("F1")
async def test_a_get_is_tried_again_over_the_wire(emulator, customer_id):
    emulator.inject(Fault(service_error(503, 800003, "Later."), operation="customers.get", times=2))
    async with connected(emulator) as client:
        response = await client.request("GET", f"customers/{customer_id}", dict)
    sent = [each for each in emulator.requests if each.operation == "customers.get"]
    assert [each.status for each in sent] == [503, 503, 200]
    assert len({each.headers["MS-RequestId"] for each in sent}) == 1
    assert response.info.attempts == 3
    assert response.info.headers.get("ms-requestid") == response.info.request_id


@pytest.mark.fault("F2")
async def test_a_service_that_fails_for_ever_sees_three_requests(emulator, customer_id):
    emulator.inject(Fault(service_error(500, 800003, "No."), operation="customers.get", times=None))
    async with connected(emulator) as client:
        with pytest.raises(ServerError) as caught:
            await client.customers.get(customer_id)
    assert emulator.count("customers.get") == 3 == caught.value.attempts


@pytest.mark.fault("F3")
@pytest.mark.parametrize("action", [service_error(500, 1, "No."), service_error(502, 1, "No."), *BREAKS])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_a_write_is_seen_once_by_the_service(emulator, method, action):
    emulator.inject(Fault(action, operation="other", method=method, times=None))
    async with connected(emulator) as client:
        with pytest.raises(OutcomeUnknownError) as caught:
            await client.request(method, "echo", dict, body={"a": 1})
    (sent,) = [each for each in emulator.requests if each.operation == "other"]
    assert caught.value.attempts == 1
    assert caught.value.request_id == sent.headers["MS-RequestId"]


@pytest.mark.fault("F3")
async def test_a_write_is_repeated_with_its_id_where_the_caller_opted_in(emulator):
    emulator.inject(Fault(DropAfter(), operation="other", times=2))
    async with connected(emulator, retry=RetryPolicy(first_wait=0.001, retry_writes=True)) as client:
        response = await client.request("POST", "echo", dict, body={"a": 1})
        again = await client.request("POST", "echo", dict, body={"a": 1})
    sent = [each.headers["MS-RequestId"] for each in emulator.requests if each.operation == "other"]
    assert len(sent) == 4
    assert len(set(sent[:3])) == 1
    assert sent[3] != sent[0]
    assert response.info.attempts == 3
    assert again.info.attempts == 1


@pytest.mark.fault("F3")
async def test_a_throttled_write_is_tried_again(emulator):
    emulator.inject(Fault(gateway_throttle(1, retry_after="0"), operation="other", times=2))
    async with connected(emulator) as client:
        response = await client.request("POST", "echo", dict, body={"a": 1})
    assert response.info.attempts == 3
    assert emulator.count("other") == 3


@pytest.mark.fault("F9")
@pytest.mark.parametrize("user", [False, True])
@pytest.mark.parametrize("service", SERVICES)
async def test_an_expired_token_is_renewed_once_for_all(emulator, user, service):
    async with connected(emulator, user=user, concurrency=50) as client:
        await client.request("GET", ECHO_AT[service], dict, service=service)
        emulator.expire_tokens()
        responses = await asyncio.gather(
            *[client.request("GET", ECHO_AT[service], dict, service=service) for _ in range(50)]
        )
    attempts = sum(response.info.attempts for response in responses)
    assert attempts + 1 == emulator.count("other")
    assert all(response.info.attempts <= 2 for response in responses)
    assert emulator.count("token") == 2


@pytest.mark.fault("F10")
@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_that_refuses_every_token_sees_two_requests(emulator, service):
    emulator.inject(Fault(ExpireToken(), operation="other", times=None))
    async with connected(emulator) as client:
        with pytest.raises(AuthenticationError) as caught:
            await client.request("GET", ECHO_AT[service], service=service)
    assert not isinstance(caught.value, MfaRequiredError)
    assert emulator.count("other") == 2
    assert emulator.count("token") == 2


@pytest.mark.fault("F10")
@pytest.mark.parametrize("service", SERVICES)
async def test_a_user_without_a_second_factor_is_told_to_consent_again(service):
    async with Emulator(DataSet(customers=1, seed=1), require_mfa=True, mfa=False) as emulator:
        async with connected(emulator, user=True) as client:
            with pytest.raises(MfaRequiredError, match="consent again"):
                await client.request("GET", ECHO_AT[service], service=service)
        assert emulator.count("other") == emulator.count("token") == 1


@pytest.mark.fault("F11")
@pytest.mark.parametrize("service", SERVICES)
async def test_a_cold_start_asks_for_one_token(emulator, service):
    async with connected(emulator, concurrency=100) as client:
        await asyncio.gather(*[client.request("GET", ECHO_AT[service], service=service) for _ in range(100)])
    assert emulator.count("token") == 1


class Trap:
    """A listener that must never hear anything."""

    def __init__(self) -> None:
        self.heard = 0

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.hear, "127.0.0.1")
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def hear(self, _reader, writer) -> None:
        self.heard += 1
        writer.close()

    async def __aexit__(self, *_exc) -> None:
        self.server.close()
        await self.server.wait_closed()


@pytest.mark.fault("F16")
async def test_not_one_byte_goes_to_another_origin(emulator, customer_id):
    async with Trap() as trap, connected(emulator) as client:
        host = f"localhost:{trap.port}"
        ours = emulator.endpoint.removeprefix("https://")
        uris = [
            f"https://{host}/v1/x",
            f"http://{host}/v1/x",
            f"//{host}/v1/x",
            f"\\\\{host}\\v1",
            f"https://{ours}@{host}/v1/x",
            f"https://user@{ours}/v1/x",
            f"http://{ours}/v1/x",
            *[each.replace("evil.example", host).replace("api.example.com", ours) for each in HOSTILE_LINKS if each],
        ]
        for uri in uris:
            emulator.clear_faults()
            emulator.inject(Fault(SetNextLink({"uri": uri, "method": "GET", "headers": []}), operation="orders.list"))
            before = emulator.count()
            found = []
            with pytest.raises(LinkError):
                async for order in client.orders.list(customer_id):
                    found.append(order.id)
            assert len(found) == 3
            assert emulator.count() == before + 1
        assert trap.heard == 0


@pytest.mark.fault("F21")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("other", [True, False])
async def test_no_redirect_is_followed(emulator, customer_id, status, other):
    async with Trap() as trap, connected(emulator) as client:
        target = f"https://localhost:{trap.port}" if other else emulator.endpoint
        emulator.inject(Fault(Redirect(status, f"{target}/v1/customers"), operation="customers.get"))
        with pytest.raises(RedirectError) as caught:
            await client.customers.get(customer_id)
        assert caught.value.status == status
        assert trap.heard == 0
    assert emulator.count() == 1


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


@pytest.mark.fault("F22")
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_refused_connection_is_tried_again_whatever_the_method(method):
    retries = []
    cloud = Cloud(api=Service(f"https://localhost:{free_port()}", "s"), authority="https://localhost")
    client = PartnerCenterClient(FakeCredential(), cloud=cloud, retry=QUICK, on_retry=retries.append)
    async with client:
        with pytest.raises(ConnectError) as caught:
            await client.request(method, "echo")
    assert [each.error for each in retries] == ["ConnectError", "ConnectError"]
    assert caught.value.attempts == 0


async def test_a_name_that_is_never_resolved_is_no_connection(monkeypatch):
    async def resolve(*_args, **_kwargs):
        await asyncio.sleep(3600)

    monkeypatch.setattr("partnercenter_async._session.transport.CONNECT_TIMEOUT", 0.05)
    monkeypatch.setattr("aiohttp.ThreadedResolver.resolve", resolve)
    monkeypatch.setattr("aiohttp.DefaultResolver.resolve", resolve)
    cloud = Cloud(api=Service("https://api.example.com", "s"), authority="https://login.example.com")
    async with PartnerCenterClient(FakeCredential(), cloud=cloud, retry=QUICK) as client:
        with pytest.raises(ConnectError):
            await client.request("POST", "echo")


@pytest.mark.fault("F22")
@pytest.mark.parametrize("action", [DropBefore(), DropAfter()])
@pytest.mark.parametrize("reused", [False, True])
async def test_a_reset_connection_is_tried_again_and_counted(emulator, customer_id, action, reused):
    async with connected(emulator) as client:
        if reused:
            await client.request("GET", "echo", dict)
        emulator.inject(Fault(action, operation="customers.get", times=2))
        response = await client.request("GET", f"customers/{customer_id}", dict)
    assert response.info.attempts == 3 == emulator.count("customers.get")
    assert [each.error for each in response.info.history] == ["ConnectionLostError"] * 2


@pytest.mark.fault("F22")
@pytest.mark.parametrize("reused", [False, True])
async def test_a_reset_that_goes_on_is_the_last_error(emulator, customer_id, reused):
    async with connected(emulator) as client:
        if reused:
            await client.request("GET", "echo", dict)
        emulator.inject(Fault(DropBefore(), operation="customers.get", times=None))
        with pytest.raises(ConnectionLostError) as caught:
            await client.customers.get(customer_id)
    assert caught.value.attempts == 3 == emulator.count("customers.get")


@pytest.mark.fault("F22")
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_reused_connection_that_is_reset_sends_nothing_behind_our_back(emulator, method):
    async with connected(emulator, retry=RetryPolicy(tries=1)) as client:
        await client.request("GET", "echo", dict)
        emulator.inject(Fault(DropBefore(), method=method, times=None))
        with pytest.raises(ConnectionLostError):
            await client.request(method, "echo", dict)
    assert emulator.count("other") == 2


@pytest.mark.fault("F22")
async def test_a_callers_own_session_sends_nothing_behind_our_back_either(emulator):
    connector = aiohttp.TCPConnector(ssl=emulator.ssl_context())
    async with aiohttp.ClientSession(connector=connector) as session, connected(emulator) as other:
        credential = other._session.credential
        client = PartnerCenterClient(credential, cloud=Cloud.GLOBAL, session=session)
        assert "partnercenter" in repr(client)
        client = PartnerCenterClient(
            credential,
            cloud=Cloud.GLOBAL.at(emulator.endpoint, authority=emulator.authority),
            session=session,
            ssl_context=emulator.ssl_context(),
            retry=RetryPolicy(tries=1),
        )
        async with client:
            await client.request("GET", "echo", dict)
            emulator.inject(Fault(DropBefore(), operation="other", times=None))
            with pytest.raises(ConnectionLostError):
                await client.request("GET", "echo", dict)
        assert not session.closed
    assert emulator.count("other") == 2


async def test_a_callers_session_that_raises_by_itself_changes_no_error(emulator, customer_id):
    session = aiohttp.ClientSession(raise_for_status=True)
    async with session, connected(emulator, session=session) as client:
        emulator.inject(Fault(service_error(412, 3000, "Changed."), operation="customers.get"))
        with pytest.raises(PreconditionFailedError, match="412") as caught:
            await client.customers.get(customer_id)
        assert (caught.value.code, caught.value.attempts) == (3000, 1)
        emulator.inject(Fault(service_error(503, 3000, "Later."), operation="customers.get"))
        assert (await client.customers.get(customer_id)).id == customer_id
    assert emulator.count("customers.get") == 3


async def test_no_cookie_is_ever_kept(emulator, customer_id):
    cookie = [("Set-Cookie", "session=of-another; Path=/"), ("Set-Cookie", "other=1")]
    emulator.inject(Fault(Answer(200, b"{}", cookie), operation="other", times=None))
    async with connected(emulator) as client:
        response = await client.request("GET", "echo", dict)
        assert response.info.headers.get("Set-Cookie") == cookie[0][1]
        await client.request("POST", "echo", dict, body={})
        await client.customers.get(customer_id)
    assert emulator.count() == 3
    assert not any("Cookie" in each.headers for each in emulator.requests)


async def test_what_the_wire_asks_for_is_what_the_client_unpacks(emulator, customer_id):
    async with connected(emulator) as client:
        await client.customers.get(customer_id)
    accepted = emulator.requests[-1].headers["Accept-Encoding"]
    assert {each.strip() for each in accepted.split(",")} == {"gzip", "deflate"}


@pytest.mark.fault("F23")
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
@pytest.mark.parametrize("action", [CloseAfter(), DropBefore(), DropAfter()])
async def test_a_kept_alive_connection_that_closes_hides_no_request(emulator, method, action):
    async with connected(emulator) as client:
        attempts = (await client.request(method, "echo", dict)).info.attempts
        emulator.inject(Fault(action, operation="other", every=2))
        for _ in range(20):
            try:
                attempts += (await client.request(method, "echo", dict)).info.attempts
            except OutcomeUnknownError as error:
                attempts += error.attempts
        assert attempts == emulator.count("other")
        assert len({each.connection for each in emulator.requests}) > 5


@pytest.mark.fault("F23")
@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize("seed", range(3))
async def test_connections_that_close_at_random_places_hide_no_request(emulator, concurrency, seed):
    dice = random.Random(seed)
    attempts = []

    async def call(client):
        try:
            response = await client.request(dice.choice(["GET", "PUT", "DELETE", "POST"]), "echo", dict)
            attempts.append(response.info.attempts)
        except (ConnectionLostError, OutcomeUnknownError) as error:
            attempts.append(error.attempts)

    for number in range(1, 400):
        if dice.random() < 0.3:
            action = dice.choice([CloseAfter(), DropBefore(), DropAfter()])
            emulator.inject(Fault(action, operation="other", nth=number))
    async with connected(emulator, concurrency=concurrency) as client:
        for _ in range(0, 200, concurrency):
            await asyncio.gather(*[call(client) for _ in range(concurrency)])
    assert sum(attempts) == emulator.count("other") > 200


@pytest.mark.fault("F24")
@pytest.mark.parametrize(
    "action",
    [
        CutBody(),
        CutBody(fraction=0.01),
        CutBody(fraction=0.999),
        WrongLength(delta=10),
        BrokenChunk(),
        BrokenChunk(0.05),
    ],
)
async def test_a_body_that_ends_too_early_is_fetched_again_and_never_half_used(emulator, customer_id, action):
    emulator.inject(Fault(action, operation="orders.list", nth=2, times=2))
    async with asyncio.timeout(20), connected(emulator) as client:  # well before the attempts' own end
        orders = await client.orders.list(customer_id).collect()
    assert [order.id for order in orders] == [each["id"] for each in emulator.data.orders(customer_id)]
    assert emulator.count("orders.list") == 3 + 2


@pytest.mark.fault("F24")
async def test_a_body_that_comes_slowly_is_waited_for(emulator, customer_id, monkeypatch):
    monkeypatch.setattr(transport, "_LOOKS", 0.001)
    emulator.inject(Fault(Drip(0.0005), operation="customers.get"))
    async with connected(emulator) as client:
        response = await client.request("GET", f"customers/{customer_id}", dict)
    assert response.data["id"] == customer_id
    assert response.info.attempts == 1


@pytest.mark.fault("F24")
async def test_a_body_that_ends_with_its_connection_is_whole(monkeypatch):
    monkeypatch.setattr(transport, "_LOOKS", 0.0)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{")
        for _ in range(5):
            await asyncio.sleep(0)
        writer.write(b"}")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        cloud = Cloud(api=Service(url, "x/.default"), authority="https://localhost")
        async with PartnerCenterClient(FakeCredential(), cloud=cloud) as client:
            for _ in range(20):
                response = await client.request("GET", "customers/x", dict)
                assert (response.raw, response.info.attempts) == (b"{}", 1)


@pytest.mark.fault("F24")
async def test_a_body_that_never_comes_whole_is_a_typed_error(emulator, customer_id):
    emulator.inject(Fault(CutBody(), operation="customers.get", times=None))
    async with connected(emulator) as client:
        with pytest.raises(ConnectionLostError):
            await client.customers.get(customer_id)
    assert emulator.count("customers.get") == 3


@pytest.mark.fault("F27")
async def test_a_mark_before_the_body_is_passed_over(emulator, customer_id):
    emulator.inject(Fault(Bom(), times=None))
    async with connected(emulator) as client:
        assert (await client.customers.get(customer_id)).id == customer_id
        assert len(await client.orders.list(customer_id).collect()) == 7


@pytest.mark.fault("F27")
@pytest.mark.parametrize("label", ["application/json", "text/json", "text/plain"])
async def test_the_label_of_a_body_does_not_matter(label):
    data = DataSet(customers=9, seed=4, migrations_per_customer=2)
    async with Emulator(data, events_content_type=label) as emulator, connected(emulator) as client:
        migration = await client.migrations.list(customer_tenant_id=data.customer_id(0)).first()
        assert migration is not None
        events = await client.migrations.events(migration.customer_tenant_id, migration_id=migration.id).collect()
        assert [each.id for each in events] == [
            each["id"] for each in data.events(migration.customer_tenant_id, migration_id=migration.id)
        ]


@pytest.mark.fault("F27")
@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b""), (204, b""), (200, b"null"), (200, b"<html>Hello</html>"), (200, '{"id":"x"}'.encode("utf-16"))],
)
async def test_an_answer_without_json_is_a_typed_error(emulator, customer_id, status, body):
    emulator.inject(Fault(Answer(status, body=body), operation="customers.get", times=None))
    async with connected(emulator) as client:
        with pytest.raises(DecodeError) as caught:
            await client.customers.get(customer_id)
    assert caught.value.status == status
    assert emulator.count("customers.get") == 1


async def test_bytes_that_are_no_text_in_headers_and_reason_are_typed_errors_or_nothing():
    async def respond(reader, writer):
        while (await reader.readline()).strip():
            pass
        writer.write(answers.pop(0))
        writer.close()

    array = b"HTTP/1.1 200 OK\r\nMS-ContinuationToken: \xff\xfe\r\nContent-Length: 2\r\n\r\n[]"
    error = b"HTTP/1.1 404 N\xffpe\r\nX-A: \xff\r\nContent-Length: 0\r\n\r\n"
    answers = [array, error]
    server = await asyncio.start_server(respond, "127.0.0.1")
    cloud = Cloud(api=Service(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "s"), authority="https://l")
    async with server, PartnerCenterClient(FakeCredential(), cloud=cloud) as client:
        with pytest.raises(NotFoundError) as caught:
            await client.migrations.list(customer_tenant_id="t").collect()
    assert caught.value.continuation
    assert caught.value.message.isprintable()
    assert answers == []


def packed(body: bytes, bits: int) -> bytes:
    packer = zlib.compressobj(wbits=bits)
    return packer.compress(body) + packer.flush()


JSON = b'{"id":"x"}'


@pytest.mark.parametrize(
    ("label", "body"),
    [
        ("gzip", packed(JSON, 31)),
        ("GZip ", packed(JSON, 31)),
        ("x-gzip", packed(JSON, 31)),
        ("gzip", packed(JSON[:4], 31) + packed(JSON[4:], 31)),
        ("deflate", packed(JSON, 15)),
        ("deflate", packed(JSON, -15)),
        ("identity", JSON),
        ("", JSON),
        ("utf-8", JSON),
    ],
)
async def test_packed_bodies_are_unpacked(emulator, engine, label, body):
    emulator.inject(Fault(Answer(200, body, [("Content-Encoding", label)]), operation="other"))
    async with connected(emulator) as client:
        assert (await client.request("GET", "echo", dict)).data == {"id": "x"}


async def test_an_empty_body_has_nothing_to_unpack(emulator):
    emulator.inject(Fault(Answer(200, b"", [("Content-Encoding", "gzip")]), operation="other"))
    async with connected(emulator) as client:
        assert (await client.request("GET", "echo")).data is None


@pytest.mark.parametrize("unpacks", [True, False])
@pytest.mark.parametrize("action", [Gzip(), Deflate()])
async def test_a_callers_session_may_unpack_or_not(emulator, customer_id, unpacks, action):
    emulator.inject(Fault(action, operation="customers.get"))
    session = aiohttp.ClientSession(auto_decompress=unpacks)
    async with session, connected(emulator, session=session) as client:
        assert (await client.customers.get(customer_id)).id == customer_id


bodies = st.lists(st.binary(max_size=300) | st.builds(bytes.__mul__, st.binary(max_size=3), st.integers(0, 70_000)))


@pytest.mark.parametrize("name", ["zlib", "isal.isal_zlib", "zlib_ng.zlib_ng"])
@given(bodies.filter(bool), st.sampled_from([31, 15, -15]), st.randoms())
def test_a_packed_body_is_unpacked_wherever_it_is_cut(name, bodies, bits, dice):
    whole = b"".join(packed(body, bits) for body in bodies)
    cuts = sorted(dice.sample(range(1, len(whole)), min(len(whole) - 1, dice.randrange(9))))
    chunks = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    aiohttp.set_zlib_backend(pytest.importorskip(name, reason="this machine has no package of it"))
    try:
        unpacking, lacking = (_Unpacking("gzip" if bits == 31 else "deflate", chunks[0]) for _ in range(2))
        parts = [part for chunk in chunks for part in unpacking.parts(chunk)]
        assert b"".join(parts) == b"".join(bodies)
        assert unpacking.ended
        assert max(map(len, parts)) <= 65536
        assert b"".join(bodies).startswith(b"".join(lacking.parts(whole[:-1])))
        assert not lacking.ended
    finally:
        aiohttp.set_zlib_backend(zlib)


class Holding:
    """An engine that takes all it is given at once, and hands it out bit by bit."""

    error = zlib.error

    def decompressobj(self, bits: int):
        held = zlib.decompressobj(bits)
        inner = iter(lambda: held.decompress(held.unconsumed_tail, 65536), b"")

        def decompress(packed: bytes, most: int) -> bytes:
            assert most == 65536
            return held.decompress(packed, most) if packed else next(inner, b"")

        return SimpleNamespace(decompress=decompress, unconsumed_tail=b"", unused_data=b"", eof=False)


def test_what_an_engine_keeps_to_itself_is_asked_for(monkeypatch):
    monkeypatch.setattr(aiohttp.compression_utils, "ZLibBackend", Holding())
    whole = packed(bytes(200_000), 31)
    assert b"".join(_Unpacking("gzip", whole).parts(whole)) == bytes(200_000)


def test_an_aiohttp_that_names_no_engine_leaves_zlib(monkeypatch):
    monkeypatch.delattr(aiohttp.compression_utils, "ZLibBackend")
    whole = packed(JSON, 31)
    assert b"".join(_Unpacking("gzip", whole).parts(whole)) == JSON


class OtherError(Exception):
    """What another engine raises."""


async def test_what_a_program_chose_last_unpacks_and_may_raise_what_it_likes(emulator):
    class Other:
        error = OtherError

        def decompressobj(self, bits: int):
            used.append(bits)
            return SimpleNamespace(decompress=self.fail, eof=False) if len(used) < 3 else zlib.decompressobj(bits)

        def fail(self, *_: object) -> bytes:
            raise OtherError

    used: list[int] = []
    emulator.inject(Fault(Answer(200, packed(JSON, 31), [("Content-Encoding", "gzip")]), operation="other", times=4))
    async with connected(emulator) as client:
        await client.request("GET", "echo", dict)
        aiohttp.set_zlib_backend(Other())
        try:
            response = await client.request("GET", "echo", dict)
        finally:
            aiohttp.set_zlib_backend(zlib)
    assert response.data == {"id": "x"}
    assert [each.error for each in response.info.history] == ["ConnectionLostError"] * 2
    assert len(used) == 3


@pytest.mark.fault("F24")
@pytest.mark.parametrize(
    "body",
    [
        packed(JSON, 31)[:-1],
        packed(JSON, 31)[:12],
        packed(JSON, 31) + packed(JSON, 31)[:5],
        packed(JSON, 31)[:-8] + bytes(8),
        packed(JSON, 31)[:-4] + bytes(4),
        packed(JSON, 31)[:10] + bytes([255]) * 20,
        packed(JSON, 15)[:-1],
        packed(JSON, 15)[:-4] + bytes(4),
        b"\x1f" + packed(JSON, 31)[2:],
        JSON,
    ],
)
async def test_a_packed_body_that_is_cut_or_broken_is_fetched_again(emulator, engine, body):
    emulator.inject(Fault(Answer(200, body, [("Content-Encoding", "gzip")]), operation="other", times=2))
    async with connected(emulator) as client:
        response = await client.request("GET", "echo", dict)
    assert response.data["method"] == "GET"
    assert [each.error for each in response.info.history] == ["ConnectionLostError"] * 2


@pytest.mark.parametrize("action", [Gzip, Deflate])
async def test_a_body_beyond_the_cap_is_refused(emulator, engine, customer_id, action):
    async with connected(emulator) as client:
        size = len((await client.request("GET", f"customers/{customer_id}", dict)).raw)
    async with connected(emulator, max_body=size + 1000) as client:
        for padding in (1000, 1001):
            emulator.inject(Fault(action(padding=padding), operation="customers.get", nth=padding - 999))
            plain = ReplaceBody(lambda body, padding=padding: body + b" " * padding)
            emulator.inject(Fault(plain, operation="customers.get", nth=padding - 997))
        for too_large in (False, True, False, True, False):
            if too_large:
                with pytest.raises(BodyTooLargeError, match="max_body="):
                    await client.customers.get(customer_id)
            else:
                assert (await client.customers.get(customer_id)).id == customer_id
    assert emulator.count("customers.get") == 6


async def test_a_body_that_says_it_is_too_large_is_not_read(emulator, customer_id):
    emulator.inject(Fault(ReplaceBody(lambda body: body + b" " * 1_000_000), operation="customers.get"))
    async with connected(emulator, max_body=900_000) as client:
        with pytest.raises(BodyTooLargeError, match="900000"):
            await client.customers.get(customer_id)


CAP = 64 << 20
GIGABYTE = 1 << 30


async def peak_of(call) -> tuple[Exception, int]:
    """The error that a call ends in and by how much memory grew meanwhile at most, the emulator's share included."""
    tracemalloc.start()
    try:
        with pytest.raises(PartnerCenterError) as caught:
            await call
        kept, peak = tracemalloc.get_traced_memory()
        assert kept < 1 << 23  # by the emulator, not by the error
        return caught.value, peak
    finally:
        tracemalloc.stop()


@pytest.mark.fault("F25")
@pytest.mark.parametrize("action", [Gzip(GIGABYTE), Deflate(GIGABYTE)])
async def test_a_bomb_of_a_gigabyte_takes_at_most_twice_the_cap(emulator, engine, customer_id, action):
    emulator.inject(Fault(action, operation="customers.get", times=None))
    async with connected(emulator) as client:
        error, peak = await peak_of(client.customers.get(customer_id))
    assert isinstance(error, BodyTooLargeError)
    assert CAP < peak < 2 * CAP
    assert emulator.count("customers.get") == 1


@pytest.mark.fault("F25")
@pytest.mark.parametrize("status", [200, 401, 503])
async def test_no_status_makes_a_bomb_welcome(emulator, customer_id, status):
    body, headers = Gzip(GIGABYTE).alter_body(b"{}")
    emulator.inject(Fault(Answer(status, body, headers), operation="customers.get", times=None))
    async with connected(emulator) as client:
        error, peak = await peak_of(client.customers.get(customer_id))
    assert isinstance(error, BodyTooLargeError)
    assert peak < 2 * CAP
    assert emulator.count("customers.get") == 1


@pytest.mark.fault("F25")
async def test_a_bomb_for_a_token_takes_at_most_twice_the_cap(emulator, customer_id):
    emulator.inject(Fault(Gzip(GIGABYTE), operation="token", times=None))
    async with connected(emulator, user=True) as client:
        error, peak = await peak_of(client.customers.get(customer_id))
    assert isinstance(error, CredentialError)
    assert peak < 2 * CAP
    assert emulator.count("token") == 1
    assert emulator.count("customers.get") == 0


ZSTD_BLOCK = ((128 << 10) << 3 | 2).to_bytes(3, "little") + b" "  # a blank, 128 KiB times
ZSTD_BOMB = b"\x28\xb5\x2f\xfd\0\x38" + ZSTD_BLOCK * (GIGABYTE >> 17) + b"\x01\0\0"


@pytest.mark.fault("F25")
@pytest.mark.parametrize(("label", "body"), [("zstd", ZSTD_BOMB), ("br", b"\x0b\x02\x80{}\x03"), ("gzip, gzip", b"{")])
async def test_what_was_not_asked_for_is_never_unpacked(emulator, customer_id, label, body):
    emulator.inject(Fault(Answer(200, body, [("Content-Encoding", label)]), operation="customers.get", times=None))
    async with connected(emulator) as client:
        error, peak = await peak_of(client.customers.get(customer_id))
    assert isinstance(error, DecodeError)
    assert (error.status, error.body) == (200, body)
    assert len(error.message) < 400
    assert peak < 1 << 23
    assert emulator.count("customers.get") == 1


@asynccontextmanager
async def listening(respond, **settings):
    """A client of a service that does with each request what a function does."""

    tasks = []

    async def answer(reader, writer):
        tasks.append(asyncio.current_task())
        with contextlib.suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            await respond(writer)
        with contextlib.suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1")
    cloud = Cloud(api=Service(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "s"), authority="https://l")
    async with server:
        async with PartnerCenterClient(FakeCredential(), cloud=cloud, retry=QUICK, **settings) as client:
            yield client
        await asyncio.gather(*tasks)  # they end with their connections


@pytest.mark.fault("F25")
async def test_a_large_body_that_unpacks_to_nothing_ends_at_the_cap():
    async def respond(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n\r\n\x78\x9c")
        for _ in range(60):
            writer.write(b"\0\0\0\xff\xff" * 10_000)
            await writer.drain()
        writer.write(b"\3\0\0\0\0\1")

    async with listening(respond, max_body=1_000_000) as client:
        with pytest.raises(BodyTooLargeError):
            await client.request("GET", "echo", dict)


async def lateness(call, deadline: float) -> float:
    """How long after its deadline a call ends, by the loop's own clock and a timer beside it."""
    loop = asyncio.get_running_loop()
    fired = loop.create_future()
    due = loop.time() + deadline
    loop.call_at(due, lambda: fired.set_result(loop.time()))
    with pytest.raises(DeadlineError) as caught:
        await call
    ended = loop.time()
    assert caught.value.attempts <= 1
    assert ended >= due
    return ended - await fired


@pytest.mark.fault("F26")
@pytest.mark.parametrize("operation", ["customers.get", "token"])
async def test_a_dripping_body_ends_at_the_deadline(emulator, customer_id, operation):
    async with connected(emulator) as client:
        emulator.inject(Fault(Drip(interval=0.05), operation=operation, times=None))
        assert await lateness(client.customers.get(customer_id, deadline=0.5), 0.5) < 0.1
        assert emulator.count(operation) == 1


@pytest.mark.fault("F26")
async def test_a_dripping_page_ends_at_the_deadline_of_its_own_call(emulator, customer_id):
    emulator.inject(Fault(Drip(interval=0.05), operation="orders.list", nth=2, times=None))
    async with connected(emulator) as client:
        pages = client.orders.list(customer_id, deadline=0.5).pages()
        assert len((await anext(pages)).items) == 3
        assert await lateness(anext(pages), 0.5) < 0.1


@pytest.mark.fault("F26")
async def test_a_dripping_head_ends_at_the_deadline():
    async def respond(writer):
        for byte in b"HTTP/1.1 200 OK\r\n" + b"X-A: 1\r\n" * 1000:
            writer.write(bytes((byte,)))
            await writer.drain()
            await asyncio.sleep(0.05)

    async with listening(respond) as client:
        assert await lateness(client.customers.get("c", deadline=0.5), 0.5) < 0.1


async def test_doubled_and_contradictory_headers_change_nothing(emulator, customer_id):
    contradictions = [("MS-RequestId", "other"), ("Content-Type", "text/html"), ("Content-Encoding", "gzip")]
    async with connected(emulator) as client:
        true = await client.orders.list(customer_id).collect()
        emulator.inject(Fault(DuplicateHeaders(contradictions[:2]), times=None))
        assert await client.orders.list(customer_id).collect() == true
        response = await client.request("GET", "echo", dict)
        assert response.info.request_id == emulator.requests[-1].headers["MS-RequestId"]


async def test_contradictory_lengths_are_a_typed_error(emulator, customer_id):
    emulator.inject(Fault(DuplicateHeaders([("Content-Length", "1")]), operation="customers.get", times=None))
    async with connected(emulator) as client:
        with pytest.raises(ConnectionLostError):
            await client.customers.get(customer_id)


async def test_an_unknown_authority_is_not_trusted(emulator, customer_id):
    cloud = Cloud(api=Service(emulator.endpoint, "s"), authority=emulator.authority)
    async with PartnerCenterClient(FakeCredential(), cloud=cloud, ssl_context=ssl.create_default_context()) as client:
        with pytest.raises(CertificateError):
            await client.customers.get(customer_id)
    assert emulator.count() == 0


@pytest.mark.fault("F32")
async def test_leaving_a_walk_leaves_no_exchange_open(emulator, customer_id):
    async with connected(emulator) as client:
        for _ in range(20):
            async for _order in client.orders.list(customer_id):
                break
        assert len(asyncio.all_tasks()) - emulator.open_connections <= 2
        assert emulator.open_connections <= 2  # the pool's, and the credential's


@pytest.mark.fault("F36")
async def test_closing_waits_until_every_connection_has_ended(emulator, customer_id):
    emulator.inject(Fault(Delay(60.0), operation="customers.get", nth=3, times=None))
    async with connected(emulator) as client:
        await asyncio.gather(*[client.customers.get(customer_id) for _ in range(2)])
        calls = [asyncio.create_task(client.customers.get(customer_id)) for _ in range(5)]
        while emulator.count("customers.get") < 7:  # noqa: ASYNC110 - the emulator has no event for it
            await asyncio.sleep(0)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        protocols = list(client._session.shared.transport._session.connector._used)
        await client.close()
        assert len(protocols) >= 5
        assert all(protocol.closed is None or protocol.closed.done() for protocol in protocols)
        await client.close()


async def test_a_closed_client_says_so(emulator, customer_id):
    async with connected(emulator) as client:
        await client.close()
        with pytest.raises(RuntimeError, match="closed"):
            await client.customers.get(customer_id)


async def test_two_credentials_share_one_pool(emulator, customer_id):
    async with connected(emulator) as app, connected(emulator, user=True) as other:
        user = app.with_options(credential=other._session.credential)
        await app.customers.get(customer_id)
        await user.customers.get(customer_id)
        first, second = [each for each in emulator.requests if each.operation == "customers.get"]
    assert first.connection == second.connection
    assert first.headers["Authorization"] != second.headers["Authorization"]


async def test_the_emulator_never_shows_a_token(emulator, customer_id):
    async with connected(emulator) as client:
        await client.customers.get(customer_id)
        token = await client._session.access().tokens.authorization()
    recorded = emulator.requests[-1].headers["Authorization"]
    assert token not in recorded
    assert fingerprint(str(token).removeprefix("Bearer ")) in recorded


@pytest.mark.parametrize("service", SERVICES)
async def test_the_environments_proxy_is_used_and_sees_no_token(monkeypatch, service):
    heard = bytearray()

    async def refuse(reader, writer):
        heard.extend(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1") as server:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        async with PartnerCenterClient(FakeCredential(), cloud=CLOUD, retry=QUICK) as client:
            with pytest.raises(ConnectError):
                await client.request("GET", AT[service], service=service)
    assert heard.count(b"CONNECT %s:443" % URL_AT[service].split("/")[2].encode()) == 3
    assert b"fake-token" not in heard


async def test_no_proxy_is_used_where_the_environment_names_the_host(emulator, customer_id, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("NO_PROXY", "localhost")
    async with connected(emulator) as client:
        assert (await client.customers.get(customer_id)).id == customer_id
