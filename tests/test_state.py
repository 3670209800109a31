"""Tokens, lanes, slots and retries together: any order of calls, answers and cancellations keeps the rules."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from azure.core.credentials import AccessToken
from helpers import CLOUD, at_rest, customers_remembered, header
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from partnercenter_async import ConnectError, ConnectionLostError, PartnerCenterClient, PartnerCenterError, Rate
from partnercenter_async._session.throttle import WINDOW
from partnercenter_async.testing import FakeTransport, RawResponse, Request, _VirtualTimeLoop, answer

CONCURRENCY = 3
CUSTOMERS = st.sampled_from(["a", "b", "c", "d", None])


@dataclass(eq=False)
class Open:
    """A request that has not been answered."""

    call: str
    lane: str | None
    token: str
    future: "asyncio.Future[RawResponse]"


@dataclass(eq=False)
class Bar:
    """What is known of a lane that was closed: until when, and who goes ahead."""

    until: float
    probe: Open | None = None


class Places:
    """A pace of the caller's own: a place each half second, and now and then an error."""

    def __init__(self) -> None:
        self.asked = 0

    async def acquire(self, partner: str, limit: str) -> float:
        assert (partner, limit) == ("", "other")
        self.asked += 1
        await asyncio.sleep(0)
        if self.asked % 3 == 0:
            raise OSError("away")
        return 0.5


