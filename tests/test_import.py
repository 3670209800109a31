"""What importing the package costs: what its three foundations cost, and its own modules."""

import inspect
import pkgutil
import subprocess
import sys
from importlib import import_module
from unittest import mock

import pytest

import partnercenter_async
import pytest_partnercenter
from partnercenter_async import errors, export, models
from partnercenter_async.client import PartnerCenterClient

PROGRAM = """
import sys
import aiohttp, backoff, msgspec
before = set(sys.modules)
import partnercenter_async
partnercenter_async.PartnerCenterClient
print(*sorted(set(sys.modules) - before))
"""


# All that programs may import from the package. A name that goes breaks theirs, and one that comes is promised.
PUBLIC = """
Address ApiError Attempt AttemptTimeoutError AuthenticationError AzureEntitlement AzureEntitlementLinks BadAnswerError
BadRequestError BillingCycleType BillingType BodyTooLargeError CallInfo CallOptions CertificateError ClientClosedError
ClientContext Cloud ConflictError ConnectError ConnectionLostError ContractType Conversion CredentialError
CustomTermEndDate CustomTermEndDateType Customer CustomerBillingProfile CustomerCompanyProfile CustomerFilter
DeadlineError DecodeError Headers ItemType KeyValuePair Link LinkError LinkLoopError ListOptions MfaRequiredError
NewCommerceMigration NewCommerceMigrationEvent NextChargeInstructions NoAnswerError NotFoundError ODataCollection Offer
OfferAcquisitionType OfferAttestationProperties OfferCategory OfferLinks OfferProduct Order OrderLineItem
OrderLineItemActivationLink OrderLineItemLinks OrderLineItemProvisioningStatus OrderLinks OrderStatus Outcome
OutcomeUnknownError Overage OverageLinks Pace Page Pager PartnerCenterClient PartnerCenterError PermissionDeniedError
PreconditionFailedError Pricing ProductTerm Progress ProvisioningStatus PurchaseCommitment QuantityProvisioningStatus
Rate ReadAhead RedirectError RefreshTokenCredential RefundOption RefundableQuantity RefundableQuantityDetail
RegistrationStatus RelationshipToPartner RenewsTo ResourceAttributes ResourceCollection ResourceLinks Response
ResponseInfo RetryPolicy ScheduledNextTermInstructions ServerError Service StatusError Subscription SubscriptionLineItem
SubscriptionLinks SubscriptionProvisioningState SubscriptionProvisioningStatus SubscriptionRegistrationStatus
SubscriptionStatus SupportContact TargetSubscriptionEligibilityDetail ThrottledError Timestamp Transition
TransitionEligibility TransitionEligibilityDetail TransitionError TransitionErrorCode TransitionEvent
TransitionEventName TransitionEventStatus TransitionType Upgrade UpgradeError UpgradeErrorCode UpgradeType
UserCredentials fan_out
"""


# The modules of models and resources that are no noun's.
SHARED = {"models", "models.common", "models.errors", "models.scalars", "resources", "resources._base"}


def output_of(program: str) -> list[str]:
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()


def test_using_the_package_imports_nothing_else():
    """Not azure, which costs more than all else together, nor anything of the extras."""
    modules = output_of(PROGRAM)
    assert [name for name in modules if name.partition(".")[0] != "partnercenter_async"] == []
    assert "partnercenter_async.client" in modules
    assert len(modules) <= 28
    assert {"emulator", "cli", "export", "testing"}.isdisjoint(part for name in modules for part in name.split("."))


def those_of_nouns(modules: list[str]) -> set[str]:
    """The modules of models and resources that are a noun's, as ``models.orders``."""
    names = {name.removeprefix("partnercenter_async.") for name in modules}
    return {name for name in names - SHARED if name.startswith(("models", "resources"))}


def test_using_the_package_builds_no_structs_of_nouns():
    assert those_of_nouns(output_of(PROGRAM)) == set()


# Of which other nouns' structs, or sets of names, those of a noun are made.
MADE_OF = {"migrations": {"models.orders"}, "subscriptions": {"models.offers", "models.orders"}}


@pytest.mark.parametrize("noun", PartnerCenterClient.__annotations__)
def test_a_noun_of_a_client_is_imported_when_it_is_first_touched_and_no_other(noun):
    program = f"""
import sys
from partnercenter_async import PartnerCenterClient
from partnercenter_async.testing import FakeCredential, FakeTransport
client = PartnerCenterClient(FakeCredential(), transport=FakeTransport([]))
view = client.with_options(tenant="t")
print(*sys.modules, "|")
assert client.{noun} is not view.{noun}
print(*sys.modules)
"""
    modules = output_of(program)
    split = modules.index("|")
    assert those_of_nouns(modules[:split]) == set()
    own = {f"models.{noun}", f"resources.{noun}"}
    assert those_of_nouns(modules[split + 1 :]) == own | MADE_OF.get(noun, set())


def test_a_struct_is_built_when_its_name_is_first_touched_and_no_others():
    for first in (
        "import partnercenter_async; partnercenter_async.Customer",
        "from partnercenter_async import Customer",
    ):
        assert those_of_nouns(output_of(f"{first}; import sys; print(*sys.modules)")) == {"models.customers"}


