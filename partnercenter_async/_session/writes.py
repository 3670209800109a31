"""What may be sent twice, and what a failure means for what was asked: the rules for POST, PUT, PATCH and DELETE.

A repetition of PUT or DELETE leaves what the first one left. One of POST or PATCH may do a thing twice, so it is made
where nothing can have been done: without a connection, without a token, after 429; or where the caller allowed it,
under the same request id, by which the service knows it again.
"""

from enum import IntEnum

from partnercenter_async.errors import (
    BodyTooLargeError,
    ConnectError,
    DecodeError,
    NoAnswerError,
    OutcomeUnknownError,
    PartnerCenterError,
    StatusError,
    ThrottledError,
)

_READS = frozenset({"GET", "HEAD"})
_REPEATABLE = _READS | {"PUT", "DELETE"}
METHODS = _REPEATABLE | {"POST", "PATCH"}
# 408 and 503 may come from behind the service as well as from before it.
_UNDECIDED = frozenset({408, *range(500, 600)}) - {501}


class Effect(IntEnum):
    """What became of a request at the service; of several tries the largest counts."""

    NOTHING = 0
    UNKNOWN = 1
    DONE = 2


def effect_of(error: PartnerCenterError, *, sent: bool) -> Effect:
    """Tell what a failed try may have done."""
    if not sent or isinstance(error, ConnectError):
        return Effect.NOTHING
    if isinstance(error, StatusError):
        return Effect.UNKNOWN if error.status in _UNDECIDED else Effect.NOTHING
    if isinstance(error, DecodeError):
        return Effect.DONE
    return Effect.UNKNOWN if isinstance(error, NoAnswerError | BodyTooLargeError) else Effect.NOTHING


def may_repeat(method: str, error: PartnerCenterError, effect: Effect, *, retry_writes: bool) -> bool:
    """Tell whether a failed try may be repeated by the client itself."""
    nothing = effect is Effect.NOTHING and (isinstance(error, ThrottledError) or not isinstance(error, StatusError))
    return method in _REPEATABLE or nothing or retry_writes


def verdict(method: str, error: PartnerCenterError, effect: Effect) -> PartnerCenterError:
    """Return the error to raise at a call's end, which says whether the caller may safely repeat the call."""
    if method not in _REPEATABLE and effect is Effect.UNKNOWN:
        return _outcome_unknown(error)
    error.safe_to_repeat = method in _REPEATABLE or effect is Effect.NOTHING
    if method not in _READS and effect is Effect.DONE:
        error.remedy = "the service has done what was asked, only its answer can't be used; error.body holds it"
    elif method not in _READS and effect is Effect.UNKNOWN and isinstance(error, StatusError):
        error.remedy = "an earlier try of this call may have been carried out: look at the resource"
    return error


def _outcome_unknown(cause: PartnerCenterError) -> OutcomeUnknownError:
    error = OutcomeUnknownError(f"it is not known whether the write was done: {cause.message}")
    error.status, error.code, error.description = cause.status, cause.code, cause.description
    error.retry_after, error.body = cause.retry_after, cause.body
    error.safe_to_repeat = False
    error.__cause__ = cause
    return error
