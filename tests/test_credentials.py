"""App+User tokens: redeemed, rotated, refused."""

import asyncio
import gc
import pickle
from urllib.parse import parse_qs, parse_qsl

import pytest
from helpers import AT, CLOUD, ECHO_AT, QUICK, URL_AT, connected, header

from partnercenter_async import Cloud, ConnectionLostError, CredentialError, PartnerCenterClient, RefreshTokenCredential
from partnercenter_async.clouds import SERVICES
from partnercenter_async.emulator import Answer, DataSet, Emulator, Fault
from partnercenter_async.testing import FakeTransport, answer, run_in_virtual_time

SCOPE = "https://api.partnercenter.microsoft.com/.default"


def token(number: int = 1, *, refresh_token: str | None = None, **fields):
    body = {"token_type": "Bearer", "access_token": f"access-{number}", "expires_in": 3600} | fields
    return answer(body | ({"refresh_token": refresh_token} if refresh_token else {}))


def refusal(code: str, error: str = "invalid_grant", status: int = 400):
    return answer({"error": error, "error_description": f"{code}: No more.\r\nTrace ID: 1"}, status=status)


def credential(answers, **settings):
    transport = FakeTransport(answers)
    if "client_assertion" not in settings:
        settings.setdefault("client_secret", "app-secret")
    made = RefreshTokenCredential(
        "tenant", "app", "refresh-0", authority="https://login.example.com", transport=transport, **settings
    )
    return made, transport


def form(request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.body.decode()).items()}


def test_a_redemption_is_one_form():
    made, transport = credential([token()])
    got = run_in_virtual_time(made.get_token(SCOPE))
    (request,) = transport.requests
    assert got.token == "access-1"
    assert (request.method, request.url) == ("POST", "https://login.example.com/tenant/oauth2/v2.0/token")
    assert form(request) == {
        "grant_type": "refresh_token",
        "client_id": "app",
        "client_secret": "app-secret",
        "refresh_token": "refresh-0",
        "scope": SCOPE,
    }


@pytest.mark.parametrize("kind", ["plain", "awaited"])
def test_an_assertion_takes_the_place_of_the_secret(kind):
    calls = iter(["jwt-1", "jwt-2"])

    async def awaited() -> str:
        return next(calls)

    made, transport = credential(
        [token(), token()], client_assertion=awaited if kind == "awaited" else lambda: next(calls)
    )

    async def twice() -> None:
        await made.get_token(SCOPE)
        await made.get_token(SCOPE)

    run_in_virtual_time(twice())
    assert [form(each)["client_assertion"] for each in transport.requests] == ["jwt-1", "jwt-2"]
    assert "client_secret" not in form(transport.requests[0])
    assert form(transport.requests[0])["client_assertion_type"].endswith("jwt-bearer")


def test_claims_and_another_tenant_go_into_the_redemption():
    made, transport = credential([token()])
    run_in_virtual_time(made.get_token(SCOPE, claims='{"a":1}', tenant_id="customer.example.com"))
    assert form(transport.requests[0])["claims"] == '{"a":1}'
    assert transport.requests[0].url == "https://login.example.com/customer.example.com/oauth2/v2.0/token"


def test_a_lifetime_in_text_is_taken():
    made, _ = credential([token(expires_in="3599")])
    early, late = run_in_virtual_time(made.get_token(SCOPE)).expires_on, 3599
    import time

    assert abs(early - time.time() - late) < 5


def test_a_new_refresh_token_is_used_where_nobody_stores_it():
    made, transport = credential([token(1, refresh_token="refresh-1"), token(2)])

    async def twice() -> None:
        await made.get_token(SCOPE)
        await made.get_token(SCOPE)

    run_in_virtual_time(twice())
    assert [form(request)["refresh_token"] for request in transport.requests] == ["refresh-0", "refresh-1"]


@pytest.mark.fault("F13")
def test_a_new_refresh_token_is_stored_before_it_is_used():
    events = []

    async def store(new: str) -> None:
        await asyncio.sleep(1)
        events.append(("stored", new))

    def respond(request):
        used = form(request)["refresh_token"]
        events.append(("used", used))
        return token(refresh_token="refresh-1" if used == "refresh-0" else None)

    made, _ = credential(respond, on_rotation=store)

    async def work() -> None:
        await asyncio.gather(made.get_token(SCOPE), made.get_token(SCOPE))
        await made.get_token(SCOPE)

    run_in_virtual_time(work())
    assert events == [("used", "refresh-0"), ("stored", "refresh-1"), ("used", "refresh-1"), ("used", "refresh-1")]


