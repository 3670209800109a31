"""The emulator takes so many requests in a time, by each of its limiters, and refuses what is too much."""

import asyncio
import email.utils
import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_cli import run
from test_emulator import Started, orders_path

from partnercenter_async.cli.serve import parse_limit
from partnercenter_async.emulator import DataSet, Emulator, FixedWindow, Limit, SlidingWindow, TokenBucket, fails
from partnercenter_async.emulator.limits import Limits

SOON = 1e-5  # seconds
PERS = st.sampled_from([0.1, 1.0, 7.0, 60.0])
NUMBERS = st.integers(1, 9)
GAPS = st.lists(
    st.one_of(st.floats(0, 90), st.sampled_from([0.0, 0.1, 1 / 3, 7.0, 60.0, 59.999])), min_size=1, max_size=80
)


@st.composite
def limiters(draw):
    number, per, refused = draw(NUMBERS), draw(PERS), draw(st.booleans())
    if draw(st.booleans()):
        kind = draw(st.sampled_from([FixedWindow, SlidingWindow]))
        return kind(number, per=per, counts_refused=refused)
    return TokenBucket(number, per=per, burst=draw(NUMBERS), counts_refused=refused)


def arrivals(gaps, scale):
    now, times = 1000.0, []
    for gap in gaps:
        now += gap * scale
        times.append(now)
    return times


def admitted(limiter, times):
    return [now for now in times if limiter.take(now) is None]


@given(limiters(), GAPS, st.sampled_from([1.0, 0.01]))
def test_no_more_are_admitted_in_any_time_than_the_limit_says(limiter, gaps, scale):
    times = admitted(limiter, arrivals(gaps, scale))
    for first, start in enumerate(times):
        for last in range(first, len(times)):
            took, number = times[last] - start, last - first + 1
            match limiter:
                case TokenBucket():
                    assert number <= limiter.burst + (took + SOON) * limiter.rate
                case SlidingWindow():
                    assert number <= limiter.number or took >= limiter.per - SOON
                case FixedWindow():
                    # A window that begins and ends within the time is full at most, and so are those at its ends.
                    assert number <= limiter.number * (int((took + SOON) / limiter.per) + 2)


@given(limiters(), GAPS, st.sampled_from([1.0, 0.01]))
def test_who_waits_as_long_as_told_is_admitted_and_who_comes_before_is_not(limiter, gaps, scale):
    for now in arrivals(gaps, scale):
        wait = limiter.take(now)
        if wait is None:
            continue
        again = limiter.wait(now)
        assert again is not None
        assert again >= wait - SOON  # more where the refused one counted
        assert limiter.wait(now + again) is None
        if again > 2 * SOON:
            assert limiter.wait(now + again - SOON) is not None


@given(limiters(), GAPS)
def test_refused_requests_count_only_where_they_shall(limiter, gaps):
    times = arrivals(gaps, 0.05)
    first = admitted(limiter, times)
    limiter.clear()
    if limiter.counts_refused:
        limiter.counts_refused = False
        assert len(first) <= len(admitted(limiter, times))
    else:
        assert first == admitted(limiter, first)  # without the others nothing is otherwise


@given(limiters(), st.lists(st.sampled_from("ab"), min_size=1, max_size=40))
def test_each_key_is_counted_by_itself(limiter, keys):
    together = [(key, limiter.take(1000.0, key)) for key in keys]
    for key in "ab":
        limiter.clear()
        assert [wait for each, wait in together if each == key] == [
            limiter.take(1000.0) for _ in range(keys.count(key))
        ]


def test_a_fixed_window_begins_with_its_first_request():
    window = FixedWindow(2, per=60)
    assert [window.take(now) for now in (5.0, 6.0, 7.0, 64.0, 65.0, 124.0, 125.0)] == [
        None,
        None,
        58.0,
        1.0,
        *[None] * 2,
        None,
    ]
    assert window.take(125.5) is None
    assert window.take(126.0) == 59.0


def test_a_sliding_window_takes_the_next_when_the_oldest_leaves_it():
    window = SlidingWindow(2, per=60)
    assert [window.take(now) for now in (5.0, 35.0, 45.0, 65.0, 66.0)] == [None, None, 20.0, None, 29.0]


def test_who_goes_on_asking_a_window_that_counts_refused_requests_stays_refused():
    window = SlidingWindow(2, per=60, counts_refused=True)
    assert [window.take(now) for now in (0.0, 1.0)] == [None, None]
    assert all(window.take(now) for now in range(29, 290, 29))
    assert window.take(400.0) is None


def test_a_bucket_takes_a_burst_and_then_its_rate():
    bucket = TokenBucket(60, per=60, burst=3)
    waits = [bucket.take(now) for now in (0.0, 0.0, 0.0, 0.25, 1.0, 1.5, 10.0, 10.0, 10.0, 10.0)]
    assert waits == [None, None, None, 0.75, None, 0.5, None, None, None, 1.0]


