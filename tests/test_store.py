"""Records that are written over generated ones: what is read afterwards, and where it stands."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partnercenter_async.emulator.generation import Generation
from partnercenter_async.emulator.store import Collection, Kind, Store

GENERATED = ("G0", "g1", "G2")


class Three:
    """Three generated records, which count how often one is made."""

    made = 0

    def __init__(self, _store=None, _parents=()):
        pass

    def __len__(self):
        return len(GENERATED)

    def at(self, position):
        Three.made += 1
        return {"id": GENERATED[position], "parts": [position]}

    def get(self, record_id):
        for position, each in enumerate(GENERATED):
            if each.lower() == record_id.lower():
                return self.at(position)
        raise KeyError(record_id)


KIND = Kind(path="/v1/things", key="thing_id", generate=Three)
BARE = Kind(path="/v1/bare", key="bare_id")


def store() -> Store:
    return Store(Generation(customers=0, orders_per_customer=0, migrations_per_customer=0, seed=1, oddities=False))


def ids(collection: Collection, start: int = 0, **direction) -> list[tuple[int, str]]:
    return [(position, record["id"]) for position, record in collection.records(start, **direction)]


@pytest.fixture
def things() -> Collection:
    return store().of(KIND)


def test_without_a_generator_there_is_nothing_but_what_is_written():
    bare = store().of(BARE)
    assert (len(bare), bare.places, list(bare.records()), "x" in bare) == (0, 0, [], False)
    with pytest.raises(KeyError):
        bare.get("x")
    bare.put({"id": "x"})
    assert (len(bare), ids(bare), "X" in bare) == (1, [(0, "x")], True)
    with pytest.raises(IndexError):
        BARE.generate(store(), ()).at(0)


def test_what_is_added_stands_behind_what_is_generated(things):
    things.put({"id": "a"})
    things.put({"id": "b"})
    assert ids(things) == [(0, "G0"), (1, "g1"), (2, "G2"), (3, "a"), (4, "b")]
    assert ids(things, 4, backward=True) == [(3, "a"), (2, "G2"), (1, "g1"), (0, "G0")]


def test_a_changed_record_keeps_its_place(things):
    things.put({"id": "G1", "new": True})
    things.put({"id": "a"})
    things.put({"id": "A", "new": True})
    assert ids(things) == [(0, "G0"), (1, "G1"), (2, "G2"), (3, "A")]
    assert things.get("g1") == {"id": "G1", "new": True}
    assert len(things) == 4


def test_a_removed_record_leaves_its_place_empty_until_it_comes_again(things):
    things.put({"id": "a"})
    things.put({"id": "b"})
    for gone in ("g0", "A"):
        things.remove(gone)
    assert ids(things) == [(1, "g1"), (2, "G2"), (4, "b")]
    assert (len(things), things.places) == (3, 5)
    things.put({"id": "a"})
    assert ids(things)[-2:] == [(3, "a"), (4, "b")]


@pytest.mark.parametrize("unknown", ["none", "g0"])
def test_what_is_not_there_is_a_key_error(things, unknown):
    things.remove("G0")
    assert unknown not in things
    for ask in (things.get, things.remove):
        with pytest.raises(KeyError):
            ask(unknown)


def test_an_id_is_found_in_any_letter_case_unless_the_kind_tells_them_apart(things):
    assert things.get("g2")["id"] == "G2"
    exact = Kind(path="/v1/exact", key="exact_id", folded=str)
    apart = store().of(exact)
    apart.put({"id": "a"})
    apart.put({"id": "A"})
    assert ids(apart) == [(0, "a"), (1, "A")]


def test_children_of_parents_that_differ_in_letter_case_alone_stay_apart():
    parent = Kind(path="/v1/exact", key="exact_id", folded=str)
    child = Kind(path="/v1/{other_id}/exact/{exact_id}/parts", key="part_id", parent=parent)
    own = store()
    own.of(child, "x", "a").put({"id": "1"})
    assert "1" in own.of(child, "X", "a")
    assert "1" not in own.of(child, "x", "A")


def test_a_record_may_be_kept_under_another_id_than_its_own(things):
    things.put({"id": None}, "under")
    assert things.get("UNDER") == {"id": None}
    assert [record["id"] for _, record in things.records(3)] == [None]


def test_two_kinds_at_one_path_share_nothing():
    other, own = Kind(path=KIND.path, key="other_id"), store()
    own.of(KIND).put({"id": "a"})
    assert list(own.of(other).records()) == []


def test_a_callers_record_is_its_own(things):
    given_ = {"id": "a", "parts": [1]}
    things.put(given_)
    given_["parts"].append(2)
    for found in (things.get("a"), dict(things.records())[3], next(things.written())):
        assert found["parts"] == [1]
        found["parts"].append(3)
    assert things.get("a")["parts"] == [1]


def test_what_is_written_is_told_apart_from_what_is_generated(things):
    assert list(things.written()) == []
    things.put({"id": "a"})
    things.put({"id": "G1", "new": True})
    things.remove("G0")
    assert list(things.written()) == [{"id": "a"}, {"id": "G1", "new": True}]


@pytest.mark.parametrize("written", [(), ("a",)])
def test_a_position_far_behind_the_end_is_as_good_as_the_end(things, written):
    for each in written:
        things.put({"id": each})
    assert ids(things, 2**60) == []
    assert ids(things, 2**60, backward=True) == ids(things)[::-1]


def test_records_are_made_when_they_are_asked_for(things):
    Three.made = 0
    walk = things.records(1)
    assert Three.made == 0
    next(walk)
    assert Three.made == 1


IDS = st.sampled_from([*GENERATED, "g0", "G1", "a", "A", "b", "c"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), IDS),
        st.tuples(st.just("remove"), IDS),
        st.tuples(st.just("get"), IDS),
        st.tuples(st.just("from"), st.integers(0, 9)),
        st.tuples(st.just("before"), st.integers(0, 9)),
    ),
    max_size=30,
)


@given(STEPS)
def test_a_collection_is_a_list_of_places(steps):
    """The model: a list of places, each with the id that it is for and the record that is there, if one is."""
    things = store().of(KIND)
    places = [[each.lower(), {"id": each, "parts": [at]}] for at, each in enumerate(GENERATED)]

    def at(record_id):
        return next((each for each in places if each[0] == record_id.lower()), None)

    for number, (step, what) in enumerate(steps):
        filled = [(position, record) for position, (_, record) in enumerate(places) if record is not None]
        if step == "from":
            assert list(things.records(what)) == [each for each in filled if each[0] >= what]
        elif step == "before":
            assert list(things.records(what, backward=True)) == [each for each in filled if each[0] < what][::-1]
        elif step == "put":
            record = {"id": what, "number": number}
            things.put(copy.deepcopy(record))
            if (place := at(what)) is None:
                places.append([what.lower(), record])
            else:
                place[1] = record
        elif (place := at(what)) is None or place[1] is None:
            assert what not in things
            with pytest.raises(KeyError):
                getattr(things, step)(what)
        elif step == "get":
            assert things.get(what) == place[1]
        else:
            things.remove(what)
            place[1] = None
        assert len(things) == sum(record is not None for _, record in places)
        assert things.places == len(places)


@given(STEPS, st.integers(1, 3))
def test_pages_from_position_to_position_have_each_record_once(steps, size):
    things = store().of(KIND)
    for step, what in steps:
        if step == "put":
            things.put({"id": what})
        elif step == "remove" and what in things:
            things.remove(what)
    walked, start = [], 0
    while page := list(things.records(start))[:size]:
        walked += page
        start = page[-1][0] + 1
    assert walked == list(things.records())


def test_generating_anew_keeps_what_was_written():
    own = store()
    own.of(KIND).put({"id": "a"})
    own.generate(Generation(customers=2, orders_per_customer=0, migrations_per_customer=0, seed=2, oddities=True))
    assert own.generation.customers == 2
    assert "a" in own.of(KIND)
