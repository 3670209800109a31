"""A local Partner Center for tests: the API and its Entra ID over TLS, with invented data and faults on request.

async with Emulator(DataSet(customers=300, seed=7)) as emulator:
    emulator.inject(Fault(service_error(503, 800003, "Not now."), operation="orders.list", times=2))
    ...
    assert emulator.count("orders.list") == 3
"""

from partnercenter_async.emulator.api import LastLinks, LinkStyle, OrdersPaging, Paths
from partnercenter_async.emulator.faults import (
    OPERATIONS,
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
from partnercenter_async.emulator.generation import JsonObject, Reseller
from partnercenter_async.emulator.limits import FixedWindow, Limit, Limiter, SlidingWindow, TokenBucket
from partnercenter_async.emulator.nouns.orders import billing_cycle
from partnercenter_async.emulator.records import DataSet, Records
from partnercenter_async.emulator.server import Emulator, RecordedRequest
from partnercenter_async.emulator.tokens import fingerprint

__all__ = [
    "OPERATIONS",
    "Action",
    "AlterPage",
    "AlterRecord",
    "Answer",
    "Bom",
    "BrokenChunk",
    "CloseAfter",
    "CutBody",
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
    "OrdersPaging",
    "Paths",
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
