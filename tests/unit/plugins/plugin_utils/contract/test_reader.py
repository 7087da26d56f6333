# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A contract as it is written: what is taken, and what is refused with its place, the value and what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.intents import (
    Containers,
    Machines,
    Port,
    TheHost,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.reader import load_contract, read_contract
from ansible_collections.dockernet.baseline.plugins.plugin_utils.options import WrongValueError
from hypothesis import given
from hypothesis import strategies as st

GOOD: dict[str, Any] = {
    "from": "outside",
    "to": {"container": "web", "port": 80},
    "expect": "reached",
    "why": "customers",
}


def one(**changes: Any) -> dict[str, Any]:
    """A contract of one intent; None leaves a key out."""
    intent = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}
    return {"intents": [intent]}


def problem(data: Any) -> str:
    with pytest.raises(WrongValueError) as caught:
        read_contract(data)
    return str(caught.value)


def test_an_intent_is_read_whole() -> None:
    data = one(name="shop", hosts=["web*"], optional=True)
    (intent,) = read_contract(data).intents
    assert (intent.name, intent.why, intent.hosts, intent.optional) == ("shop", "customers", ("web*",), True)
    assert intent.origins == (Machines(),)
    assert (intent.to.containers, intent.to.ports) == ((Containers(names=("web",)),), (Port(80, "tcp"),))


def test_an_intent_without_a_name_is_called_by_what_it_says() -> None:
    assert read_contract(one()).intents[0].name == "outside to web:80/tcp: reached"


@pytest.mark.parametrize(
    ("given_from", "meant"),
    [
        ("host", "host"),
        ({"outside": "10.0.0.0/8"}, "outside 10.0.0.0/8"),
        ({"uplink": "eth1"}, "outside by eth1"),
        ({"outside": "10.0.0.1", "uplink": ["eth1", "wg*"]}, "outside 10.0.0.1/32 by eth1 by wg*"),
        ({"container": "api", "network": "front"}, "api network front"),
        ({"label": {"tier": "data"}, "image": "postgres:*"}, "image postgres:* label tier=data"),
        ({"service": "shop/web"}, "service shop/web"),
        ({"cidr": "172.18.0.0/16"}, "172.18.0.0/16"),
        (["host", {"container": "api"}], "host or api"),
    ],
)
def test_origins(given_from: Any, meant: str) -> None:
    (intent,) = read_contract(one(**{"from": given_from})).intents
    assert " or ".join(map(str, intent.origins)) == meant


def test_groups_stand_for_all_that_is_in_them() -> None:
    groups = {"data": [{"label": {"tier": "data"}}, {"container": "db*"}]}
    contract = {"groups": groups, **one(**{"from": ["data", "host"], "to": {"group": "data", "port": "any"}})}
    (intent,) = read_contract(contract).intents
    assert intent.origins[-1] == TheHost()
    assert len(intent.origins) == 3
    assert len(intent.to.containers) == 2


