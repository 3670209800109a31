"""How many exchanges are under way at once."""

import asyncio

from partnercenter_async._session.arguments import check_count


class Throttle:
    """The bound on exchanges under way, shared by a client and all its views; whoever waits goes in turn."""

    def __init__(self, concurrency: int) -> None:
        """Take the number of slots."""
        self.slot = asyncio.Semaphore(check_count("concurrency", concurrency))
