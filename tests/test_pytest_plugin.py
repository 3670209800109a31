"""The fixtures for users' own tests, run as a user's pytest runs them."""

import asyncio
import inspect
import pydoc
from importlib.metadata import entry_points

import pytest

from partnercenter_async import PermissionDeniedError, RetryPolicy, ThrottledError
from partnercenter_async.emulator import DataSet, Records, fails, loses, throttles
from partnercenter_async.testing import FakeCredential
from pytest_partnercenter.emulated import PartnerCenter

pytest_plugins = ["pytester"]

SCENARIO = """
async def orders_arrive(partner_center):
    customer = partner_center.add_customer(company_name="Blue Yonder")
    order = partner_center.add_order(customer, total_price="12.50")
    async with partner_center.connect() as client:
        (found,) = await client.orders.list(customer, include_price=True).collect()
    assert (found.id, str(found.total_price)) == (order, "12.50")
"""


@pytest.fixture
def run(pytester: pytest.Pytester):
    """Run a suite in a process of its own, where every warning is an error; all of its tests must pass."""

    def run(suite: str, *options: str, **expected: int) -> pytest.RunResult:
        pytester.makepyfile(test_suite=suite + SCENARIO)
        if "no:asyncio" not in options:
            options += ("-o", "asyncio_default_fixture_loop_scope=function")
        result = pytester.runpytest_subprocess("-W", "error", "--strict-markers", "-p", "no:cacheprovider", *options)
        result.assert_outcomes(**expected)
        return result

    return run


def test_the_plugin_is_an_entry_point():
    """Under the module's name, so that with ``-p pytest_partnercenter`` it is still loaded once."""
    (found,) = entry_points(group="pytest11", name="pytest_partnercenter")
    assert found.value == "pytest_partnercenter"


def test_a_run_that_uses_no_fixture_imports_nothing_of_the_package(run):
    suite = """
import sys
def test():
    assert "pytest_partnercenter" in sys.modules
    assert not [name for name in sys.modules if name.partition(".")[0] in ("partnercenter_async", "msgspec", "azure")]
"""
    run(suite, passed=1)


def test_a_suite_may_name_the_plugin_and_import_its_parts(run):
    suite = "def test(partner_center, virtual_time): virtual_time(orders_arrive(partner_center))\n"
    run(suite, "-p", "pytest_partnercenter.emulated", "-p", "pytest_partnercenter", passed=1)


def test_it_works_with_pytest_asyncio_in_strict_mode(run):
    suite = "import pytest\n@pytest.mark.asyncio\nasync def test(partner_center): await orders_arrive(partner_center)\n"
    run(suite, "-o", "asyncio_mode=strict", passed=1)


def test_it_works_with_pytest_asyncio_in_auto_mode(run):
    run("async def test(partner_center): await orders_arrive(partner_center)\n", "-o", "asyncio_mode=auto", passed=1)


def test_it_works_with_the_plugin_of_anyio(run):
    suite = """
import pytest
@pytest.fixture
def anyio_backend(): return "asyncio"
@pytest.mark.anyio
async def test(partner_center): await orders_arrive(partner_center)
"""
    run(suite, "-p", "no:asyncio", passed=1)


def test_it_works_in_plain_tests_and_virtual_time_without_any_plugin_for_asyncio(run):
    suite = """
import asyncio
def test(partner_center, virtual_time): virtual_time(orders_arrive(partner_center))
def test_in_real_time(partner_center): asyncio.run(orders_arrive(partner_center))
"""
    run(suite, "-p", "no:asyncio", "-p", "no:anyio", passed=2)


def test_without_its_extra_only_the_fixture_that_needs_it_fails_and_says_what_is_missing(run):
    suite = """
import asyncio
import sys
sys.modules["trustme"] = None
def test_without(): pass
def test_time(virtual_time): assert virtual_time(asyncio.sleep(3600, "slept")) == "slept"
def test_with(partner_center): pass
"""
    result = run(suite, passed=2, errors=1)
    result.stdout.fnmatch_lines(["*partner_center needs the extra: pip install 'partnercenter-async[[]emulator]'*"])