@pytest.mark.parametrize(
    ("data", "place", "words"),
    [
        ([], "contract: ", "expected a contract with the keys intents, groups, uncovered"),
        ({}, "contract: ", "it says nothing"),
        ({"intent": []}, "contract: ", "there is no key 'intent' (did you mean 'intents'?)"),
        ({"intents": {}}, "contract.intents: ", "expected a list of intents"),
        ({"intents": ["x"]}, "contract.intents[0]: ", "expected an intent with the keys name, from, to"),
        (one(form="outside"), "contract.intents[0]: ", "there is no key 'form' (did you mean 'from'?)"),
        (one(why=None), "contract.intents[0]: ", "why is missing"),
        (one(why=" "), "contract.intents[0].why: ", "expected the reason, for those who review it"),
        (one(name="shop", expect="blokced"), "contract.intents[0] 'shop'.expect: ", "(did you mean 'blocked'?)"),
        (one(expect=None), "contract.intents[0]: ", "expect is missing"),
        (one(**{"from": "outsider"}), "contract.intents[0].from: ", "(did you mean 'outside'?)"),
        (one(**{"from": []}), "contract.intents[0].from: ", "the list is empty"),
        (one(**{"from": {}}), "contract.intents[0].from: ", "it chooses nothing"),
        (one(**{"from": {"outside": "10.0.0.1/8"}}), "contract.intents[0].from.outside: ", "has host bits set"),
        (one(**{"from": {"outside": 10}}), "contract.intents[0].from.outside: ", "expected a network such as"),
        (one(**{"from": {"containers": "a"}}), "contract.intents[0].from: ", "(did you mean 'container'?)"),
        (one(**{"from": {"label": "a=b"}}), "contract.intents[0].from.label: ", "values by the names of labels"),
        (one(**{"from": {"label": {"a": 1}}}), "contract.intents[0].from.label['a']: ", "put numbers"),
        (one(**{"from": {"container": 7}}), "contract.intents[0].from.container: ", "as text, found 7"),
        (one(to="outside"), "contract.intents[0].to: ", "machines outside send to each other"),
        (one(to={"container": "web"}), "contract.intents[0].to: ", "port is missing"),
        (one(to={"container": "web", "port": 0}), "contract.intents[0].to.port: ", "from 1 to 65535"),
        (one(to={"container": "web", "port": "80/sctp"}), "contract.intents[0].to.port: ", "not one of tcp, udp"),
        (one(to={"container": "web", "port": "²"}), "contract.intents[0].to.port: ", "from 1 to 65535"),
        (one(to={"container": "web", "port": [80, True]}), "contract.intents[0].to.port[1]: ", "found True"),
        (one(to={"address": "10.0.0.5"}), "contract.intents[0].to: ", "port is missing"),
        (one(to={"address": "web", "port": 1}), "contract.intents[0].to.address: ", "IPv4 or IPv6 address"),
        (one(to={"address": "::1", "port": 1, "image": "x"}), "contract.intents[0].to.image: ", "goes with port alone"),
        (one(to={"group": "dbs"}), "contract.intents[0].to.group: ", "there is no group 'dbs'"),
        (one(to={"container": "a", "published": "yes"}), "contract.intents[0].to.published: ", "true or false"),
        (one(optional=1), "contract.intents[0].optional: ", "expected true or false"),
        (one(hosts=[]), "contract.intents[0].hosts: ", "the list is empty"),
        ({"uncovered": {"outsid": "list"}}, "contract.uncovered: ", "(did you mean 'outside'?)"),
        ({"uncovered": {"outside": "deny"}}, "contract.uncovered.outside: ", "allow, list, forbid"),
        ({"groups": [], **one()}, "contract.groups: ", "expected groups by their names"),
        ({"groups": {"host": []}, **one()}, "contract.groups.host: ", "a meaning of its own"),
        ({"groups": {"x": [{"container": "x"}]}, **one()}, "contract.groups['x']: ", "no intent names this group"),
        ({"intents": one()["intents"] * 2}, "contract.intents[1].name: ", "intents[0] is called"),
    ],
)
def test_what_cannot_be_meant_is_refused(data: Any, place: str, words: str) -> None:
    said = problem(data)
    assert said.startswith(place)
    assert words in said


def test_two_intents_of_one_name_are_for_different_hosts() -> None:
    contract = {"intents": [{**GOOD, "hosts": ["a*"]}, {**GOOD, "hosts": ["b*"]}]}
    assert [len(read_contract(contract).on(host).intents) for host in ("a1", "b1", "c1")] == [1, 1, 0]


def test_a_file_names_itself_and_a_key_that_stands_twice(tmp_path: Path) -> None:
    path = tmp_path / "who.yml"
    path.write_text(yaml.safe_dump(one()))
    assert len(load_contract(str(path)).intents) == 1
    for text, words in (
        ("intents: []\nintents: []\n", "'intents' is there twice"),
        ("intents: [", "is no YAML"),
        ("intents: [{from: x}]", "contract who.yml.intents[0]: "),
        ("- !!python/object/apply:os.system [id]", "is no YAML"),
        ("a" * (4 << 20) + "b", "has more than"),
    ):
        path.write_text(text)
        with pytest.raises(WrongValueError, match="contract") as caught:
            load_contract(str(path))
        assert words in str(caught.value)
    with pytest.raises(WrongValueError, match="cannot be read"):
        load_contract(str(tmp_path / "none.yml"))


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["outside", "host", "any", "10.0.0.0/8"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["from", "to", "expect", "why", "name", "hosts", "intents", "groups", "uncovered", "container", "label",
             "outside", "port", "address", "cidr", "group", "uplink"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(PLAIN, PLAIN, PLAIN)
def test_any_data_is_read_or_refused_in_words(origin: Any, to: Any, whole: Any) -> None:
    for data in (whole, one(**{"from": origin, "to": to}), {"groups": {"a": origin}, **one(**{"from": "a"})}):
        try:
            read_contract(data)
        except WrongValueError as error:
            assert "\n" not in str(error)  # noqa: PT017
            assert len(str(error)) < 1000  # noqa: PT017
