"""Parts to test a program with that uses the client: no wire, no identity provider, no waiting."""

import asyncio
import inspect
import selectors
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

import msgspec

from partnercenter_async._session.response import Headers
from partnercenter_async._session.transport import RawResponse, Request

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken

__all__ = ["FakeCredential", "FakeTransport", "RawResponse", "Request", "answer", "run_in_virtual_time"]

T = TypeVar("T")


def answer(
    json: object = None,
    *,
    status: int = 200,
    reason: str = "",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> RawResponse:
    """Return an answer for FakeTransport, with a JSON body or with the bytes of ``body``."""
    content = body if body is not None else b"" if json is None else msgspec.json.encode(json)
    return RawResponse(status, reason, Headers(tuple((headers or {}).items())), content)


class FakeTransport:
    """Answers requests from a list, or as a function says, and keeps them in ``requests``.

    The list holds answers, and exceptions to raise in place of one; the function takes a Request and returns an answer,
    or is a coroutine function that does.
    """

    def __init__(
        self,
        answers: Iterable[RawResponse | Exception] | Callable[[Request], RawResponse | Awaitable[RawResponse]],
    ) -> None:
        """Take the answers."""
        self.requests: list[Request] = []
        self.closed = False
        self._function = answers if callable(answers) else None
        self._answers = deque(() if callable(answers) else answers)

    async def send(self, request: Request, /) -> RawResponse:
        """Give the next answer."""
        self.requests.append(request)
        if self._function is not None:
            made = self._function(request)
            return await made if inspect.isawaitable(made) else made
        if not self._answers:
            raise AssertionError(f"no answer is left for {request.method} {request.url}")
        given = self._answers.popleft()
        if isinstance(given, Exception):
            raise given
        return given

    async def close(self) -> None:
        """Note that the client was closed."""
        self.closed = True


class FakeCredential:
    """Gives a new token at each request, good for ``lifetime`` seconds; ``claims`` keeps what was asked for."""

    def __init__(self, *, lifetime: float = 3600.0) -> None:
        """Take the tokens' lifetime."""
        self.claims: list[str | None] = []
        self._lifetime = lifetime

    async def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **kwargs: object,
    ) -> "AccessToken":
        """Give a token."""
        from azure.core.credentials import AccessToken  # noqa: PLC0415 - azure is imported by whoever uses it

        del scopes, tenant_id, enable_cae, kwargs
        self.claims.append(claims)
        return AccessToken(f"fake-token-{len(self.claims)}", int(time.time() + self._lifetime))

    async def close(self) -> None:
        """Hold nothing, close nothing."""

    async def __aenter__(self) -> Self:
        """Return the credential."""
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Hold nothing, close nothing."""


def run_in_virtual_time(coroutine: Coroutine[object, object, T]) -> T:
    """Run a coroutine on an event loop whose clock jumps over every wait, and return its result.

    ``loop.time()`` tells the virtual time, in seconds. Waits cost nothing, so retries and deadlines of minutes are
    tested in no time. A wait that nothing can end is a RuntimeError. Sockets and threads have no place here.
    """
    with asyncio.Runner(loop_factory=_VirtualTimeLoop) as runner:
        return runner.run(coroutine)


class _VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop that moves its clock to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_JumpingSelector(self._jump))

    def time(self) -> float:
        return self._now

    def _jump(self, seconds: float) -> None:
        self._now += seconds


class _JumpingSelector(selectors.DefaultSelector):
    """Never waits: where nothing is ready, it reports the time that a wait would have taken."""

    def __init__(self, jump: Callable[[float], None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("nothing is left that could end the wait")
        if not ready and timeout:
            self._jump(timeout)
        return ready
