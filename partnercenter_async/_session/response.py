"""What a call gives: the decoded body and all that came with it."""

from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar, overload

import msgspec

from partnercenter_async.errors import Attempt

T = TypeVar("T")


class Headers(Sequence[tuple[str, str]]):
    """Header lines in the order they came; looked up without regard to letter case."""

    __slots__ = ("_lines",)

    def __init__(self, lines: Sequence[tuple[str, str]] = ()) -> None:
        """Take the lines as pairs of name and value."""
        self._lines = tuple(lines)

    def get(self, name: str) -> str | None:
        """Return the value of the first line of that name."""
        wanted = name.lower()
        return next((value for known, value in self._lines if known.lower() == wanted), None)

    @overload
    def __getitem__(self, index: int, /) -> tuple[str, str]: ...
    @overload
    def __getitem__(self, index: slice, /) -> Sequence[tuple[str, str]]: ...
    def __getitem__(self, index: int | slice, /) -> tuple[str, str] | Sequence[tuple[str, str]]:
        """Return the line, or the lines, at a place."""
        return self._lines[index]

    def __len__(self) -> int:
        """Count the lines."""
        return len(self._lines)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Go through the lines."""
        return iter(self._lines)

    def __eq__(self, other: object) -> bool:
        """Compare by lines."""
        return isinstance(other, Headers) and self._lines == other._lines

    def __hash__(self) -> int:
        """Hash by lines."""
        return hash(self._lines)

    def __repr__(self) -> str:
        """Show the lines."""
        return f"Headers({self._lines!r})"


class ResponseInfo(msgspec.Struct, frozen=True):
    """How an answer came about.

    ``request_id`` and ``correlation_id`` are those that were sent; ``attempts`` counts the exchanges that the server
    saw and ``history`` tells of the failed ones.
    """

    status: int
    request_id: str
    correlation_id: str
    attempts: int
    headers: Headers
    history: tuple[Attempt, ...] = ()

    @property
    def ms_cv(self) -> str | None:
        """The service's tracing vector."""
        return self.headers.get("MS-CV")

    @property
    def server_id(self) -> str | None:
        """The machine that answered."""
        return self.headers.get("MS-ServerId")

    @property
    def date(self) -> str | None:
        """When the service answered, as an HTTP date."""
        return self.headers.get("Date")


class Response(msgspec.Struct, Generic[T], frozen=True):
    """An answer: ``data`` decoded, ``raw`` the body's bytes as they came, ``info`` its status, ids and headers."""

    data: T
    raw: bytes
    info: ResponseInfo