class Life(RuleBasedStateMachine):
    """A client whose every request and token request is answered by a rule; its model knows the lanes."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=_VirtualTimeLoop)
        self.loop = self.runner.get_loop()
        self.open: list[Open] = []
        self.calls: dict[asyncio.Task, str] = {}
        self.bars: dict[str | None, Bar] = {}
        self.refused: set[str] = set()
        self.recovered: set[str] = set()
        self.redeeming: asyncio.Future[AccessToken] | None = None
        self.tokens = 0
        self.broken = ""  # a rule, where the client would take an exception for the credential's
        self.seen: Counter[str] = Counter()
        self.calm = False

    @initialize(
        retry_bucket=st.sampled_from([0.0, 1.0, 32.0]),
        rate=st.sampled_from(["learned", Rate(50, 60), Places, {"orders": Rate(1)}, None]),
    )
    def begin(self, retry_bucket: float, rate: Any) -> None:
        rate = rate() if rate is Places else rate
        self.client = PartnerCenterClient(
            self, cloud=CLOUD, concurrency=CONCURRENCY, transport=FakeTransport(self.respond), deadline=200, rate=rate
        )
        self.job = self.client.with_options(background=True)
        self.shared = self.client._session.shared
        self.shared.bucket.left = retry_bucket

    def run(self, seconds: float = 0.0) -> None:
        async def steps() -> None:
            for _ in range(20):
                await asyncio.sleep(0)
            await asyncio.sleep(seconds)
            for _ in range(20):
                await asyncio.sleep(0)

        self.runner.run(steps())
        self.open = [each for each in self.open if not each.future.done()]

    # What the client meets

    async def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        if self.redeeming is not None:
            self.broken = "two token requests at once"
        self.redeeming = self.loop.create_future()
        try:
            return await self.redeeming
        finally:
            self.redeeming = None

    async def respond(self, request: Request) -> RawResponse:
        now = self.loop.time()
        parts = request.url.removeprefix(f"{CLOUD.api.endpoint}/v1/").split("/")
        lane = parts[1] if parts[0] == "customers" else None
        call, token = header(request, "MS-RequestId"), header(request, "Authorization")
        assert call is not None
        assert token is not None
        each = Open(call, lane, token, self.loop.create_future())
        assert token not in self.refused, "sent with a token that was refused"
        for bar in {self.bars.get(lane, None), self.bars.get(None, None)} - {None} if not self.calm else ():
            assert bar is not None
            if now > bar.until + WINDOW:
                continue
            assert now >= bar.until, "sent through a closed lane"
            assert bar.probe is None or bar.probe.future.done(), "sent before the probe was answered"
            bar.probe = each
        self.seen[call] += 1
        if self.calm:
            return answer({})
        self.open.append(each)
        try:
            return await each.future
        except ConnectError:
            self.seen[call] -= 1
            raise

    # What happens

    @rule(
        customers=st.lists(CUSTOMERS, min_size=1, max_size=4),
        deadline=st.sampled_from([2.0, 40.0, None, None]),
        background=st.booleans(),
    )
    def start(self, customers: list[str | None], deadline: float | None, *, background: bool) -> None:
        client = self.job if background else self.client
        for customer in customers:
            path = "migrations/newcommerce" if customer is None else f"customers/{customer}/carts/o"
            request_id = f"call-{len(self.calls)}"
            call = client.request("GET", path, request_id=request_id, deadline=deadline)
            self.calls[self.loop.create_task(call)] = request_id
        self.run()

    @precondition(lambda self: self.open)
    @rule(
        data=st.data(),
        statuses=st.lists(st.sampled_from([200, 200, 200, 404, 401, 500, 503]), min_size=1, max_size=CONCURRENCY),
    )
    def answer(self, data: st.DataObject, statuses: list[int]) -> None:
        for each, status in zip(data.draw(st.permutations(self.open)), statuses, strict=False):
            if status == 401 and each.call not in self.recovered:
                self.recovered.add(each.call)  # a second refusal is the call's end, and blames more than the token
                self.refused.add(each.token)
            each.future.set_result(answer({}, status=status))
            self.answered(each)
        self.run()

    def answered(self, each: Open) -> None:
        for lane in (each.lane, None):
            bar = self.bars.get(lane)
            if bar is not None and bar.probe is each and self.loop.time() >= bar.until:
                del self.bars[lane]

    @precondition(lambda self: self.open)
    @rule(data=st.data(), seconds=st.sampled_from([0, 1, 30]))
    def throttle(self, data: st.DataObject, seconds: int) -> None:
        each = data.draw(st.sampled_from(self.open))
        until = self.loop.time() + seconds
        for lane in {each.lane, *(lane for lane, bar in self.bars.items() if bar.probe is each)}:
            bar = self.bars.setdefault(lane, Bar(until))
            bar.until = max(bar.until, until)
        each.future.set_result(answer(status=429, headers={"Retry-After": str(seconds)}))
        self.run()

    @precondition(lambda self: self.open)
    @rule(data=st.data(), error=st.sampled_from([ConnectionLostError, ConnectError]))
    def lose(self, data: st.DataObject, error: type[PartnerCenterError]) -> None:
        data.draw(st.sampled_from(self.open)).future.set_exception(error("lost"))
        self.run()

    @precondition(lambda self: any(not task.done() for task in self.calls))
    @rule(data=st.data(), steps=st.sampled_from([0, 1, 1, 2, 2, 3, 3, 4, 5]))
    def cancel(self, data: st.DataObject, steps: int) -> None:
        """Cancel a call a few steps of the loop after an answer, if there is a request to answer."""
        if self.open and steps:
            each = data.draw(st.sampled_from(self.open))
            each.future.set_result(answer({}))
            self.answered(each)
        for _ in range(steps):
            self.runner.run(asyncio.sleep(0))
        data.draw(st.sampled_from([task for task in self.calls if not task.done()] or [*self.calls])).cancel()
        self.run()

    @precondition(lambda self: self.redeeming is not None)
    @rule(lifetime=st.sampled_from([3600, 3600, 3600, 60, -10, None]))
    def give_token(self, lifetime: int | None) -> None:
        assert self.redeeming is not None
        if lifetime is None:
            self.redeeming.set_exception(OSError("no token"))
        else:
            self.tokens += 1
            self.redeeming.set_result(AccessToken(f"token-{self.tokens}", int(time.time()) + lifetime))
        self.run()

    @rule(seconds=st.sampled_from([0.1, 0.3, 1.0, 1.0, 29.0, 100.0]))
    def wait(self, seconds: float) -> None:
        self.run(seconds)

    # What always holds

    @invariant()
    def bounds_hold(self) -> None:
        if not hasattr(self, "client"):
            return
        assert not self.broken
        assert len(self.open) <= CONCURRENCY
        assert 0 <= self.shared.bucket.left <= self.shared.bucket.SIZE
        assert self.shared.throttle.free >= 0
        for task, request_id in self.calls.items():
            if task.done() and not task.cancelled():
                error = task.exception()
                assert error is None or isinstance(error, PartnerCenterError), error
                info = task.result().info if error is None else error
                assert info.attempts == self.seen[request_id]

    def teardown(self) -> None:
        """Let everything come to its end: nothing is held, nothing hangs, the next call works."""
        if hasattr(self, "client"):
            self.calm = True
            for _ in range(300):
                for each in self.open:
                    each.future.set_result(answer({}))
                if self.redeeming is not None:
                    self.give_token(3600)
                self.run(5.0)
                if all(task.done() for task in self.calls):
                    break
            assert all(task.done() for task in self.calls), "a call hangs"
            for task in self.calls:
                if not task.cancelled():
                    task.exception()
            self.run(2 * WINDOW)
            at_rest(self.client, CONCURRENCY)
            assert (customers_remembered(self.client), len(self.shared.limits)) == ([], 0)
            self.runner.run(self.client.close())
        self.runner.close()


Life.TestCase.settings = settings(max_examples=200, stateful_step_count=40)
TestLife = Life.TestCase
