"""What several test modules share."""

import json
import random
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
from hypothesis import settings

from partnercenter_async._session import transport
from partnercenter_async.emulator import DataSet, Emulator

# Where mutmut runs the tests it tells what each takes. The quick ones go first: the first that fails ends a run.
MEASURED = Path("mutmut-stats.json")

# The same examples in every run: what fails can be repeated, and what holds a promise holds it each time. More and
# other ones are tried by hand: pytest --hypothesis-profile explore
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", max_examples=5000, deadline=None)
settings.load_profile("repeatable")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fault", metavar="ROW", help="run only the tests that hold this row of PROMISES.md")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    row = config.getoption("--fault")
    if row is not None:
        items[:] = [item for item in items if any(mark.args == (row,) for mark in item.iter_markers("fault"))]
    if MEASURED.exists():
        took = json.loads(MEASURED.read_bytes())["duration_by_test"]
        items.sort(key=lambda item: took.get(item.nodeid, 0.0))


@pytest.fixture(autouse=True)
def chance() -> None:
    """The same random waits in every run."""
    random.seed(0)


@pytest.fixture(params=["straight", "through a session"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How exchanges are made: as with this release of aiohttp, and as with one that was not tried."""
    if request.param != "straight":
        monkeypatch.setattr(transport, "_STRAIGHT", False)
    elif not transport._STRAIGHT:
        pytest.skip("exchanges go through a session with this release of aiohttp")


@pytest.fixture(params=["zlib", "isal.isal_zlib", "zlib_ng.zlib_ng"])
def engine(request: pytest.FixtureRequest) -> Iterator[None]:
    """What aiohttp unpacks with, and this client too."""
    aiohttp.set_zlib_backend(pytest.importorskip(request.param, reason="this machine has no package of it"))
    yield
    aiohttp.set_zlib_backend(zlib)


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """A small service: 5 customers with 7 orders each, in pages of 3."""
    data = DataSet(oddities=True, customers=5, orders_per_customer=7, seed=11)
    async with Emulator(data, page_size=3, customers_page_size=2) as running:
        yield running
