"""The nouns of a client: made when they are touched, one for each client and view."""

from unittest import mock

import pytest
from helpers import Fake

from partnercenter_async import PartnerCenterClient
from partnercenter_async.resources._base import Noun

NOUNS = [name for name, each in vars(PartnerCenterClient).items() if isinstance(each, Noun)]


@pytest.mark.parametrize("noun", NOUNS)
def test_a_noun_is_made_once_for_each_client_and_each_view(noun):
    client = Fake([]).client
    view = client.with_options(tenant="t")
    assert getattr(client, noun) is getattr(client, noun)
    assert getattr(view, noun) is not getattr(client, noun)
    assert (getattr(client, noun)._session, getattr(view, noun)._session) == (client._session, view._session)


@pytest.mark.parametrize("noun", NOUNS)
def test_a_noun_is_of_the_class_that_type_checkers_are_told(noun):
    kind = getattr(PartnerCenterClient, noun)
    assert type(getattr(Fake([]).client, noun)) is kind
    assert PartnerCenterClient.__annotations__[noun] == f"Noun[{kind.__name__}]"


def test_a_mock_of_the_client_knows_the_operations():
    client = mock.create_autospec(PartnerCenterClient, instance=True)
    client.orders.list("c", include_price=True)
    with pytest.raises(TypeError, match="customer_id"):
        client.orders.list()
    with pytest.raises(AttributeError):
        client.orders.lists("c")


def test_what_a_test_puts_in_place_of_a_noun_stays_until_it_takes_it_away():
    client = Fake([]).client
    with mock.patch.object(client, "orders", "a fake"):
        assert client.orders == "a fake"
    assert type(client.orders) is PartnerCenterClient.orders
