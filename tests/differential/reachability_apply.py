"""Brings lab hosts into the state that reachability_hosts.py draws."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.differential.reachability_engines import NFTABLES
from tests.differential.reachability_hosts import CLOSED, HOST_PORT, INNER_TCP, INNER_UDP, HostCase
from tests.differential.reachability_names import Names
from tests.differential.reachability_steps import steps
from tests.lab.breaks import DAEMON_JSON
from tests.lab.host import Host
from tests.lab.scenario import Scenario, Workload

FORWARDING = ("ipv4.ip_forward", "ipv6.conf.all.forwarding", "ipv6.conf.default.forwarding")


def apply(case: HostCase, host: Host, outside: tuple[str, str]) -> None:
    """Bring a host that was reset into this state. Raises CommandError when the daemon or a program refuses it.

    `outside`: both addresses of the outside machine.
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
    host.write(DAEMON_JSON, json.dumps(case.daemon))
    host.restart_docker()
    containers = [_at_home(container, host) for container in case.scenario.containers]
    networks = [replace(network, options=_at_host(network.options, host)) for network in case.scenario.networks]
    host.deploy(Scenario(networks, containers))
    case.steps = steps(case, _names(host, case, outside))
    for dummy, script in case.steps:
        host.run(["sh", "-s"], stdin=script, check=False)


def _at_home(container: Workload, host: Host) -> Workload:
    """The container with its host's address where the drawing says HOST."""
    publish = [binding.replace("HOST", host.address) for binding in container.publish]
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
    host.run(["apt-get", "install", "--yes", "--no-install-recommends", package], timeout=180)
    host.run(["sh", "-s"], stdin=UFW if package == "ufw" else FIREWALLD, timeout=120)


def _names(host: Host, case: HostCase, outside: tuple[str, str]) -> dict[int, Names]:
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
        found[family] = Names(family, own, bridges, addresses, at_host, outside[family == 6], ports)
    return found


def _ends(entry: Mapping[str, Any]) -> list[dict[str, str]]:
    return list(entry["NetworkSettings"]["Networks"].values())


def _bridge(network: Mapping[str, Any]) -> str:
    options: Mapping[str, str] = network["Options"] or {}
    return options.get("com.docker.network.bridge.name") or f"br-{network['Id'][:12]}"
