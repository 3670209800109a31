"""What several test modules share."""

from collections.abc import AsyncIterator

import pytest

from partnercenter_async.emulator import DataSet, Emulator


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fault", metavar="ROW", help="run only the tests that hold this row of PROMISES.md")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    row = config.getoption("--fault")
    if row is not None:
        items[:] = [item for item in items if any(mark.args == (row,) for mark in item.iter_markers("fault"))]


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """A small service: 5 customers with 7 orders each, in pages of 3."""
    data = DataSet(customers=5, orders_per_customer=7, seed=11)
    async with Emulator(data, page_size=3, customers_page_size=2) as running:
        yield running