def test_using_exports_builds_no_structs_of_nouns():
    assert those_of_nouns(output_of("import partnercenter_async.export, sys; print(*sys.modules)")) == set()


@pytest.mark.parametrize("table", export._TABLES)
def test_a_table_is_built_when_it_is_first_touched_and_no_noun_but_its_own(table):
    noun = export._TABLES[table]
    for first in (
        f"from partnercenter_async import export; export.{table}",
        f"from partnercenter_async.export import {table}",
    ):
        modules = output_of(f"{first}; import sys; print(*sys.modules)")
        assert those_of_nouns(modules) == {f"models.{noun}"} | MADE_OF.get(noun, set())
        assert [name for name in modules if ".export.tables." in name] == [f"partnercenter_async.export.tables.{noun}"]


def test_every_public_name_of_exports_is_there():
    assert output_of("from partnercenter_async.export import *; print(ORDERS.name, export.__name__)") == [
        "orders",
        "export",
    ]
    assert set(export.__all__) < set(dir(export))
    assert set(export._TABLES) < set(export.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        export.nothing  # noqa: B018


def test_the_pytest_plugin_imports_nothing():
    """pytest loads it in every run of every project that has the package installed."""
    program = "import sys, pytest; before = set(sys.modules); import pytest_partnercenter; "
    modules = output_of(program + "print(*sorted(set(sys.modules) - before))")
    assert modules == ["pytest_partnercenter"]


def test_importing_warns_of_nothing():
    """Python 3.14 has backoff 2 warn while it decorates; here every Python does."""
    program = """
import asyncio, inspect, warnings

def deprecated(function):
    warnings.warn("'asyncio.iscoroutinefunction' is deprecated", DeprecationWarning, stacklevel=2)
    return inspect.iscoroutinefunction(function)

asyncio.iscoroutinefunction = deprecated
before = list(warnings.filters)
import partnercenter_async
print(partnercenter_async.PartnerCenterClient.__name__, warnings.filters == before)
"""
    command = [sys.executable, "-W", "error", "-c", program]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    assert (run.stdout, run.stderr) == ("PartnerCenterClient True\n", "")


def test_every_public_name_is_there_however_the_package_was_imported():
    for first in ("partnercenter_async", "partnercenter_async.fan_out", "partnercenter_async.errors"):
        assert output_of(f"import {first}; from partnercenter_async import *; print(fan_out.__name__)") == ["fan_out"]
    assert set(partnercenter_async.__all__) < set(dir(partnercenter_async))
    assert partnercenter_async.errors.NotFoundError is partnercenter_async.NotFoundError
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        partnercenter_async.nothing  # noqa: B018


def test_the_public_names_are_these_and_no_others():
    assert sorted(partnercenter_async.__all__) == sorted(PUBLIC.split())


def test_what_is_imported_to_be_public_is_public_and_so_is_every_error():
    names = {name: value for name, value in vars(partnercenter_async).items() if not name.startswith("_")}
    imported = {name for name, value in names.items() if not inspect.ismodule(value)}
    assert imported | set(partnercenter_async._MODULES) == set(partnercenter_async.__all__)
    kinds = [each for _, each in inspect.getmembers(errors, inspect.isclass)]
    assert {each.__name__ for each in kinds if issubclass(each, errors.PartnerCenterError)} < imported


def test_every_struct_of_a_noun_is_public_and_told_by_its_own_module():
    told: dict[str, str] = partnercenter_async._MODULES
    for name, module in told.items():
        assert getattr(partnercenter_async, name).__module__ == f"partnercenter_async.{module}"
    modules = {f"models.{each.name}" for each in pkgutil.iter_modules(models.__path__)} - SHARED
    for module in modules:
        kinds = inspect.getmembers(import_module(f"partnercenter_async.{module}"), inspect.isclass)
        own = {name for name, each in kinds if each.__module__ == f"partnercenter_async.{module}"}
        assert {name for name in own if not name.startswith("_")} == {name for name in told if told[name] == module}


@pytest.mark.parametrize("name", ["PartnerCenterClient", "Order"])
def test_what_a_test_puts_in_place_of_a_name_stays_until_it_takes_it_away(monkeypatch, name):
    for own in (getattr(partnercenter_async, name), None):  # None where nobody has touched the name yet
        if own is None and name in partnercenter_async._MODULES:
            monkeypatch.delattr(partnercenter_async, name)
        with monkeypatch.context() as patched:
            patched.setattr(partnercenter_async, name, "a fake")
            assert not hasattr(partnercenter_async, "nothing")
            assert name in dir(partnercenter_async)
            assert getattr(partnercenter_async, name) == "a fake"
        with mock.patch(f"partnercenter_async.{name}", "a fake"):
            assert getattr(partnercenter_async, name) == "a fake"
        assert getattr(partnercenter_async, name).__name__ == name


@pytest.mark.parametrize("module", [partnercenter_async, pytest_partnercenter])
def test_pytest_does_not_warn_that_a_program_imported_a_module_before_it(module):
    """As it would of all that is installed with a plugin; where warnings are errors that ends the run."""
    import _pytest.assertion.rewrite as rewriting

    assert rewriting.AssertionRewriter.is_rewrite_disabled(module.__doc__)
