"""No log, repr, traceback or pickle shows a secret."""

import asyncio
import gc
import logging
import pickle
import traceback

import msgspec
import pytest
from helpers import AT, CLOUD, ECHO_AT, QUICK, connected

import partnercenter_async
from partnercenter_async import (
    CertificateError,
    Cloud,
    ConnectionLostError,
    CredentialError,
    Customer,
    PartnerCenterClient,
    PartnerCenterError,
    RefreshTokenCredential,
    Service,
    UserCredentials,
)
from partnercenter_async._session.transport import AiohttpTransport
from partnercenter_async.clouds import SERVICES
from partnercenter_async.emulator import Answer, CutBody, DropAfter, DropBefore, Fault, Redirect, service_error
from partnercenter_async.testing import FakeTransport, answer, run_in_virtual_time

CANARY = "canary-9f8e7d"


class Canary:
    """A credential whose token is the canary."""

    async def get_token(self, *_scopes, **_kwargs):
        from azure.core.credentials import AccessToken

        return AccessToken(CANARY, 4_000_000_000)

    async def close(self):
        pass


def told(error: BaseException) -> str:
    """All that a reporter of errors could print: the chain of tracebacks, with every frame's locals, and the reprs."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    link: traceback.TracebackException | None = shown
    while link is not None:
        # This file's own frames hold the secrets to look for.
        link.stack[:] = [frame for frame in link.stack if frame.filename != __file__]
        link = link.__cause__ or link.__context__
    return "".join([*shown.format(), repr(error), str(error), repr(vars(error))])


def pickled(thing: object) -> bytes:
    """A pickle, or nothing where the thing refuses."""
    try:
        return pickle.dumps(thing)
    except TypeError:
        return b""


FAULTS = [
    service_error(400, 2000, "No."),
    service_error(403, 900329, "No."),
    service_error(500, 800003, "No."),
    Answer(401, reason="MFA required"),
    Answer(401),
    Answer(200, body=b"<html>"),
    CutBody(),
    DropBefore(),
    DropAfter(),
    Redirect(302, "https://example.com"),
]


@pytest.mark.fault("F38")
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{type(fault).__name__}-{getattr(fault, 'status', '')}")
@pytest.mark.parametrize("service", SERVICES)
async def test_no_error_over_the_wire_shows_a_token(emulator, fault, service, caplog):
    caplog.set_level(logging.DEBUG)
    tokens: list[str] = []
    async with connected(emulator) as client:
        await client.request("GET", ECHO_AT[service], dict, service=service)
        tokens.append(str(await client._session.access(service).tokens.authorization()).removeprefix("Bearer "))
        emulator.inject(Fault(fault, operation="other", times=None))
        with pytest.raises(PartnerCenterError) as caught:
            await client.request("GET", ECHO_AT[service], dict, service=service)
        tokens.append(str(await client._session.access(service).tokens.authorization()).removeprefix("Bearer "))
    output = told(caught.value) + caplog.text + repr(pickled(caught.value))
    assert len(output) > 1000
    for secret in (*tokens, emulator.client_secret):
        assert secret not in output


@pytest.mark.fault("F38")
async def test_no_error_of_signing_in_shows_a_secret(emulator, caplog):
    caplog.set_level(logging.DEBUG)
    secrets = ["a-wrong-refresh-token-" + CANARY, "a-wrong-secret-" + CANARY]
    credential = RefreshTokenCredential(
        emulator.tenant_id,
        emulator.client_id,
        secrets[0],
        client_secret=secrets[1],
        authority=emulator.authority,
        ssl_context=emulator.ssl_context(),
    )
    cloud = Cloud.GLOBAL.at(emulator.endpoint, authority=emulator.authority)
    async with credential, PartnerCenterClient(credential, cloud=cloud, retry=QUICK) as client:
        for fault in (None, DropBefore(), CutBody(), Answer(200, body=b"{}"), service_error(500, 1, "No.")):
            if fault is not None:
                emulator.inject(Fault(fault, operation="token", times=None))
            with pytest.raises(CredentialError) as caught:
                await client.customers.get("c")
            assert CANARY not in told(caught.value)
            emulator.clear_faults()
        assert CANARY not in repr([credential, client, vars(credential), vars(client), vars(client._session)])
        assert CANARY.encode() not in pickled(credential)
    assert CANARY not in caplog.text


@pytest.mark.fault("F38")
def test_no_error_of_a_callback_shows_a_refresh_token():
    async def store(_new: str) -> None:
        raise OSError("disk full")

    transport = FakeTransport([answer({"access_token": "x", "expires_in": 1, "refresh_token": CANARY})])
    credential = RefreshTokenCredential("t", "c", "r", client_secret="s", on_rotation=store, transport=transport)
    with pytest.raises(CredentialError) as caught:
        run_in_virtual_time(credential.get_token("scope"))
    assert CANARY not in told(caught.value)


@pytest.mark.fault("F38")
async def test_a_refused_certificate_shows_no_token(emulator):
    cloud = Cloud(api=Service(emulator.endpoint, "s"), authority=emulator.authority)
    async with PartnerCenterClient(Canary(), cloud=cloud) as client:
        with pytest.raises(CertificateError) as caught:
            await client.customers.get("c")
    assert CANARY not in told(caught.value)


@pytest.mark.fault("F38")
@pytest.mark.parametrize(
    "fault", [ConnectionLostError("x"), answer(status=500), answer(body=b"x"), ValueError("a bug")]
)
@pytest.mark.parametrize("service", SERVICES)
def test_no_object_on_the_way_shows_a_token(fault, service):
    transport = FakeTransport([fault] * 3)

    async def work(client: PartnerCenterClient) -> Exception:
        try:
            if service == "api":
                await client.orders.list("c").collect()
            else:
                await client.request("GET", AT[service], dict, service=service)
        except Exception as error:
            return error
        raise AssertionError

    client = PartnerCenterClient(Canary(), cloud=CLOUD, transport=transport)
    error = run_in_virtual_time(work(client))
    objects = [
        client,
        client._session,
        client._session.access(service),
        CLOUD,
        client.orders,
        client.orders.list("c"),
        transport,
        *transport.requests,
    ]
    output = "".join([told(error), *map(repr, objects), *[repr(getattr(each, "__dict__", "")) for each in objects]])
    assert CANARY not in output


@pytest.mark.fault("F38")
@pytest.mark.parametrize("service", SERVICES)
def test_no_response_or_page_shows_a_token(caplog, service):
    caplog.set_level(logging.DEBUG)

    async def work(client: PartnerCenterClient) -> list[object]:
        response = await client.request("GET", AT[service], dict, service=service)
        pages = [page async for page in client.orders.list("c").pages()]
        return [response, response.info, *pages, pages[0].continuation]

    client = PartnerCenterClient(Canary(), cloud=CLOUD, transport=FakeTransport([answer({"items": []})] * 2))
    for thing in run_in_virtual_time(work(client)):
        assert CANARY not in repr(thing)
        assert CANARY.encode() not in pickle.dumps(thing)
        assert pickle.loads(pickle.dumps(thing)) == thing
    assert CANARY not in caplog.text


@pytest.mark.fault("F38")
def test_a_password_is_neither_shown_nor_pickled():
    customer = Customer(id="c", user_credentials=UserCredentials(user_name="admin", password=CANARY))
    assert CANARY not in repr(customer)
    assert CANARY.encode() not in pickle.dumps(customer)
    assert pickle.loads(pickle.dumps(customer)).user_credentials.user_name == "admin"
    assert msgspec.to_builtins(customer)["userCredentials"]["password"] == CANARY


def test_every_public_name_is_there():
    assert sorted(partnercenter_async.__all__) == partnercenter_async.__all__
    for name in partnercenter_async.__all__:
        assert getattr(partnercenter_async, name).__doc__


@pytest.mark.fault("F38")
def test_the_proxys_password_is_not_shown(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{CANARY}@127.0.0.1:9")
    transport = AiohttpTransport("https://api.example.com")
    client = PartnerCenterClient(Canary(), cloud=CLOUD, transport=transport, retry=QUICK)

    async def work() -> Exception:
        async with client:
            try:
                await client.customers.get("c")
            except PartnerCenterError as error:
                return error
        raise AssertionError

    error = asyncio.run(work())
    gc.collect()
    assert CANARY not in told(error)
    assert CANARY not in repr(transport)
