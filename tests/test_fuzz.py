"""Damaged bodies and hostile links, always the same ones; ``tests/fuzz.py`` makes others."""

import random

import pytest
from fuzz import BODIES, Sample, check_body, check_link, damaged, hostile
from helpers import call

from partnercenter_async import PartnerCenterClient, PartnerCenterError, StatusError
from partnercenter_async.testing import answer


@pytest.mark.parametrize("body", [Sample(*each) for each in BODIES], ids=lambda sample: str(sample.kind)[-40:])
def test_every_fixture_is_read(body):
    assert check_body(body)


@pytest.mark.fault("F27")
def test_twelve_thousand_damaged_bodies_give_values_or_typed_errors():
    chance = random.Random(27)
    taken = sum(check_body(damaged(chance)) for _ in range(12_000))
    assert 2_000 < taken < 10_000  # of both kinds many


@pytest.mark.fault("F16")
@pytest.mark.fault("F41")
def test_ten_thousand_hostile_links_lead_nowhere_else():
    chance = random.Random(16)
    taken = sum(check_link(hostile(chance)) for _ in range(10_000))
    assert 500 < taken < 9_000


@pytest.mark.fault("F27")
@pytest.mark.parametrize("status", [200, 201, 400, 401, 403, 404, 429, 500])
def test_damaged_bodies_are_values_or_typed_errors_for_callers_too(status):
    chance = random.Random(status)
    samples = [damaged(chance) for _ in range(300)]

    async def run(client: PartnerCenterClient):
        for sample in samples:
            made = answer(body=sample.body, status=status)
            client._session.shared.transport._function = lambda _request, made=made: made
            try:
                response = await client.request("GET", "customers/c", sample.kind)
            except PartnerCenterError as error:
                assert error.status == status
                assert error.request_id
                assert error.body == sample.body
                assert isinstance(error, StatusError) or status < 300
            else:
                assert status < 300
                assert response.raw == sample.body

    result, _ = call([], run)
    assert result is None
