"""How many exchanges are under way at once."""

import asyncio


class Throttle:
    """The bound on exchanges under way, shared by a client and all its views; whoever waits goes in turn."""

    def __init__(self, concurrency: int) -> None:
        """Take the number of slots."""
        if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
            message = f"concurrency must be a positive whole number, not {concurrency!r}"
            raise ValueError(message)
        self.slot = asyncio.Semaphore(concurrency)
