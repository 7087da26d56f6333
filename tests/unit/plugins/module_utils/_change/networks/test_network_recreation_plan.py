# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a network cannot be made anew with, and what containers feel of it, in words."""

from __future__ import annotations

import contextlib
import re
import typing as t

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_body import body_of
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_connections_plan import (
    chosen_by_engine,
    plan_connections,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_endpoint import EndpointState
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_options import parse_requests
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_recreation_plan import (
    Recreation,
    RecreationContext,
    asked,
    plan_recreation,
    pools_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link

NETWORK_ID = "5b0e" * 16
WEB_ID = "a1b2" * 16


def network(**traits: t.Any) -> dict[str, t.Any]:
    return {
        "Id": NETWORK_ID,
        "Name": "shop",
        "Driver": "bridge",
        "Scope": "local",
        "IPAM": {"Driver": "default", "Config": [{"Subnet": "10.9.0.0/24", "Gateway": "10.9.0.1"}]},
        "Containers": {WEB_ID: {"Name": "web", "EndpointID": "e1"}},
        **traits,
    }


def web(*, host: dict[str, t.Any] | None = None, status: str = "running", **traits: t.Any) -> dict[str, t.Any]:
    endpoint = {"NetworkID": NETWORK_ID, "EndpointID": "e1", "IPAddress": "10.9.0.2", "Aliases": ["www", WEB_ID[:12]]}
    return {
        "Id": WEB_ID,
        "Name": "/web",
        "State": {"Running": True, "Status": status, "Pid": 7, "StartedAt": "then"},
        "Config": {},
        "HostConfig": {"NetworkMode": "shop", **(host or {})},
        "NetworkSettings": {"Networks": {"shop": endpoint}, "Ports": {}},
        **traits,
    }


def plan(
    old: dict[str, t.Any],
    *containers: dict[str, t.Any],
    release: tuple[int, int] = (28, 5),
    links: t.Sequence[Link] = (),
) -> Recreation:
    return plan_recreation(old, body_of(old), RecreationContext(containers, links={WEB_ID: links}, release=release))


@pytest.mark.parametrize(
    ("traits", "why"),
    [
        ({"Name": "bridge"}, "the daemon's own"),
        ({"Options": {"com.docker.network.bridge.default_bridge": "true"}}, "the daemon's own"),
        ({"Driver": "macvlan"}, "its driver is macvlan"),
        ({"Scope": "swarm"}, "belongs to a swarm"),
        ({"ConfigFrom": {"Network": "template"}}, "configuration of another network"),
        ({"IPAM": {"Driver": "infoblox", "Config": []}}, "IPAM driver infoblox"),
        ({"Containers": {"ep-4711": {"EndpointID": "e9"}}}, "endpoint ep-4711 belongs to no container"),
        ({"Containers": {}}, "container web is on it, but the network does not list it"),
    ],
)
def test_networks_that_cannot_be_made_again(traits: dict[str, t.Any], why: str) -> None:
    with pytest.raises(Refusal, match=why) as caught:
        plan(network(**traits), web())
    assert str(caught.value).startswith("nothing was changed: network ")


@pytest.mark.parametrize(
    ("container", "why"),
    [
        (web(status="restarting"), "container web is restarting"),
        (web(host={"NetworkMode": NETWORK_ID}), "created with the network's id"),
        (web(host={"NetworkMode": NETWORK_ID[:12]}), "created with the network's id"),
        (web(host={"Sysctls": {"net.ipv4.conf.eth0.rp_filter": "2"}}), "the sysctl net.ipv4.conf.eth0.rp_filter"),
        (web(Config={"Labels": {"com.docker.swarm.task.id": "x"}}), "is a swarm task"),
    ],
)
def test_containers_that_cannot_be_put_back(container: dict[str, t.Any], why: str) -> None:
    with pytest.raises(Refusal, match=why):
        plan(network(), container)


def test_a_container_that_was_made_with_the_id_of_a_further_network() -> None:
    fresh = web(host={"NetworkMode": "office"}, status="created")
    fresh["State"]["Running"] = False
    fresh["NetworkSettings"]["Networks"] = {NETWORK_ID: {"NetworkID": "", "EndpointID": "", "IPAddress": ""}}
    with pytest.raises(Refusal, match="created with the network's id"):
        plan(network(Containers={}), fresh)


def test_a_sysctl_of_all_interfaces_is_no_hindrance() -> None:
    assert plan(network(), web(host={"Sysctls": {"net.ipv4.conf.all.rp_filter": "2", "net.core.somaxconn": "9"}}))


def test_everything_that_is_felt_is_said() -> None:
    container = web(
        host={"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}], "90/tcp": [{"HostPort": ""}]}},
        Config={"MacAddress": "02:aa:00:00:00:01"},
    )
    container["NetworkSettings"]["Ports"] = {
        "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}],
        "90/tcp": [{"HostIp": "127.0.0.1", "HostPort": "49153"}],
        "91/tcp": None,
    }
    sidecar = {
        "Id": "c3" * 32,
        "Name": "/sidecar",
        "State": {"Running": True, "Status": "running"},
        "HostConfig": {"NetworkMode": f"container:{WEB_ID}"},
        "NetworkSettings": {"Networks": {}},
    }
    links = [Link(2, "eth0", addresses=["10.9.0.2/24", "10.9.0.77/24", "fe80::1/64"])]
    found = plan(network(), container, sidecar, release=(26, 1), links=links)
    said = sorted((item.name, item.how) for item in found.disruptions)
    named = [
        ("sidecar", "of container web"),
        ("web", "disconnected from network shop"),
        ("web", "its eth0 gets a higher number"),
        ("web", r"its port 90/tcp .* 49153"),
        ("web", r"loses its configured MAC address 02:aa:00:00:00:01"),
        ("web", r"loses the address 10\.9\.0\.77/24,"),
    ]
    assert [member for member, dummy in said] == [member for member, dummy in named]
    for (dummy, how), (dummy, words) in zip(said, named):
        assert re.search(words, how)
    assert found.record.ports == {WEB_ID: {"80/tcp": ["8080"]}}
    assert found.record.before[0].config == {"Aliases": ["www"]}


def test_a_container_that_never_started_is_left_alone() -> None:
    fresh = web(status="created")
    fresh["State"]["Running"] = False
    fresh["NetworkSettings"]["Networks"]["shop"] = {"NetworkID": "", "EndpointID": "", "IPAddress": ""}
    found = plan(network(Containers={}), fresh)
    assert found.actions == ["remove network shop", "create network shop with 10.9.0.0/24"]
    assert found.disruptions == []


def test_the_body_makes_the_same_network() -> None:
    found = body_of(network(EnableIPv6=False, Internal=True, Labels={"a": "b"}, Created="then", Peers=[]))
    assert found == {
        "Name": "shop",
        "Driver": "bridge",
        "EnableIPv6": False,
        "Internal": True,
        "Labels": {"a": "b"},
        "IPAM": {"Driver": "default", "Options": {}, "Config": [{"Subnet": "10.9.0.0/24", "Gateway": "10.9.0.1"}]},
    }


OFFICE_ID = "0ff1" * 16
DB_ID = "d0d0" * 16


def answers() -> tuple[dict[str, t.Any], dict[str, dict[str, t.Any]], list[dict[str, t.Any]]]:
    """What an engine answers of a network, of another one, and of containers on both, with all that plans look at."""
    config = {"Subnet": "10.9.0.0/24", "Gateway": "10.9.0.1", "IPRange": "10.9.0.128/25", "AuxiliaryAddresses": {}}
    old = network(
        IPAM={"Driver": "default", "Options": {}, "Config": [config]},
        Options={"com.docker.network.driver.mtu": "1400"},
        Labels={"a": "b"},
        ConfigFrom={"Network": ""},
        Containers={key: {"Name": name, "EndpointID": "e1"} for key, name in ((WEB_ID, "web"), (DB_ID, "db"))},
    )
    office = network(
        Id=OFFICE_ID,
        Name="office",
        IPAM={"Driver": "default", "Options": {}, "Config": [{"Subnet": "10.8.0.0/24", "Gateway": "10.8.0.1"}]},
        Options={},
        Containers={DB_ID: {"Name": "db", "EndpointID": "e2"}},
    )
    ends = {
        name: {
            "NetworkID": network_id,
            "EndpointID": end,
            "IPAddress": address,
            "MacAddress": "02:42:0a:09:00:03",
            "Aliases": ["data"],
            "Links": [],
            "DriverOpts": {},
            "IPAMConfig": {"IPv4Address": address, "LinkLocalIPs": []},
        }
        for name, network_id, end, address in (
            ("shop", NETWORK_ID, "e1", "10.9.0.3"),
            ("office", OFFICE_ID, "e2", "10.8.0.3"),
        )
    }
    db = web(
        host={"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}, "Sysctls": {"net.core.somaxconn": "9"}},
        Config={"Labels": {"x": "y"}, "MacAddress": "", "Hostname": "db"},
    )
    db.update(Id=DB_ID, Name="/db")
    db["NetworkSettings"] = {
        "Networks": ends,
        "Ports": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]},  # noqa: S104
    }
    sidecar = web(host={"NetworkMode": f"container:{DB_ID}"}, Config={})
    sidecar.update(Id="c3" * 32, Name="/sidecar", NetworkSettings={"Networks": {}, "Ports": {}})
    return old, {OFFICE_ID: office}, [web(), db, sidecar]


NEVER_NULL = ("State", WEB_ID, DB_ID)


def nulled(node: t.Any) -> t.Iterator[t.Any]:
    """The answer as often as it has maps and lists, each time with another of them null, as Go prints empty ones."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in list(items):
        if isinstance(value, (dict, list)):
            for changed in (*([] if key in NEVER_NULL else [None]), *nulled(value)):
                if isinstance(node, dict):
                    yield {**node, key: changed}
                elif changed is not None:
                    yield [*node[:key], changed, *node[key + 1 :]]


def planned(old: dict[str, t.Any], others: dict[str, t.Any], containers: list[t.Any]) -> Recreation:
    links = {key: [Link(2, "eth0", addresses=["10.9.0.3/24"])] for key in (WEB_ID, DB_ID)}
    gateways = {WEB_ID: "eth0", DB_ID: "eth0"}
    return plan_recreation(old, body_of(old), RecreationContext(containers, others, links, gateways, (28, 5)))


def test_all_that_an_engine_answers_makes_a_plan() -> None:
    found = planned(*answers())
    assert {end.container for end in found.record.before} == {WEB_ID, DB_ID}
    assert found.actions


NULLED = [(place, changed) for place, whole in enumerate(answers()) for changed in nulled(whole)]


CONNECTIONS = [
    {"name": "shop", "connected": [{"name": "web", "ipv4_address": "10.9.0.77"}, {"name": "db", "aliases": ["more"]}]},
]


@pytest.mark.parametrize("change", range(len(NULLED)))
def test_what_is_null_in_an_answer_is_empty(change: int) -> None:
    """A plan, or a refusal in words."""
    place, changed = NULLED[change]
    parts: list[t.Any] = list(answers())
    parts[place] = changed
    with contextlib.suppress(Refusal):
        assert planned(*parts).actions
    old, others, containers = parts
    around = RecreationContext(containers, others, {}, {WEB_ID: "eth0", DB_ID: "eth0"}, (28, 5))
    for request in parse_requests(CONNECTIONS):
        with contextlib.suppress(Refusal):
            assert plan_connections(request, old, around, chosen_by_engine(old, None)).actions


def endpoint(name: str, *, runs: bool = True, fixed: dict[str, str] | None = None, **traits: t.Any) -> EndpointState:
    config = {"IPAMConfig": fixed} if fixed else {}
    return EndpointState(name, name, "shop", NETWORK_ID, f"end of {name}" if runs else "", config, **traits)


def test_fixed_addresses_are_taken_first_then_those_to_be_had_again_in_their_order() -> None:
    endpoints = [
        endpoint("off", runs=False, fixed={"IPv4Address": "10.9.0.7"}),
        endpoint("any"),
        endpoint("third", address="10.9.0.10"),
        endpoint("second", address="10.9.0.9", fixed={"IPv6Address": "fd00::9"}, address6="fd00::9"),
        endpoint("first", address="10.9.0.2"),
        endpoint("fixed", address="10.9.0.40", fixed={"IPv4Address": "10.9.0.40"}),
        endpoint("fixed6", address6="fd00::8", fixed={"IPv6Address": "fd00::8"}),
    ]
    names = [item.name for item in asked(endpoints, pools_of(network()))]
    assert names == ["fixed", "fixed6", "first", "second", "third", "any", "off"]
