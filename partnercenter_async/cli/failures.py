"""Inputs that failed, told of in a few lines however many there are."""

import re
from collections.abc import Callable

from partnercenter_async.errors import PartnerCenterError

_IN_FULL = 3  # of each cause
_NAMED = 100  # of each cause, behind those
_CAUSES = 20
_OTHER = "other causes"
_cause = re.compile("[^:;,(]*(, code [^:;(]*)?")


class Failures:
    """Tells of the first failures of each cause in full, and at the end how many more there are, and of whom."""

    def __init__(self, tell: Callable[[str], None], one: str) -> None:
        """Take who prints a line, and what an input is."""
        self._tell = tell
        self._one = one
        self._names: dict[str, list[str]] = {}

    def add(self, name: str, described: str, error: Exception | str) -> None:
        """Take in a failure; as text where an earlier run met it."""
        cause = _cause_of(error)
        if cause not in self._names and len(self._names) >= _CAUSES:
            cause = _OTHER
        names = self._names.setdefault(cause, [])
        names.append(name)
        if len(names) <= _IN_FULL:
            self._tell(f"error: {described}: {error}")

    def sum_up(self) -> None:
        """Tell of all that were not told of in full."""
        for cause, names in self._names.items():
            more = names[_IN_FULL:]
            if more:
                rest = len(more) - _NAMED
                end = f" and {rest:,} more" if rest > 0 else ""
                named = ", ".join(more[:_NAMED])
                what = self._one if len(more) == 1 else f"{self._one}s"
                self._tell(f"error: {len(more):,} more {what} failed likewise ({cause}): {named}{end}")


def _cause_of(error: Exception | str) -> str:
    """Return what failures have in common: the status and code of an answer, or what happened, without its details."""
    if not isinstance(error, PartnerCenterError | str):
        return type(error).__name__
    found = _cause.match(str(error))
    return found[0].strip() if found else _OTHER