@pytest.mark.fault("F13")
def test_services_that_are_called_at_once_redeem_one_refresh_token_after_the_other():
    events = []

    async def store(new: str) -> None:
        await asyncio.sleep(1)
        events.append(("stored", new))

    def respond(request):
        used, scope = form(request)["refresh_token"], form(request)["scope"]
        events.append(("used", used))
        number = int(used.rpartition("-")[2])
        return token(scope, refresh_token=f"refresh-{number + 1}")

    made, transport = credential(respond, on_rotation=store)
    client = PartnerCenterClient(made, cloud=CLOUD, transport=FakeTransport(lambda _: answer({})), retry=QUICK)

    async def work() -> None:
        calls = [client.request("GET", AT[service], service=service) for service in SERVICES for _ in range(3)]
        await asyncio.gather(*calls)

    run_in_virtual_time(work())
    assert events == [
        *[("used", "refresh-0"), ("stored", "refresh-1")],
        *[("used", "refresh-1"), ("stored", "refresh-2")],
        *[("used", "refresh-2"), ("stored", "refresh-3")],
    ]
    assert [form(each)["scope"] for each in transport.requests] == [CLOUD.service(each).scope for each in SERVICES]
    sent = {request.url: header(request, "Authorization") for request in client._session.shared.transport.requests}
    assert sent == {URL_AT[each]: f"Bearer access-{CLOUD.service(each).scope}" for each in SERVICES}


@pytest.mark.fault("F13")
async def test_the_services_of_a_user_share_one_rotating_refresh_token():
    async with Emulator(DataSet(customers=1, seed=1), rotate_refresh_token=True) as emulator:
        async with connected(emulator, user=True) as client:
            for _ in range(2):
                await asyncio.gather(*[client.request("GET", ECHO_AT[each], service=each) for each in SERVICES])
                emulator.expire_tokens()
        redeemed = [dict(parse_qsl(each.body.decode())) for each in emulator.requests if each.operation == "token"]
    assert len(redeemed) == len({each["refresh_token"] for each in redeemed}) == 6
    assert {each["scope"] for each in redeemed} == {each.scope for each in Cloud.GLOBAL.services()}


@pytest.mark.fault("F13")
def test_a_refresh_token_that_stays_the_same_is_not_stored_again():
    stored = []

    async def store(new: str) -> None:
        stored.append(new)

    made, _ = credential([token(refresh_token="refresh-0")], on_rotation=store)
    run_in_virtual_time(made.get_token(SCOPE))
    assert stored == []


@pytest.mark.fault("F13")
def test_a_callback_that_fails_fails_the_call_and_is_tried_again():
    stored = []

    async def store(new: str) -> None:
        stored.append(new)
        if len(stored) < 3:
            raise OSError("disk full")

    made, transport = credential(
        [token(refresh_token="refresh-1"), token(2, refresh_token="refresh-2")], on_rotation=store
    )

    async def work():
        for _ in range(2):
            with pytest.raises(CredentialError, match="on_rotation failed") as caught:
                await made.get_token(SCOPE)
            assert isinstance(caught.value.__cause__, OSError)
        return await made.get_token(SCOPE)

    assert run_in_virtual_time(work()).token == "access-2"
    # Nothing was asked between the failures, then the new token was used, never the old one again.
    assert stored == ["refresh-1", "refresh-1", "refresh-1", "refresh-2"]
    assert [form(each)["refresh_token"] for each in transport.requests] == ["refresh-0", "refresh-1"]


@pytest.mark.fault("F13")
def test_a_rotation_is_not_lost_with_its_cancelled_caller():
    stored = []

    async def store(new: str) -> None:
        stored.append(new)

    async def respond(_request):
        await asyncio.sleep(5)
        return token(refresh_token="refresh-1")

    made, transport = credential(respond, on_rotation=store)

    async def work() -> None:
        caller = asyncio.create_task(made.get_token(SCOPE))
        await asyncio.sleep(1)
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        await made.close()

    run_in_virtual_time(work())
    assert stored == ["refresh-1"]
    assert transport.closed