def test_a_proxy_of_the_environment_does_not_stand_in_between(run):
    suite = """
import asyncio, os
import pytest
@pytest.fixture
def proxies():
    with pytest.MonkeyPatch.context() as environment:
        for name in ("HTTPS_PROXY", "HTTP_PROXY"): environment.setenv(name, "http://127.0.0.1:9")
        environment.setenv("NO_PROXY", "intranet.example.com")
        environment.delenv("no_proxy", raising=False)
        yield
def test(proxies, partner_center):
    asyncio.run(orders_arrive(partner_center))
    assert os.environ["no_proxy"] == "intranet.example.com,localhost"
"""
    run(suite, "-p", "no:asyncio", passed=1)


def test_a_mark_sets_the_habits_of_the_service(run):
    suite = """
import pytest
@pytest.mark.partner_center(page_size=2, customers_page_size=1)
def test(partner_center, virtual_time):
    async def scenario():
        customer = partner_center.add_customer()
        orders = [partner_center.add_order(customer) for _ in range(5)]
        async with partner_center.connect() as client:
            assert [each.id async for each in client.orders.list(customer)] == orders
        assert partner_center.count("orders.list") == 3
    virtual_time(scenario())
"""
    run(suite, passed=1)


def test_marks_of_module_class_and_test_are_merged_and_the_nearest_wins(run):
    suite = """
import pytest
def habits(partner_center):
    settings = partner_center._settings
    return settings.page_size, settings.customers_page_size, settings.paging
pytestmark = pytest.mark.partner_center(page_size=2, customers_page_size=3, paging="offset")
@pytest.mark.partner_center(page_size=4, customers_page_size=5)
class TestBase:
    @pytest.mark.partner_center(page_size=6)
    def test_nearest(self, partner_center): assert habits(partner_center) == (6, 5, "offset")
    @pytest.mark.partner_center(page_size=6)
    @pytest.mark.parametrize("size", [pytest.param(9, marks=pytest.mark.partner_center(page_size=9))])
    def test_case(self, partner_center, size): assert habits(partner_center) == (size, 5, "offset")
@pytest.mark.partner_center(page_size=7)
class TestDerived(TestBase):
    def test_class(self, partner_center): assert habits(partner_center) == (7, 5, "offset")
def test_module(partner_center): assert habits(partner_center) == (2, 3, "offset")
"""
    run(suite, "-p", "no:asyncio", passed=6)


@pytest.mark.parametrize(
    ("mark", "complaint"),
    [
        ("2", ", each by name, not 2"),
        ("page=2", ", each by name, not page"),
        ("7, page_size=2, size=3", ", each by name, not 7, size"),
        ("page_size='two'", ", each by name: page_size must be a whole number from 1, not 'two'"),
        ("paging='sek'", ", each by name: paging must be one of 'seek', 'offset', not 'sek'"),
    ],
)
def test_a_mark_that_cannot_be_meant_is_refused_with_the_settings_there_are(run, mark, complaint):
    suite = f"import pytest\n@pytest.mark.partner_center({mark})\ndef test(partner_center): pass\n"
    result = run(suite, "-p", "no:asyncio", errors=1)
    (line,) = [line for line in result.outlines if line.startswith("@pytest.mark.partner_center takes bom, ")]
    assert "token_lifetime" in line
    assert line.endswith(complaint)


def test_what_adds_records_stands_in_the_class_as_it_does_in_records():
    for name in ("add_customer", "add_order", "set_provisioning_status", "add_migration", "add_event", "populate"):
        here, there = getattr(PartnerCenter, name), getattr(Records, name)
        assert inspect.signature(here) == inspect.signature(there)
        assert inspect.getdoc(here) == inspect.getdoc(there)
        assert f" {name}(" in pydoc.plain(pydoc.render_doc(PartnerCenter))


def test_records_are_added_to_the_data_that_is_served(partner_center):
    partner_center.data = records = Records()
    customer = partner_center.add_customer()
    assert partner_center.records is records
    assert [*records.customer_ids()] == [customer]
    partner_center.data = DataSet(customers=1)
    partner_center.add_customer()
    assert len(partner_center.records) == 2


async def test_records_and_requests_outlast_a_connection(partner_center: PartnerCenter):
    for number in (1, 2):
        customer = partner_center.add_customer()
        async with partner_center.connect() as client:
            assert len(await client.customers.list().collect()) == number
            assert (await client.customers.get(customer)).id == customer
    assert partner_center.count("customers.list") == 2
    assert partner_center.count("token") == 2
    assert [each.operation for each in partner_center.requests].count("customers.get") == 2


