"""A server that does next to nothing: HTTP/1.1 on loopback, all large answers made before the first request.

``python -m benchmarks.server PAGES [SECONDS]`` prints its port and the bytes of one page; the seconds are those that an
answer takes. It ends with its standard input.
"""

import asyncio
import os
import sys

from benchmarks.payload import DISTINCT, SMALL, number_of, page


class _Server(asyncio.Protocol):
    pages = 1
    seconds = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            if b"provisioningstatus" in head.partition(b"\r\n")[0]:
                parts = [SMALL]
            else:
                parts = page(number_of(head), self.pages)
            size = sum(map(len, parts))
            answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % size
            if self.seconds:
                asyncio.get_running_loop().call_later(self.seconds, self._send, [answer, *parts])
            else:
                self._send([answer, *parts])

    def _send(self, parts: list[bytes]) -> None:
        if not self.transport.is_closing():
            self.transport.writelines(parts)  # type: ignore[attr-defined]


async def _serve(pages: int, seconds: float) -> None:
    _Server.pages, _Server.seconds = pages, seconds
    size = sum(len(part) for number in range(min(pages, DISTINCT)) for part in page(number, pages))
    server = await asyncio.get_running_loop().create_server(_Server, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], size // min(pages, DISTINCT), flush=True)
    # Whoever measures holds the other end of this pipe: when it ends, so does the server.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 0.0))
