"""The codec takes back what it gave, and refuses what does not fit by naming the place."""

from __future__ import annotations

import json

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host.saved_snapshot import load_snapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import DecodeError, from_plain, to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    SCHEMA_VERSION,
    HostSnapshot,
    Source,
)
from hypothesis import given
from hypothesis import strategies as st

links = st.builds(
    Link,
    index=st.integers(min_value=1),
    name=st.text(),
    up=st.booleans(),
    master=st.none() | st.integers(),
    hairpin=st.none() | st.booleans(),
    addresses=st.lists(st.text(), max_size=2),
)
snapshots = st.builds(
    HostSnapshot,
    hostname=st.text(),
    taken_at=st.text(),
    sources=st.dictionaries(st.text(), st.builds(Source, read=st.booleans(), reason=st.text()), max_size=3),
    links=st.lists(links, max_size=3),
    sysctls=st.dictionaries(st.text(), st.text(), max_size=3),
)


@given(snapshots)
def test_a_snapshot_survives_json(snapshot: HostSnapshot) -> None:
    assert load_snapshot(snapshot.to_json()) == snapshot


def test_unknown_keys_are_ignored_and_missing_ones_take_the_default() -> None:
    link = from_plain(Link, {"index": 3, "name": "eth0", "colour": "blue"})
    assert link == Link(index=3, name="eth0")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], "$: expected an object, found list"),
        ({"name": "eth0"}, "$: the key 'index' is missing"),
        ({"index": True, "name": "eth0"}, "$.index: expected int, found bool"),
        ({"index": "3", "name": "eth0"}, "$.index: expected int, found str"),
        ({"index": 3, "name": "eth0", "addresses": [1]}, "$.addresses[0]: expected str, found int"),
        ({"index": 3, "name": "eth0", "hairpin": "yes"}, "$.hairpin: expected bool, found str"),
        ({"index": 3, "name": None}, "$.name: expected str, found null"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_its_place(data: object, words: str) -> None:
    with pytest.raises(DecodeError) as caught:
        from_plain(Link, data)
    assert str(caught.value) == words


def test_nested_places_are_named_to_the_end() -> None:
    data = {"id": "a", "name": "front", "driver": "bridge", "subnets": [{"subnet": "10.0.0.0/24"}, {"subnet": 7}]}
    with pytest.raises(DecodeError, match=r"^\$\.subnets\[1\]\.subnet: expected str, found int$"):
        from_plain(Network, data)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"text"', "{}", '{"schema": 99}'])
def test_what_is_no_snapshot_is_refused(text: str) -> None:
    with pytest.raises(DecodeError):
        load_snapshot(text)


def test_the_schema_is_in_the_document() -> None:
    snapshot = HostSnapshot(hostname="a", taken_at="2026-01-01T00:00:00Z", sources={})
    assert json.loads(snapshot.to_json())["schema"] == SCHEMA_VERSION
    assert to_plain(snapshot)["hostname"] == "a"
