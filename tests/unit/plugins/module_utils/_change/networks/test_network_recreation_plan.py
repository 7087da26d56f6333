# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a network cannot be made anew with, and what containers feel of it, in words."""

from __future__ import annotations

import re
import typing as t

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_body import body_of
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_recreation_plan import (
    Recreation,
    RecreationContext,
    plan_recreation,
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
