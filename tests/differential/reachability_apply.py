"""Brings lab hosts into the state that reachability_hosts.py draws."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

from tests.differential.far_machine import DEVICE, LINK_LOCAL
from tests.differential.reachability_bridges import arp_off, bridge_settings
from tests.differential.reachability_engines import NFTABLES
from tests.differential.reachability_frames import frame_rules, ipsec_policies
from tests.differential.reachability_hosts import CLOSED, HOST_PORT, INNER_TCP, INNER_UDP, HostCase
from tests.differential.reachability_interleaved import interleaved
from tests.differential.reachability_machines import loopback_addresses
from tests.differential.reachability_names import Bridge, Names
from tests.differential.reachability_neighbours import Draw, End, ends_of, fixed_entries
from tests.differential.reachability_on_top import rules_on_top
from tests.differential.reachability_probes import Outsider
from tests.differential.reachability_sets import drawn_set
from tests.differential.reachability_steps import steps
from tests.differential.reachability_traffic_control import traffic_control
from tests.lab.breaks import DAEMON_JSON
from tests.lab.host import Host
from tests.lab.kinds import GATEWAY
from tests.lab.proc import run
from tests.lab.scenario import Scenario, Workload

FORWARDING = ("ipv4.ip_forward", "ipv6.conf.all.forwarding", "ipv6.conf.default.forwarding")


@contextmanager
def further_addresses(host: Host, devices: Sequence[str]) -> Iterator[list[str]]:
    """Give devices of the host a second address of each family for as long as the block lasts."""
    given = [(address, device) for device in devices for address in _further(host, device)]
    try:
        for address, device in given:
            host.run(["ip", "address", "add", address, "dev", device, *(["nodad"] if ":" in address else [])])
        yield [address.partition("/")[0] for address, dummy in given]
    finally:
        for address, device in given:
            host.run(["ip", "address", "delete", address, "dev", device], check=False)


def apply(case: HostCase, host: Host, outsiders: Sequence[Outsider], own: Sequence[str]) -> None:
    """Bring a host that was reset into this state. Raises CommandError when the daemon or a program refuses it.

    own: addresses that it was given before, see further_addresses().
    """
    if case.legacy:
        _take_legacy(host)
    if case.backend == NFTABLES:
        # With this backend dockerd does not switch forwarding on, and does not start without it.
        host.run(["sysctl", "-w", *(f"net.{key}=1" for key in FORWARDING)])
    if case.forgets:
        _forget_rules(host)
    if case.firewall:
        _install(host, case.firewall)
    # An engine's own files can name a backend (see tests/lab/README.md), which gives way to the one that is drawn.
    host.run(["sed", "--in-place", "s/--firewall-backend=[a-z]*//", "/etc/default/docker"])
    host.write(DAEMON_JSON, json.dumps(case.daemon))
    host.restart_docker()
    other = next((address for address in own if ":" not in address), host.address)
    containers = [_at_home(container, host, other) for container in case.scenario.containers]
    networks = [replace(network, options=_at_host(network.options, host)) for network in case.scenario.networks]
    host.deploy(Scenario(networks, containers))
    names = _names(host, case, outsiders, own)
    if not case.is_alone:
        case.steps = _on_top(case, names, _ends_on_bridges(host, case))
    if case.is_interleaved:
        drawn = interleaved(Draw(f"interleaved/{case.seed}/{case.number}"), names)
        case.steps = [*case.steps, *drawn.steps]
        for name, text in drawn.sets:
            _make_set(host, name, text)
    for dummy, script in case.steps:
        host.run(["sh", "-s"], stdin=script, check=False)
    for family in [] if case.is_alone else case.sets:
        _use_set(case, host, names[family])


def _on_top(case: HostCase, names: dict[int, Names], ends: list[End]) -> list[tuple[str, str]]:
    return [
        *steps(case, names),
        *rules_on_top(Draw(f"on top/{case.seed}/{case.number}"), names),
        *arp_off(Draw(f"arp/{case.seed}/{case.number}"), ends),
        *fixed_entries(Draw(f"neighbours/{case.seed}/{case.number}"), ends),
        *bridge_settings(Draw(f"bridges/{case.seed}/{case.number}"), ends),
        *traffic_control(Draw(f"traffic control/{case.seed}/{case.number}"), ends),
        *frame_rules(Draw(f"frames/{case.seed}/{case.number}"), ends, names),
        *ipsec_policies(Draw(f"ipsec/{case.seed}/{case.number}"), names),
    ]


def _use_set(case: HostCase, host: Host, names: Names) -> None:
    text, rule = drawn_set(case.draw, names)
    case.steps.append((f"{rule} ({text.strip()})", f"{rule}\n"))
    _make_set(host, f"mine{names.family}", text)
    host.run(["sh", "-c", rule], check=False)


def _make_set(host: Host, name: str, text: str) -> None:
    """Hosts have no ipset of their own, and keep their sets when they are reset."""
    run(["nsenter", f"--net={host.path}", "--", "ipset", "destroy", name], check=False)
    run(["nsenter", f"--net={host.path}", "--", "ipset", "restore"], stdin=text)


def _further(host: Host, device: str) -> tuple[str, str]:
    """A second address of each family for a device, with its prefix length."""
    place = host.host_name.place
    return {
        "eth0": (host.subnet.on_link(place + 100)[0], f"{host.subnet.ipv6(1)}:{place}/64"),
        "eth1": (f"198.19.{place}.7/24", f"2001:db8:2ab:{place}::7/64"),
        "lo": loopback_addresses(place),
    }[device]


def _at_home(container: Workload, host: Host, other: str) -> Workload:
    """The container with its host's address where the drawing says HOST, and a further one where it says OTHER."""
    publish = [binding.replace("HOST", host.address).replace("OTHER", other) for binding in container.publish]
    return Workload(container.name, container.networks, container.network_mode, publish, serve=container.serve)


