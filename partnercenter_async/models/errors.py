"""The body of an error answer, in all the shapes that the service and what stands before it send."""

from partnercenter_async.models.common import Model
from partnercenter_async.models.scalars import FrozenObject

_MOST_LEVELS = 8  # the service needs one


class ApiError(Model, frozen=True, kw_only=True):
    """What the service says of an error.

    ``status_code`` comes from the gateway; ``error`` from other hosts, where it holds the rest or is the code.
    """

    code: int | str | None = None
    message: str | None = None
    description: str | None = None
    error_name: str | None = None
    is_retryable: bool | None = None
    parameters: FrozenObject | None = None
    error_message_extended: str | None = None
    data: tuple[str, ...] = ()
    source: str | None = None
    status_code: int | None = None
    error: "ApiError | str | None" = None

    def __post_init__(self) -> None:
        """Refuse errors in errors in errors, without end."""
        inner, levels = self.error, 0
        while isinstance(inner, ApiError):
            inner, levels = inner.error, levels + 1
        if levels > _MOST_LEVELS:
            raise ValueError("it is nested too deep")
