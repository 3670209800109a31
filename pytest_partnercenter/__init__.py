"""Fixtures for the tests of programs that use the client.

pytest loads this in every run of every project that has the client installed, so it imports nothing itself.

`partner_center` is a Partner Center of the test's own: records, faults, and clients for it. `virtual_time` runs a
coroutine on a clock that jumps over every wait. Neither needs a plugin for asyncio, and both get on with all of them.

PYTEST_DONT_REWRITE: there is nothing to rewrite, and pytest would warn where this is imported already.
"""

import os
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, TypeVar, cast

import pytest

if TYPE_CHECKING:
    from pytest_partnercenter.emulated import PartnerCenter

T = TypeVar("T")


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    line = "partner_center(page_size=..., ...): how the Partner Center of the fixture behaves, see PartnerCenter"
    config.addinivalue_line("markers", line)


@pytest.fixture
def partner_center(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> "PartnerCenter":
    """Give an empty Partner Center that is not running yet: `async with partner_center.connect() as client:`.

    The marks of module, class and test are taken together; for each setting the one nearest to the test wins.
    No proxy of the environment stands between it and its clients while the test runs.
    """
    try:
        from pytest_partnercenter.emulated import EmulatorSettings, PartnerCenter  # noqa: PLC0415 - not in every run
    except ModuleNotFoundError as error:
        if error.name != "trustme":
            raise
        pytest.fail("partner_center needs the extra: pip install 'partnercenter-async[emulator]'", pytrace=False)
    direct = os.environ.get("no_proxy", os.environ.get("NO_PROXY", ""))
    monkeypatch.setenv("no_proxy", f"{direct},localhost" if direct else "localhost")  # the spelling that wins
    known = EmulatorSettings.__optional_keys__
    takes = f"@pytest.mark.partner_center takes {', '.join(sorted(known))}, each by name"
    marks = [mark for node in request.node.listchain() for mark in node.own_markers if mark.name == "partner_center"]
    settings: dict[str, object] = {}
    for mark in marks:  # from the module's to the test's own: the nearest wins
        settings |= mark.kwargs
        if mark.args or not mark.kwargs.keys() <= known:
            given = [*map(repr, mark.args), *(name for name in mark.kwargs if name not in known)]
            pytest.fail(f"{takes}, not {', '.join(given)}", pytrace=False)
    try:
        return PartnerCenter(**cast("EmulatorSettings", settings))
    except (TypeError, ValueError) as error:
        pytest.fail(f"{takes}: {error}", pytrace=False)


@pytest.fixture
def virtual_time() -> Callable[[Coroutine[object, object, T]], T]:
    """Give `run_in_virtual_time`, for tests that are plain functions: `virtual_time(scenario())`."""
    from partnercenter_async.testing import run_in_virtual_time  # noqa: PLC0415 - not in every run

    return run_in_virtual_time
