"""Containers on networks by bridge_network, on real engines: proved by the kernel's own programs."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

from tests.integration.host_state import host_state
from tests.integration.snapshots import PLACE, install_readers
from tests.integration.test_change_bridge_network import outcomes, run
from tests.lab.host import Host
from tests.lab.scenario import NetworkSpec, Scenario, Workload
from tests.lab.workload import IMAGE

SCENE = Scenario(
    networks=[NetworkSpec("shop", "10.77.0.0/24", ipv6_subnet="fd00:77::/64"), NetworkSpec("office", "10.78.0.0/24")],
    containers=[
        Workload("web", ["shop"], options=["--network-alias=www"]),
        Workload("db", ["shop"]),
        Workload("hub", ["office"], publish=["8080:80"]),
        Workload("bare", network_mode="host", serve=[]),
        Workload("lone", network_mode="none", serve=[]),
        Workload("twin", network_mode="container:hub", serve=[]),
    ],
)
LISTED: list[dict[str, Any]] = [
    {"name": "web"},
    {"name": "hub", "ipv4_address": "10.77.0.50", "ipv6_address": "fd00:77::50", "aliases": ["desk", "front"]},
    {"name": "idle", "ipv4_address": "10.77.0.60", "aliases": ["spare"]},
]
RUNNING = ("web", "db", "hub")

PROGRAM = """
import subprocess, sys
sys.path.insert(0, {place!r})
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks import bridge_network
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_api import EngineNetworks
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_options import (
    NetworkConsent, parse_requests,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import run_command
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read_whole import read_whole
class Api(EngineNetworks):
    count = 0
    def connect(self, network_id, container, endpoint):
        Api.count += 1
        if Api.count == {number}:
            subprocess.run({command!r}, shell=True, stdout=subprocess.DEVNULL)
        super().connect(network_id, container, endpoint)
api = Api("unix:///var/run/docker.sock")
requests = parse_requests({networks!r})
change = bridge_network.NetworkChange(
    requests, NetworkConsent(disruption=True), [], api, run_command, read_whole
)
try:
    change.apply(change.plan())
except ChangeFailed as error:
    print(error.undone, error)
"""


def while_connecting(host: Host, networks: list[dict[str, Any]], number: int, command: str) -> str:
    """Have it done by the module's own code, with a command before the connection of that number."""
    install_readers(host)
    program = PROGRAM.format(place=PLACE, networks=networks, number=number, command=command)
    done = host.run(["/usr/bin/python3", "-"], stdin=program, check=False)
    assert "Traceback" not in done.err, done.err
    return done.out


def shop(connected: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"name": "shop", "connected": connected, **more}


def alive(host: Host) -> dict[str, Any]:
    """That they were not stopped."""
    found = {name: host.container(name).inspect()["State"] for name in RUNNING}
    return {name: (state["Pid"], state["StartedAt"]) for name, state in found.items()}


def endpoints(host: Host, name: str) -> dict[str, Any]:
    """What the engine has of a container: addresses, fixed ones, aliases."""
    seen = host.container(name).inspect()
    return {
        network: (
            [item["IPAddress"], item["GlobalIPv6Address"]],
            {key: value for key, value in (item["IPAMConfig"] or {}).items() if value},
            sorted(alias for alias in item["Aliases"] or [] if alias != seen["Id"][:12]),
        )
        for network, item in seen["NetworkSettings"]["Networks"].items()
    }


def in_bridge(host: Host, name: str, network: str) -> set[str]:
    """The container's global addresses on veth interfaces whose other ends are ports of the network's bridge."""
    bridge = f"br-{json.loads(host.docker('network', 'inspect', network).out)[0]['Id'][:12]}"
    ports = {
        item["ifindex"]
        for item in json.loads(host.run(["ip", "-json", "link", "show", "master", bridge, "type", "veth"]).out)
        if "UP" in item["flags"]
    }
    return {
        entry["local"]
        for link in json.loads(host.container(name).net(["ip", "-json", "-details", "addr"]).out)
        if link.get("linkinfo", {}).get("info_kind") == "veth" and link["link_index"] in ports
        for entry in link["addr_info"]
        if entry["scope"] == "global"
    }


def macs(host: Host, name: str) -> set[str]:
    """Of its interfaces, as the kernel has them."""
    return {link["address"] for link in json.loads(host.container(name).net(["ip", "-json", "link"]).out)}


def default_route(host: Host, name: str) -> str:
    return str(json.loads(host.container(name).net(["ip", "-json", "route", "show", "default"]).out)[0]["gateway"])


def deploy(host: Host) -> None:
    host.deploy(SCENE)
    host.docker("create", "--name", "idle", "--network", "office", IMAGE, "/bin/serve", "80")


def test_connected_changed_and_disconnected(fresh_host: Host) -> None:
    host = fresh_host
    deploy(host)
    living, before = alive(host), host_state(host)

    predicted = run(host, [shop(LISTED)], check=True)
    assert host_state(host) == before
    done = run(host, [shop(LISTED)])
    assert not done["failed"], done
    keys = ("changed", "actions", "diff", "networks", "disruptions")
    assert {key: done[key] for key in keys} == {key: predicted[key] for key in keys}, done
    assert outcomes(done) == {"shop": "changed"}
    assert in_bridge(host, "hub", "shop") == {"10.77.0.50", "fd00:77::50"}
    assert in_bridge(host, "hub", "office") == {"10.78.0.2"}
    # Networks with IPv6 come first, whatever their names.
    assert done["disruptions"] == [
        {"kind": "container", "name": "hub", "how": "its default route uses network shop, and no longer office"}
    ]
    assert default_route(host, "hub") == "10.77.0.1"
    assert [host.container("web").run(["ping", "-c1", "-W10", name]).rc for name in ("desk", "front", "hub")] == [0] * 3
    assert run(host, [shop(LISTED)])["actions"] == []
    host.docker("start", "idle")
    assert in_bridge(host, "idle", "shop") == {"10.77.0.60", endpoints(host, "idle")["shop"][0][1]}
    assert run(host, [shop(LISTED)])["actions"] == []

    # Another address and one more alias: all else stays.
    ours, own = endpoints(host, "web")["shop"], macs(host, "web")
    moved: list[dict[str, Any]] = [
        {"name": "web", "aliases": ["more"]},
        {"name": "hub", "ipv4_address": "10.77.0.70"},
        LISTED[2],
    ]
    refused = run(host, [shop(moved)])
    assert refused["refused"]
    assert refused["consents"] == [{"on_disruption": "allow"}]
    predicted = run(host, [shop(moved)], check=True, on_disruption="allow")
    done = run(host, [shop(moved)], on_disruption="allow")
    assert {key: done[key] for key in keys} == {key: predicted[key] for key in keys}, done
    assert in_bridge(host, "hub", "shop") == {"10.77.0.70", "fd00:77::50"}
    fixed, aliases = endpoints(host, "hub")["shop"][1:]
    assert fixed == {"IPv4Address": "10.77.0.70", "IPv6Address": "fd00:77::50"}
    # Engines before 25 have the host name among them.
    assert set(aliases) - {"hub"} == {"desk", "front"}
    now = endpoints(host, "web")["shop"]
    assert (now[0], now[2]) == (ours[0], sorted([*ours[2], "more"]))
    assert macs(host, "web") == own
    assert run(host, [shop(moved)])["actions"] == []

    # Those that are not listed.
    only = [shop([{"name": "hub"}], appends=False)]
    refused = run(host, only)
    assert refused["refused"]
    assert {item["name"] for item in refused["disruptions"]} == {"web", "db", "idle"}
    done = run(host, only, on_disruption="allow")
    assert not done["failed"], done
    assert [name for name in (*RUNNING, "idle") if "shop" in endpoints(host, name)] == ["hub"]
    assert "10.77." not in host.container("web").net(["ip", "addr"]).out
    assert run(host, only, on_disruption="allow")["actions"] == []
    assert alive(host) == living


def test_refused_or_undone(fresh_host: Host) -> None:
    host = fresh_host
    deploy(host)
    before, living = {name: endpoints(host, name) for name in RUNNING}, alive(host)
    own = {name: macs(host, name) for name in RUNNING}
    web = {"name": "web", "aliases": ["more"]}
    for entry, words in (
        ({"name": "bare"}, "'bare' is not allowed; it shares the network of the host"),
        ({"name": "twin"}, "'twin' is not allowed; it shares the network of another container"),
        ({"name": "lone"}, "docker network disconnect none lone"),
        ({"name": "hub", "ipv4_address": "10.77.0.3"}, "'10.77.0.3' is not allowed; container db has it"),
    ):
        refused = run(host, [shop([web, entry])], on_disruption="allow")
        assert refused["refused"], refused
        assert words in refused["msg"]
    assert {name: endpoints(host, name) for name in RUNNING} == before

    # The engine takes no fixed address where it chose the subnet, which it does not show.
    host.docker("network", "create", "auto")
    config = json.loads(host.docker("network", "inspect", "auto").out)[0]["IPAM"]["Config"][0]
    free = str(ipaddress.ip_network(config["Subnet"])[99])
    failed = run(host, [{"name": "auto", "connected": [{"name": "hub", "ipv4_address": free}]}])
    assert (failed["failed"], failed["changed"], outcomes(failed)) == (True, False, {"auto": "undone"})
    assert "user configured subnets" in failed["msg"]
    assert {name: endpoints(host, name) for name in RUNNING} == before

    # Somebody takes an address while web and db are off the network: all is as before, also what the engine keeps of
    # attempts. New ones come first, so hub was on it already.
    late = f"docker run -d --name late --network shop --ip 10.77.0.50 --ip6 fd00:77::99 {IMAGE} /bin/serve"
    wishes: list[dict[str, Any]] = [
        {"name": "web", "ipv4_address": "10.77.0.50"},
        {"name": "db", "aliases": ["data"]},
        {"name": "hub"},
    ]
    said = while_connecting(host, [shop(wishes)], 2, late)
    assert said.startswith("True network shop and its containers were restored: Address already in use"), said
    assert {name: endpoints(host, name) for name in RUNNING} == before
    assert in_bridge(host, "web", "shop") == set(before["web"]["shop"][0])
    assert {name: macs(host, name) for name in RUNNING} == own
    assert in_bridge(host, "late", "shop") == {"10.77.0.50", "fd00:77::99"}
    assert alive(host) == living

    # A network that was to be made is not there then; and where all goes well, the default route goes by it.
    host.docker("rm", "--force", "late")
    new = {"name": "new", "subnets": [{"subnet": "10.79.0.0/24"}]}
    late = f"docker run -d --name late --network new --ip 10.79.0.50 {IMAGE} /bin/serve"
    said = while_connecting(host, [{**new, "connected": [{"name": "hub", "ipv4_address": "10.79.0.50"}]}], 1, late)
    assert "network new could not be removed again" in said
    assert {name: endpoints(host, name) for name in RUNNING} == before
    host.docker("rm", "--force", "late")
    host.docker("network", "rm", "new")
    done = run(host, [{**new, "connected": [{"name": "hub", "ipv4_address": "10.79.0.50"}, {"name": "web"}]}])
    assert outcomes(done) == {"new": "created"}, done
    # Of networks alike, the one goes first whose name does.
    assert done["disruptions"] == [
        {"kind": "container", "name": "hub", "how": "its default route uses network new, and no longer office"}
    ]
    assert [default_route(host, name) for name in ("hub", "web")] == ["10.79.0.1", "10.77.0.1"]
    assert in_bridge(host, "hub", "new") == {"10.79.0.50"}
    assert alive(host) == living
