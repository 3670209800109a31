"""Records on their way into an output."""

from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class Batch(msgspec.Struct, Generic[T], frozen=True):
    """Records that are written together: what they say, or their ``lines`` of JSON as the service sent them."""

    items: Sequence[T]
    lines: Sequence[bytes]
    ids: Mapping[str, str]  # customerId, orderId: what the items themselves need not name


class Chunk(msgspec.Struct, Generic[T], frozen=True):
    """What one step of reading an input brought; ``continuation`` reads on behind it."""

    batches: Sequence[Batch[T]]
    continuation: str