def _at_host(options: Mapping[str, str], host: Host) -> dict[str, str]:
    return {name: host.address if value == "HOST" else value for name, value in options.items()}


def _forget_rules(host: Host) -> None:
    host.run(["systemctl", "stop", "docker.socket", "docker.service"])
    host.run(["nft", "flush", "ruleset"])


def _take_legacy(host: Host) -> None:
    _forget_rules(host)
    for name in ("iptables", "ip6tables"):
        host.run(["update-alternatives", "--set", name, f"/usr/sbin/{name}-legacy"])


UFW = """
ufw default deny incoming
ufw allow 22/tcp
ufw deny 8080
ufw deny 8081/tcp
ufw reject 7000/tcp
ufw --force enable
"""
FIREWALLD = """
systemctl start firewalld
firewall-cmd --zone=public --change-interface=eth0
firewall-cmd --zone=public --add-rich-rule='rule family=ipv4 port port=8080 protocol=tcp reject'
firewall-cmd --zone=public --add-rich-rule='rule family=ipv4 source address=192.0.2.0/24 drop'
firewall-cmd --zone=public --add-port=7000/udp
"""


def _install(host: Host, package: str) -> None:
    host.run(["apt-get", "install", "--yes", "--no-install-recommends", package])
    host.run(["sh", "-s"], stdin=UFW if package == "ufw" else FIREWALLD)


def _names(host: Host, case: HostCase, outsiders: Sequence[Outsider], further: Sequence[str]) -> dict[int, Names]:
    """What rules can be about, for each family."""
    networks = json.loads(host.docker("network", "inspect", *host.docker("network", "ls", "--quiet").out.split()).out)
    names = [container.name for container in case.scenario.containers]
    ends = [end for entry in json.loads(host.docker("inspect", *names).out) for end in _ends(entry)]
    bridges = [_bridge(network) for network in networks if network["Driver"] == "bridge"]
    subnets = [pool["Subnet"] for network in networks for pool in network["IPAM"]["Config"] or ()]
    ports = [INNER_TCP, CLOSED, INNER_UDP, HOST_PORT]
    ports += [
        int(binding.split("/")[0].split(":")[-2]) for made in case.scenario.containers for binding in made.publish
    ]
    found = {}
    for family, key in ((4, "IPAddress"), (6, "GlobalIPv6Address")):
        addresses = [end[key] for end in ends if end.get(key)]
        own = [subnet for subnet in subnets if (":" in subnet) == (family == 6)]
        at_host = host.address if family == 4 else host.address6
        near, *others = [outsider.addresses[family == 6] for outsider in outsiders]
        gateway = host.subnet.ipv4(GATEWAY) if family == 4 else host.subnet.ipv6(GATEWAY)
        uplinks = [(outsiders[0].uplink, gateway), *zip([outsider.uplink for outsider in outsiders[1:]], others)]
        if others and family == 6:
            uplinks.append((DEVICE, LINK_LOCAL))
        second = [address for address in further if (":" in address) == (family == 6)]
        links = [
            Bridge(_bridge(network), pool["Subnet"], str(next(ip_network(pool["Subnet"]).hosts())))
            for network in networks
            for pool in network["IPAM"]["Config"] or ()
            if network["Driver"] == "bridge" and pool["Subnet"] in own
        ]
        found[family] = Names(family, own, bridges, addresses, at_host, near, ports, uplinks, second, others, links)
    return found


def _ends_on_bridges(host: Host, case: HostCase) -> list[End]:
    networks = json.loads(host.docker("network", "inspect", *host.docker("network", "ls", "--quiet").out.split()).out)
    bridges = {network["Id"]: _bridge(network) for network in networks if network["Driver"] == "bridge"}
    return ends_of(host, [container.name for container in case.scenario.containers], bridges)


def _ends(entry: Mapping[str, Any]) -> list[dict[str, str]]:
    return list(entry["NetworkSettings"]["Networks"].values())


def _bridge(network: Mapping[str, Any]) -> str:
    options: Mapping[str, str] = network["Options"] or {}
    return options.get("com.docker.network.bridge.name") or f"br-{network['Id'][:12]}"
