"""A client of Redis that keeps what places were given; small, since processes of tests import it."""

from typing import Any, Self

from redis.asyncio import Redis


class Recording(Redis):
    """``places`` are the times of those that the script gave, in microseconds of the server's clock."""

    @classmethod
    def of(cls, url: str) -> Self:
        connected = cls.from_url(url)
        connected.places = []
        return connected

    async def execute_command(self, *arguments: Any, **options: Any) -> Any:
        answer = await super().execute_command(*arguments, **options)
        if arguments[0] == "EVALSHA":
            self.places.append(answer[0])
        return answer
