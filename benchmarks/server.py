"""A server that does next to nothing: HTTP/1.1 on loopback, each large answer made once, when it is first asked for.

``python -m benchmarks.server [SECONDS]`` prints its port; the seconds are those that an answer takes. The customer
whose orders are asked for says what comes: ``plain-7`` has seven pages of them, ``packed-7`` the same packed by gzip,
``large-50000000`` one page of 50 MB. It ends with its standard input.
"""

import asyncio
import os
import sys
from functools import cache

from benchmarks.payload import SMALL, large_page, number_of, packed_page, page


class _Server(asyncio.Protocol):
    seconds = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            answer = _answer(head)
            if self.seconds:
                asyncio.get_running_loop().call_later(self.seconds, self._send, answer)
            else:
                self._send(answer)

    def _send(self, parts: list[bytes]) -> None:
        if not self.transport.is_closing():
            self.transport.writelines(parts)  # type: ignore[attr-defined]


def _answer(head: bytes) -> list[bytes]:
    line = head.partition(b"\r\n")[0]
    if b"provisioningstatus" in line:
        return _SMALL
    customer = line.partition(b"/customers/")[2].partition(b"/")[0].decode()
    if customer.startswith("packed") and b"gzip" not in head.lower():
        return [b"HTTP/1.1 406 Not Acceptable\r\nContent-Length: 0\r\n\r\n"]
    return _orders(customer, number_of(head), prices=b"include_price=true" in line.lower())


@cache
def _orders(customer: str, number: int, *, prices: bool) -> list[bytes]:
    kind, _, count = customer.partition("-")
    if kind == "large":
        return _whole([large_page(int(count))])
    if kind == "packed":
        return _whole(packed_page(number, int(count), customer, prices=prices), "Content-Encoding: gzip\r\n")
    return _whole(page(number, int(count), customer, prices=prices))


def _whole(parts: list[bytes], more: str = "") -> list[bytes]:
    size = sum(map(len, parts))
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{more}Content-Length: {size}\r\n\r\n"
    return [head.encode(), *parts]


_SMALL = _whole([SMALL])


async def _serve(seconds: float) -> None:
    _Server.seconds = seconds
    server = await asyncio.get_running_loop().create_server(_Server, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    # Whoever measures holds the other end of this pipe: when it ends, so does the server.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    asyncio.run(_serve(float(sys.argv[1]) if len(sys.argv) > 1 else 0.0))