def test_a_bucket_that_counts_refused_requests_owes_at_most_what_it_holds():
    bucket = TokenBucket(60, per=60, burst=3, counts_refused=True)
    assert [bucket.take(0.0) for _ in range(5)] == [None, None, None, 1.0, 2.0]
    for _ in range(100):
        bucket.take(0.0)
    assert bucket.wait(0.0) == 4.0


@given(limiters(), GAPS, NUMBERS, GAPS)
def test_a_changed_number_holds_at_once_and_nothing_is_forgotten(limiter, before, number, after):
    times = arrivals([*before, *after], 0.05)
    changed = len(before)
    early = admitted(limiter, times[:changed])
    limiter.change(number, times[changed - 1])
    late = admitted(limiter, times[changed:])
    if isinstance(limiter, SlidingWindow) and not limiter.counts_refused:
        for now in late:
            assert sum(now - limiter.per < each - SOON and each <= now for each in early + late) <= number
    if isinstance(limiter, TokenBucket):
        most = limiter.burst + (times[-1] - times[changed - 1]) * limiter.rate
        assert len(late) <= most + SOON


@pytest.mark.parametrize("kind", [FixedWindow, SlidingWindow])
def test_a_window_remembers_those_that_came_when_its_number_falls_and_rises(kind):
    window = kind(4, per=60)
    assert [window.take(0.0) for _ in range(5)] == [None] * 4 + [60.0]
    window.change(2, 1.0)
    assert window.take(1.0) == 59.0
    window.change(5, 2.0)
    assert [window.take(2.0) for _ in range(2)] == [None, 58.0]
    window.change(1, 3.0)
    assert [window.take(now) for now in (61.0, 63.0)] == ([None, 58.0] if kind is FixedWindow else [1.0, None])


def test_a_bucket_keeps_its_tokens_when_its_number_changes():
    bucket = TokenBucket(60, per=60, burst=4)
    assert [bucket.take(0.0) for _ in range(3)] == [None] * 3
    bucket.change(30, 0.0)
    assert [bucket.take(0.0) for _ in range(2)] == [None, 2.0]
    bucket.change(120, 1.0)
    assert bucket.wait(1.0) == 0.25


# Several limits


def take(limits, now, customer_id=None, method="GET", path="/v1/customers"):
    answer = limits.take(now, customer_id=customer_id, method=method, path=path)
    return answer and dict(answer.headers).get("Retry-After")


def test_of_several_limits_the_longest_refusal_answers():
    limits = Limits([Limit(FixedWindow(2, per=60)), Limit(FixedWindow(1, per=10), by="customer")])
    assert [take(limits, 0.0, "a"), take(limits, 1.0, "A"), take(limits, 2.0, "b")] == [None, "9", None]
    assert [take(limits, 3.0, "c"), take(limits, 3.0, "b")] == ["57", "57"]
    assert take(limits, 60.0, "c") is None


def test_what_one_limit_refuses_counts_at_another_only_where_refused_requests_do():
    for refused, expected in ((False, None), (True, "58")):
        limits = Limits(
            [Limit(SlidingWindow(2, per=60, counts_refused=refused)), Limit(FixedWindow(1, per=5), by="customer")]
        )
        take(limits, 0.0, "a")
        take(limits, 1.0, "a")
        assert take(limits, 2.0, "b") == expected


def test_a_limit_counts_what_it_names_and_nothing_else():
    limits = Limits([Limit(FixedWindow(1, per=300), method="post", path="/v1/customers/*/Orders*")])
    orders = "/v1/customers/a/orders"
    assert [take(limits, 0.0, method="GET", path=orders) for _ in range(3)] == [None] * 3
    assert [take(limits, 0.0, method="POST", path="/v1/customers") for _ in range(3)] == [None] * 3
    assert [take(limits, 0.0, method="POST", path=path) for path in (orders, orders + "/1")] == [None, "300"]


# Over sockets


async def refusals(retry_after):
    limit = Limit(FixedWindow(2, per=60), retry_after=retry_after)
    async with Started(limits=[limit]) as client:
        return [await client.get(orders_path(client)) for _ in range(3)]


async def test_a_refusal_has_the_gateways_body_and_the_whole_seconds():
    *taken, refused = await refusals("seconds")
    assert [answer.status for answer in (*taken, refused)] == [200, 200, 429]
    assert refused.headers.getall("Retry-After") == ["60"]
    assert json.loads(refused.body) == {
        "statusCode": 429,
        "message": "Rate limit is exceeded. Try again in 60 seconds.",
    }


async def test_a_refusal_may_name_a_date():
    *_, refused = await refusals("date")
    moments = [refused.headers.getall(name) for name in ("Date", "Retry-After")]
    now, then = [email.utils.parsedate_to_datetime(value) for (value,) in moments]
    assert (then - now).total_seconds() == 60


async def test_a_refusal_may_be_silent_about_the_time():
    *_, refused = await refusals(None)
    assert (refused.status, "Retry-After" in refused.headers) == (429, False)


async def test_signing_in_is_not_limited_and_customers_have_limits_of_their_own():
    limit = Limit(TokenBucket(1, per=3600, burst=1), by="customer", operation="orders.list")
    async with Started(limits=[limit]) as client:
        await client.sign_in()
        paths = [orders_path(client, index) for index in (0, 0, 1)] + ["/v1/customers"] * 2
        assert [(await client.get(path)).status for path in paths] == [200, 429, 200, 200, 200]


