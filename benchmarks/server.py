"""A server that does next to nothing: HTTP/1.1 on loopback, every answer made before the first request."""

import asyncio
import os
import sys

from benchmarks.payload import SMALL, TOKEN, pages


def _answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


class _Server(asyncio.Protocol):
    answers: dict[bytes | None, bytes]
    small: bytes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            if b"provisioningstatus" in head.partition(b"\r\n")[0]:
                self.transport.write(self.small)  # type: ignore[attr-defined]
                continue
            token = None
            for line in head.split(b"\r\n"):
                name, _, value = line.partition(b": ")
                if name.lower() == b"ms-continuationtoken":
                    token = value
            self.transport.write(self.answers[token])  # type: ignore[attr-defined]


async def _serve(count: int) -> None:
    bodies = pages(count)
    _Server.answers = {
        (TOKEN % number).encode() if number else None: _answer(body) for number, body in enumerate(bodies)
    }
    _Server.small = _answer(SMALL)
    server = await asyncio.get_running_loop().create_server(_Server, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], sum(map(len, bodies)), flush=True)
    # The benchmark holds the other end of this pipe: when it ends, so does the server.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    asyncio.run(_serve(int(sys.argv[1])))