def test_one_partner_center_may_run_in_one_event_loop_after_the_other(partner_center, virtual_time):
    customer = partner_center.add_customer()
    partner_center.inject(throttles(customer, seconds=60))

    async def visit():
        async with partner_center.connect() as client, asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(client.customers.get(customer))

    virtual_time(visit())
    virtual_time(visit())
    partner_center.assert_faults_hit()


async def test_those_who_connect_at_once_share_one_service(partner_center: PartnerCenter):
    async def visit():
        async with partner_center.connect() as client:
            await client.customers.list().collect()
            return partner_center.endpoint

    async with asyncio.TaskGroup() as group:
        visits = [group.create_task(visit()) for _ in range(5)]
    assert len({each.result() for each in visits}) == 1
    assert partner_center.count("customers.list") == 5
    with pytest.raises(RuntimeError, match="not running"):
        partner_center.environment()
    async with partner_center:
        assert partner_center.environment()["PARTNER_CENTER_ENDPOINT"] == partner_center.endpoint


async def test_a_user_may_see_what_an_application_may_not(partner_center: PartnerCenter):
    customer = partner_center.add_customer()
    order = partner_center.add_order(customer)
    async with partner_center.connect() as app, partner_center.connect(user=True, concurrency=1) as user:
        with pytest.raises(PermissionDeniedError):
            await app.orders.provisioning_status(customer, order).collect()
        (line,) = await user.orders.provisioning_status(customer, order).collect()
    assert line.status == "fulfilled"


async def test_a_credential_of_the_tests_own_is_used_and_left_open(partner_center: PartnerCenter):
    credential = FakeCredential()
    async with partner_center.connect(credential=credential, retry=RetryPolicy(tries=1)) as client:
        with pytest.raises(Exception, match="401"):
            await client.customers.list().collect()
    assert credential.claims
    assert partner_center.count("token") == 0


@pytest.mark.partner_center(token_lifetime=3600)
def test_tokens_are_renewed_in_hours_of_virtual_time(partner_center, virtual_time):
    async def scenario():
        async with partner_center.connect() as client:
            for _ in range(12):
                await client.customers.list().collect()
                await asyncio.sleep(1800)

    virtual_time(scenario())
    assert 6 <= partner_center.count("token") <= 8
    assert {each.status for each in partner_center.requests} == {200}


def test_the_common_faults_are_one_line_each(partner_center, virtual_time):
    first, second = partner_center.add_customer(), partner_center.add_customer()
    partner_center.inject(fails(customer_id=first, times=2), throttles(second, seconds=60), loses("customers.list"))

    async def scenario():
        clock = asyncio.get_running_loop().time
        async with partner_center.connect() as client:
            assert (await client.customers.get(first)).id == first
            assert (await client.customers.get(second)).id == second
            assert clock() >= 60
            assert len(await client.customers.list().collect()) == 2
            partner_center.assert_faults_hit()
            partner_center.inject(throttles(seconds=30))
            begun = clock()
            assert len(await client.customers.list().collect()) == 2
            assert clock() - begun >= 30

    virtual_time(scenario())
    assert partner_center.count("token") == 1
    partner_center.assert_faults_hit()


def test_a_throttling_that_outlasts_the_callers_patience_ends_the_call(partner_center, virtual_time):
    customer = partner_center.add_customer()
    partner_center.inject(throttles(customer, seconds=600))

    async def scenario():
        async with partner_center.connect() as client:
            with pytest.raises(ThrottledError) as caught:
                await client.customers.get(customer)
            return caught.value.retry_after

    assert virtual_time(scenario()) == 600


async def test_a_fault_that_hit_nothing_is_told(partner_center: PartnerCenter):
    fault = fails("orders.list")
    partner_center.inject(fault, fails("customers.list", nth=2))
    async with partner_center.connect() as client:
        await client.customers.list().collect()
    with pytest.raises(AssertionError) as caught:
        partner_center.assert_faults_hit()
    assert str(caught.value).count("Fault(") == 2
    assert "what arrived: {'token': 1, 'customers.list': 1}" in str(caught.value)
    partner_center.clear_faults()
    partner_center.assert_faults_hit()