async def test_limits_can_be_changed_while_it_serves():
    async with Started(limits=[Limit(FixedWindow(1, per=60))]) as client:
        path = orders_path(client)
        found = [(await client.get(path)).status for _ in range(2)]
        client.emulator.limit(Limit(FixedWindow(2, per=60)))
        found += [(await client.get(path)).status for _ in range(3)]
        client.emulator.limit()
        found += [(await client.get(path)).status for _ in range(3)]
    assert found == [200, 429, 200, 200, 429, 200, 200, 200]


async def test_a_request_that_a_limit_refuses_is_seen_by_no_fault():
    async with Started(limits=[Limit(FixedWindow(1, per=60))], faults=[fails("orders.list", nth=2)]) as client:
        assert [(await client.get(orders_path(client))).status for _ in range(2)] == [200, 429]
        client.emulator.limit()
        assert (await client.get(orders_path(client))).status == 503


@pytest.mark.partner_center(limits=[Limit(FixedWindow(3, per=60))])
def test_a_limit_of_the_fixture_is_waited_for_in_virtual_time(partner_center, virtual_time):
    customer = partner_center.add_customer()

    async def scenario():
        async with partner_center.connect() as client:
            for _ in range(7):
                await client.customers.get(customer)

    virtual_time(scenario())
    times = [each.time for each in partner_center.requests if each.operation == "customers.get" and each.status == 200]
    assert len(times) == 7
    assert [later - earlier > 50 for earlier, later in pairwise(times)] == [False, False, True] * 2


async def test_limits_begin_anew_with_each_start():
    emulator = Emulator(DataSet(customers=1), limits=[Limit(FixedWindow(1, per=60))])
    for _ in range(2):
        async with emulator:
            refusal = emulator._limits.take(asyncio.get_running_loop().time(), method="GET", path="/v1/customers")
            assert refusal is None


# What is refused


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FixedWindow(0, per=60), "number must be a whole number from 1, not 0"),
        (lambda: FixedWindow(1, per=0), "per must be a number of seconds above 0, not 0"),
        (lambda: SlidingWindow(1, per=float("inf")), "per must be a number of seconds above 0, not inf"),
        (lambda: SlidingWindow(1, per=True), "per must be a number of seconds above 0, not True"),
        (lambda: TokenBucket(1, per=1, burst=0), "burst must be a whole number from 1, not 0"),
        (lambda: FixedWindow(1, per=1, counts_refused=1), "counts_refused must be one of True, False, not 1"),
        (lambda: Limit(500), r"limiter must be a limiter such as FixedWindow\(500, per=60\), not 500"),
        (lambda: Limit(FixedWindow(1, per=1), by="tenant"), "by must be one of 'partner', 'customer', not 'tenant'"),
        (lambda: Limit(FixedWindow(1, per=1), retry_after="7"), "retry_after must be one of 'seconds', 'date', None"),
        (lambda: Limit(FixedWindow(1, per=1), operation="orders.lst"), "perhaps 'orders.list'"),
        (lambda: Limit(FixedWindow(1, per=1), method=1), "method must be text or None, not 1"),
        (lambda: Emulator(limits=[FixedWindow(1, per=1)]), r"a limit must be made by Limit\(FixedWindow"),
        (lambda: parse_limit("500"), "a limit is a number of requests and of seconds, such as 500/60, not '500'"),
        (lambda: parse_limit("1/60,bucket"), "a limit takes fixed, sliding or bucket=BURST, .*, not 'bucket'"),
        (lambda: parse_limit("1/60,operation=orders"), "operation must be one of"),
        (lambda: parse_limit("0/60"), "number must be a whole number from 1, not 0"),
    ],
)
def test_what_can_be_no_limit_is_refused(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()


# The command


def shown(text):
    limit = parse_limit(text)
    return repr(limit.limiter), limit.by, limit.retry_after, limit.operation, limit.method, limit.path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500/60", ("FixedWindow(500, per=60)", "partner", "seconds", "api", None, None)),
        ("5/0.5,fixed,date", ("FixedWindow(5, per=0.5)", "partner", "date", "api", None, None)),
        (
            "9/300,sliding,refused,customer,silent",
            ("SlidingWindow(9, per=300, counts_refused=True)", "customer", None, "api", None, None),
        ),
        (
            "60/60,bucket=10,operation=orders.list",
            ("TokenBucket(60, per=60, burst=10)", "partner", "seconds", "orders.list", None, None),
        ),
        (
            "1/60,method=POST,path=/v1/customers/*",
            ("FixedWindow(1, per=60)", "partner", "seconds", "api", "POST", "/v1/customers/*"),
        ),
    ],
)
def test_the_command_reads_limits(text, expected):
    assert shown(text) == expected


async def test_the_command_says_what_a_limit_looks_like(emulator):
    ended = await run(emulator, "emulator", "--limit", "many")
    assert ended.code == 2
    assert "500/60" in ended.errors
