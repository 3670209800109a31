"""Parts to test a program with that uses the client: no wire, no identity provider, no waiting."""

import asyncio
import inspect
import selectors
import socket
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from concurrent.futures import Executor
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, TypeVarTuple, Unpack

import msgspec

from partnercenter_async._session.response import Headers
from partnercenter_async._session.transport import RawResponse, Request

if TYPE_CHECKING:
    from anyio._backends._asyncio import WorkerThread
    from azure.core.credentials import AccessToken

__all__ = ["FakeCredential", "FakeTransport", "RawResponse", "Request", "answer", "run_in_virtual_time"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


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
    tested in no time. A wait that nothing can end is a RuntimeError.

    Sockets have their place here where both their ends belong to this loop, as those of a client and its emulator do:
    the clock jumps only when nothing is under way between them. Linux tells when that is, elsewhere some quiet
    milliseconds do. It stands still while a function runs in a thread of the loop (``asyncio.to_thread``, looking up a
    name) or of anyio (``anyio.to_thread.run_sync``, a synchronous dependency of FastAPI), for ten real seconds at most.
    Other processes and threads are not waited for, and the wall clock stays what it is.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        coroutine.close()
        raise RuntimeError("virtual time has an event loop of its own: use it in a plain function, not in a coroutine")
    with asyncio.Runner(loop_factory=_VirtualTimeLoop) as runner:
        return runner.run(coroutine)


_QUIET = 0.005  # real seconds without any event after which nothing is under way, where the kernel does not tell
_PATIENCE = 10.0  # real seconds that a thread may take before it is held to be waiting for the loop itself


class _VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop that moves its clock to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        self._clock = _JumpingSelector(self)
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        job = super().run_in_executor(executor, func, *args)
        self._clock.expected += 1
        job.add_done_callback(self._arrived)
        return job

    def _arrived(self, _job: asyncio.Future[T]) -> None:
        self._clock.expected -= 1

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        self._clock.expected += 1  # a packet that finds no room in the backlog is sent again a real second later
        try:
            await super().sock_connect(sock, address)
        finally:
            self._clock.expected -= 1

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the loop's own
        del timeout  # the threads end in real time, so there is no limit in virtual time
        self._clock.expected += 1
        try:
            await super().shutdown_default_executor()
        finally:
            self._clock.expected -= 1


class _JumpingSelector(selectors.DefaultSelector):
    """Waits only for what comes by itself. Where nothing does, the clock moves by the time that was to be waited."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.now = 0.0
        self.expected = 0  # threads and connections under way, whose ends wake the loop
        self._loop = loop
        self._slow: set[threading.Thread] = set()  # of anyio's, those that have used up their time
        self._probe: tuple[socket.socket, socket.socket] | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        threads = _anyio_threads(self._loop)
        self._slow &= threads
        if self.expected or (threads if timeout is None else threads - self._slow):
            ready = super().select(None if timeout is None else _PATIENCE)
            if not ready:
                self._slow |= threads
        elif len(self.get_map()) > 1:  # not only the pipe that every loop has
            ready = self._under_way(_QUIET if timeout is not None else 10 * _QUIET)
        if not ready:
            if timeout is None:
                raise RuntimeError(
                    "nothing is left that could end the wait (other processes and threads are not waited for)"
                )
            self.now += timeout
        return ready

    def _under_way(self, quiet: float) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what was still on its way between two sockets of this loop.

        Mostly the kernel tells that nothing is. Otherwise a byte is sent by the same way, which comes behind what it
        follows, however busy the machine is; the wait after it is for what took another way.
        """
        if _all_arrived(key.fd for key in self.get_map().values()):
            return super().select(0)
        if self._probe is None:
            with socket.create_server(("127.0.0.1", 0)) as listener:
                near = socket.create_connection(listener.getsockname())
                self._probe = near, listener.accept()[0]
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        near, far = self._probe
        near.send(b"?")
        far.recv(1)
        return super().select(quiet) or super().select(0)

    def close(self) -> None:
        for end in self._probe or ():
            end.close()
        super().close()


def _anyio_threads(loop: asyncio.AbstractEventLoop) -> set[threading.Thread]:
    """Return the threads of anyio that work for a loop. They are started past its `run_in_executor`."""
    kind: type[WorkerThread] | None = getattr(sys.modules.get("anyio._backends._asyncio"), "WorkerThread", None)
    if kind is None:
        return set()
    return {
        thread
        for thread in threading.enumerate()
        if isinstance(thread, kind)
        and thread.loop is loop
        and not thread.stopping
        and thread not in thread.idle_workers
    }


_TCP_INFO = struct.Struct("=B127xQ8xI52xQQ")  # of linux/tcp.h: state, bytes received, bytes not sent, sent, sent again
_ESTABLISHED, _LISTENING = 1, 10


def _all_arrived(descriptors: Iterable[int]) -> bool:
    """Return whether all connections have both ends here, and each has received what the other sent.

    Linux counts the bytes, and answers only once it is done with what has come in. False is also for "not known".
    """
    if sys.platform != "linux":
        return False
    sent: dict[tuple[object, object], int] = {}
    received: dict[tuple[object, object], int] = {}
    for descriptor in descriptors:
        try:
            end = socket.socket(fileno=descriptor)
        except OSError:
            return False
        try:
            if end.family == socket.AF_UNIX:
                continue  # what is sent there has arrived
            info = end.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
            if info[0] == _LISTENING:
                continue
            state, came, waiting, went, again = _TCP_INFO.unpack(info)
            if state != _ESTABLISHED or waiting:
                return False
            own, other = end.getsockname(), end.getpeername()
        except (OSError, struct.error):
            return False
        finally:
            end.detach()
        sent[own, other], received[other, own] = went - again, came
    return sent == received