@pytest.mark.fault("F14")
@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("AADSTS50076", "MFA"),
        ("AADSTS50078", "MFA"),
        ("AADSTS700082", "sign in and consent again"),
        ("AADSTS99999", "sign in and consent again"),
    ],
)
def test_a_dead_refresh_token_is_final_and_names_the_remedy(code, remedy):
    made, transport = credential(lambda _: refusal(code))

    async def work(client: PartnerCenterClient):
        with pytest.raises(CredentialError) as caught:
            await client.orders.get("c", "o")
        return caught.value

    client = PartnerCenterClient(made, cloud=CLOUD, transport=FakeTransport([]), retry=QUICK)
    error = run_in_virtual_time(work(client))
    assert len(transport.requests) == 1
    assert error.code == code
    assert remedy in str(error)
    assert error.attempts == 0
    assert "\n" not in str(error)


@pytest.mark.fault("F14")
async def test_the_token_endpoints_refusal_reaches_the_caller(emulator):
    made = RefreshTokenCredential(
        emulator.tenant_id,
        emulator.client_id,
        "not-the-one",
        client_secret=emulator.client_secret,
        authority=emulator.authority,
        ssl_context=emulator.ssl_context(),
    )
    async with made:
        with pytest.raises(CredentialError, match="AADSTS"):
            await made.get_token(SCOPE)
    assert emulator.count("token") == 1


@pytest.mark.parametrize(
    "fault", [ConnectionLostError("gone"), answer(status=503), answer(status=429), answer(status=500, body=b"<html>")]
)
def test_a_token_endpoint_that_fails_in_passing_is_asked_again(fault):
    made, transport = credential([fault, fault, token()])
    service = FakeTransport([answer({"id": "o1"})])
    client = PartnerCenterClient(made, cloud=CLOUD, transport=service)
    assert run_in_virtual_time(client.orders.get("c", "o")).id == "o1"
    assert len(transport.requests) == 3
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    "bad",
    [
        answer({}),
        answer([]),
        answer(body=b"x"),
        answer({"access_token": ""}),
        answer(status=302),
        answer({"access_token": "t"}, status=201),
    ],
)
def test_an_answer_without_a_token_is_a_typed_error(bad):
    made, transport = credential([bad])
    with pytest.raises(CredentialError):
        run_in_virtual_time(made.get_token(SCOPE))
    assert len(transport.requests) == 1


def test_a_redemption_that_takes_too_long_ends():
    async def hang(_request):
        await asyncio.sleep(3600)

    made, _ = credential(hang, timeout=3)

    async def work() -> float:
        with pytest.raises(CredentialError, match="3 s") as caught:
            await made.get_token(SCOPE)
        assert caught.value.transient
        return asyncio.get_running_loop().time()

    assert run_in_virtual_time(work()) == pytest.approx(3)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"tenant_id": ""}, "tenant_id"),
        ({"tenant_id": "a/b"}, "tenant_id"),
        ({"tenant_id": ".."}, "tenant_id"),
        ({"client_id": " "}, "client_id"),
        ({"refresh_token": ""}, "refresh_token"),
        ({"client_secret": None}, "client_secret"),
        ({"client_secret": ""}, "client_secret"),
        ({"client_assertion": str}, "client_assertion"),
        ({"authority": "http://login.example.com"}, "authority"),
        ({"timeout": 0}, "timeout"),
    ],
)
def test_what_no_redemption_could_use_is_refused(arguments, name):
    good = {"tenant_id": "t", "client_id": "c", "refresh_token": "r", "client_secret": "s"}
    with pytest.raises(ValueError, match=name):
        RefreshTokenCredential(**(good | arguments))


def test_a_scope_is_needed():
    made, _ = credential([])
    with pytest.raises(ValueError, match="scope"):
        run_in_virtual_time(made.get_token())


def test_a_credential_is_not_pickled():
    made, _ = credential([])
    with pytest.raises(TypeError, match="secrets"):
        pickle.dumps(made)
    assert repr(made) == "RefreshTokenCredential(tenant_id='tenant', client_id='app')"


async def test_a_user_signs_in_for_real(emulator):
    async with connected(emulator, user=True) as client:
        assert len(await client.customers.list().collect()) == 5
    assert emulator.count("token") == 1


async def test_a_claims_challenge_reaches_the_token_endpoint(emulator):
    challenge = ("WWW-Authenticate", 'Bearer error="insufficient_claims", claims="eyJhIjoxfQ=="')
    emulator.inject(Fault(Answer(401, headers=(challenge,)), operation="customers.list"))
    for user in (False, True):
        emulator.clear_faults()
        emulator.inject(Fault(Answer(401, headers=(challenge,)), operation="customers.list"))
        async with connected(emulator, user=user) as client:
            assert await client.customers.list().first() is not None
        asked = [each for each in emulator.requests if each.operation == "token"][-1]
        assert b"claims=%7B%22a%22%3A1%7D" in asked.body.replace(b"+", b"").replace(b"%20", b"")


