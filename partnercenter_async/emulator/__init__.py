"""A local Partner Center for tests: the API and the token endpoint over TLS, with invented data and faults on request.

async with Emulator(DataSet(customers=300, seed=7)) as emulator:
    emulator.inject(Fault(service_error(503, 800003, "Not now."), operation="orders.list", times=2))
    ...
    assert emulator.count("orders.list") == 3
"""

from partnercenter_async.emulator.builder import Records
from partnercenter_async.emulator.data import Data, DataSet, JsonObject, Reseller, billing_cycle
from partnercenter_async.emulator.faults import (
    Action,
    AlterPage,
    AlterRecord,
    Answer,
    Bom,
    BrokenChunk,
    CloseAfter,
    CutBody,
    Deflate,
    Delay,
    Drip,
    DropAfter,
    DropBefore,
    DropRecord,
    DuplicateHeaders,
    ExpireToken,
    Fault,
    Gzip,
    Operation,
    Redirect,
    RepeatRecord,
    ReplaceBody,
    SetNextLink,
    ThrottleCustomer,
    ThrottlePartner,
    WrongLength,
    fails,
    gateway_throttle,
    loses,
    service_error,
    throttles,
)
from partnercenter_async.emulator.limits import FixedWindow, Limit, Limiter, SlidingWindow, TokenBucket
from partnercenter_async.emulator.server import Emulator, RecordedRequest
from partnercenter_async.emulator.service import LastLinks, LinkStyle, OrdersPaging
from partnercenter_async.emulator.tokens import fingerprint

__all__ = [
    "Action",
    "AlterPage",
    "AlterRecord",
    "Answer",
    "Bom",
    "BrokenChunk",
    "CloseAfter",
    "CutBody",
    "Data",
    "DataSet",
    "Deflate",
    "Delay",
    "Drip",
    "DropAfter",
    "DropBefore",
    "DropRecord",
    "DuplicateHeaders",
    "Emulator",
    "ExpireToken",
    "Fault",
    "FixedWindow",
    "Gzip",
    "JsonObject",
    "LastLinks",
    "Limit",
    "Limiter",
    "LinkStyle",
    "Operation",
    "OrdersPaging",
    "RecordedRequest",
    "Records",
    "Redirect",
    "RepeatRecord",
    "ReplaceBody",
    "Reseller",
    "SetNextLink",
    "SlidingWindow",
    "ThrottleCustomer",
    "ThrottlePartner",
    "TokenBucket",
    "WrongLength",
    "billing_cycle",
    "fails",
    "fingerprint",
    "gateway_throttle",
    "loses",
    "service_error",
    "throttles",
]
