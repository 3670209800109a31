"""What may be sent twice, and what a failure means for what was asked: the rules for POST, PUT, PATCH and DELETE.

A repetition of PUT or DELETE leaves what the first one left. One of POST or PATCH may do a thing twice, so it is made
where nothing can have been done: without a connection, without a token, after 429; or where the caller allowed it,
under the same request id, by which the service knows it again.
"""

from enum import IntEnum

from partnercenter_async.errors import (
    ConnectError,
    CredentialError,
    DecodeError,
    OutcomeUnknownError,
    PartnerCenterError,
    StatusError,
    ThrottledError,
)

_READS = frozenset({"GET", "HEAD"})
_REPEATABLE = _READS | {"PUT", "DELETE"}
METHODS = _REPEATABLE | {"POST", "PATCH"}
# Answers by which a request was certainly refused. Others leave it open: 408, 499, 502 and their like may come from
# before the service as well as from behind it, and 301 to 303 may mean "done, look there".
_REFUSALS = frozenset({307, 308, *range(400, 418), *range(421, 427), 428, 429, 431, 451, 501}) - {408}
_IN_PROGRESS = 800060  # the code of a 409 for an order that may be on its way: another one would be a second order


class Effect(IntEnum):
    """What became of a request at the service; of several tries the largest counts."""

    NOTHING = 0
    UNKNOWN = 1
    DONE = 2


def effect_of(error: PartnerCenterError, *, sent: bool) -> Effect:
    """Tell what a failed try may have done."""
    refused = error.status in _REFUSALS and error.code != _IN_PROGRESS
    if not sent or isinstance(error, ConnectError) or refused:
        return Effect.NOTHING
    return Effect.DONE if isinstance(error, DecodeError) else Effect.UNKNOWN


def may_repeat(method: str, error: PartnerCenterError, effect: Effect, *, retry_writes: bool) -> bool:
    """Tell whether a failed try may be repeated by the client itself."""
    nothing = effect is Effect.NOTHING and (isinstance(error, ThrottledError) or not isinstance(error, StatusError))
    return method in _REPEATABLE or nothing or retry_writes


def verdict(method: str, error: PartnerCenterError, effect: Effect) -> PartnerCenterError:
    """Return the error to raise at a call's end, which says whether the caller may safely repeat the call."""
    if method not in _REPEATABLE and effect is Effect.UNKNOWN:
        undecided = not isinstance(error, CredentialError) and effect_of(error, sent=True) is not Effect.NOTHING
        return OutcomeUnknownError.of(error, undecided=undecided)
    error.safe_to_repeat = method in _REPEATABLE or effect is Effect.NOTHING
    if method not in _READS and effect is Effect.DONE:
        error.remedy = "the service has done what was asked, only its answer can't be used; error.body holds it"
    elif method not in _READS and effect is Effect.UNKNOWN and isinstance(error, StatusError):
        error.remedy = "an earlier try of this call may have been carried out: look at the resource"
    return error