async def test_a_closed_credential_says_so(emulator):
    async with connected(emulator, user=True, retry=QUICK) as client:
        await client._session.credential.close()
        with pytest.raises(CredentialError, match="credential was closed; make a new one") as caught:
            await client.customers.list().first()
    assert caught.value.attempts == 0
    assert emulator.count("token") == 0


def test_a_redemption_ends_with_its_event_loop():
    async def never(_request):
        await asyncio.sleep(3600)

    made, _ = credential(never, timeout=100)
    tasks = []

    async def leave() -> None:
        tasks.append(asyncio.ensure_future(made.get_token(SCOPE)))
        await asyncio.sleep(1)

    run_in_virtual_time(leave())
    assert tasks[0].cancelled()
    assert not made._redemptions


def test_a_callback_that_hangs_costs_one_renewal_and_not_the_credential():
    stored: list[str] = []

    async def store(refresh_token: str) -> None:
        if not stored:
            stored.append("hung")
            await asyncio.Event().wait()
        stored.append(refresh_token)

    async def run() -> str:
        made, _ = credential([token(refresh_token="refresh-1"), token(2)], on_rotation=store, timeout=5)
        with pytest.raises(CredentialError, match="on_rotation failed with TimeoutError"):
            await made.get_token(SCOPE)
        found = await made.get_token(SCOPE)
        await made.close()
        return found.token

    assert run_in_virtual_time(run()) == "access-2"
    assert stored == ["hung", "refresh-1"]


@pytest.mark.parametrize(
    "field", [{}, *[{"expires_in": odd} for odd in (None, "soon", "", True, [], {}, "inf", "1e999")]]
)
def test_a_token_without_a_lifetime_is_good_for_a_minute(field):
    body = {"access_token": "access-1"} | field
    made, transport = credential(lambda _: answer(body))
    cloud = FakeTransport(lambda _: answer({"id": "o"}))

    async def work() -> list[int]:
        counts: list[int] = []
        async with PartnerCenterClient(made, cloud=CLOUD, transport=cloud) as client:
            for _ in range(2):
                for _ in range(10):
                    await client.orders.get("c", "o")
                counts.append(len(transport.requests))
                await asyncio.sleep(60)
        return counts

    assert run_in_virtual_time(work()) == [1, 2]


@pytest.mark.fault("F13")
@pytest.mark.parametrize("expires_in", [3599.5, "3600", "3600.5", None, "soon", []])
def test_no_odd_lifetime_loses_a_new_refresh_token(expires_in):
    stored: list[str] = []

    async def store(refresh_token: str) -> None:
        stored.append(refresh_token)

    made, _ = credential([token(refresh_token="refresh-1", expires_in=expires_in)], on_rotation=store)
    assert run_in_virtual_time(made.get_token(SCOPE)).token == "access-1"
    assert stored == ["refresh-1"]


def test_several_scopes_go_out_with_blanks_between_them():
    made, transport = credential([token()])
    run_in_virtual_time(made.get_token("a/.default", "b/.default"))
    assert form(transport.requests[0])["scope"] == "a/.default b/.default"


def test_an_assertion_that_never_comes_ends_at_the_timeout():
    async def never() -> str:
        await asyncio.sleep(3600)
        raise AssertionError

    async def ask() -> float:
        with pytest.raises(TimeoutError):
            await made.get_token(SCOPE)
        return asyncio.get_running_loop().time()

    made, _ = credential([], client_assertion=never, timeout=5.0)
    assert run_in_virtual_time(ask()) == 5.0


def test_a_refusal_without_a_word_is_told_by_its_reason():
    made, _ = credential([answer(b"", status=418, reason="I'm a teapot")])
    with pytest.raises(CredentialError, match="answered 418 I'm a teapot;"):
        run_in_virtual_time(made.get_token(SCOPE))


def test_a_redemption_that_fails_after_its_caller_has_gone_is_heard_of_by_nobody():
    async def slow(_request):
        await asyncio.sleep(1)
        return refusal("AADSTS700082")

    async def leave(way: str) -> list[dict[str, object]]:
        told: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        caller = asyncio.create_task(made.get_token(SCOPE))
        await asyncio.sleep(0.5)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        del caller
        if way == "close":
            await made.close()
        await asyncio.sleep(2)
        gc.collect()
        return told

    for way in ("close", "forget"):
        made, transport = credential(slow)
        assert run_in_virtual_time(leave(way)) == []
        assert len(transport.requests) == 1
