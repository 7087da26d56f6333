# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A recorded host made again of network namespaces: its bridges, containers, sysctls and ruleset, without its engine.

So packets can pass rules of an engine that nobody can install here. IPv6 is made of the recorded IPv4: each address
a.b.c.d stands for fd88:a:b:c::d as well, and each rule for one of family ip6 like it. A machine outside sends what has
its mark to the host, whatever it asks for, and knows no way back to containers.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from ipaddress import IPv4Address, ip_interface
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import run_command
from ansible_collections.dockernet.baseline.plugins.module_utils._host.container_namespaces import (
    read_container_namespaces,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.links import read_links
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import with_namespaces
from ansible_collections.dockernet.baseline.plugins.module_utils._host.routes import read_policy_rules, read_routes
from ansible_collections.dockernet.baseline.plugins.module_utils._host.ruleset import read_ruleset
from ansible_collections.dockernet.baseline.plugins.module_utils._host.socket_owners import read_listeners
from ansible_collections.dockernet.baseline.plugins.module_utils._host.sysctls import read_sysctls
from ansible_collections.dockernet.baseline.plugins.module_utils._model import snapshot as model
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import ContainerNamespace

from tests.differential.namespaces import answer_soon, inside, new_namespace
from tests.differential.rules_lab import set_sysctl
from tests.differential.rules_snapshot import READ
from tests.lab.proc import run, wait_for

UPLINK, MARK = "eth0", 0x77
_NETLINK_NETFILTER, _DELETE_CONNECTIONS, _REQUEST, _ACKNOWLEDGE = 12, 0x102, 1, 4
_QUIET = {
    "net.ipv4.conf.all.rp_filter": "0",
    "net.ipv4.conf.default.rp_filter": "0",
    "net.ipv6.conf.all.accept_dad": "0",
    "net.ipv6.conf.default.accept_dad": "0",
    "net.ipv6.conf.all.disable_ipv6": "0",
    "net.ipv6.conf.default.disable_ipv6": "0",
}
_FORWARDING6 = ("net.ipv6.conf.all.forwarding", "net.ipv6.conf.default.forwarding")


def six(text: str) -> str:
    """The address of IPv6 that stands for one of IPv4."""
    *head, last = str(IPv4Address(text)).split(".")
    return "::1" if head[0] == "127" else f"fd88:{':'.join(head)}::{last}"


class RecordedLab:
    """The namespaces of a recorded host; gone with the block that it is made in."""

    def __init__(self, recorded: model.HostSnapshot, paths: dict[str, str], pids: dict[str, int]) -> None:
        self.recorded = recorded
        self.paths = paths
        """Of the namespaces: ``host``, ``outside``, and the containers by their names."""
        self.pids = pids
        (own,) = (link for link in recorded.links if link.name == UPLINK)
        uplink = ip_interface(own.addresses[0])
        self.address = str(uplink.ip)
        self.outside = str(next(item for item in uplink.network.hosts() if item != uplink.ip))

    def read(self) -> model.HostSnapshot:
        """By the collection's own readers; what only the engine knows is as it was recorded."""
        with inside(self.paths["host"]):
            links = read_links()
            own = [process for process in [procfs.read_process(os.getpid())] if process]
            known = [replace(item, pid=self.pids[item.name]) for item in _plugged(self.recorded)]
            containers = with_namespaces(known)
            return replace(
                self.recorded,
                sources={name: model.Source(True) for name in READ},
                daemon=None,
                containers=containers,
                links=links,
                routes=read_routes(),
                policy_rules=read_policy_rules(),
                listeners=read_listeners({link.index: link.name for link in links}, lambda: own),
                container_namespaces=read_container_namespaces(containers).namespaces,
                sysctls=read_sysctls(),
                proxies=[],
                ruleset=read_ruleset(run_command),
            )

    def forget(self) -> None:
        """Connections, and whom everybody knows as neighbours."""
        for path in self.paths.values():
            with inside(path):
                run(["ip", "-4", "neighbour", "flush", "all"])
                run(["ip", "-6", "neighbour", "flush", "all"])
        with inside(self.paths["host"]):
            _flush_connections()

    def load(self) -> None:
        """The recorded rules alone."""
        listed = json.loads(str(self.recorded.ruleset and self.recorded.ruleset.nft_json))["nftables"]
        own = [item for item in listed if "metainfo" not in item and _family(item) == "ip"]
        with inside(self.paths["host"]):
            run(["nft", "flush", "ruleset"])
            for rules in (own, [_as_six(item) for item in own]):
                run(["nft", "-j", "-f", "-"], stdin=json.dumps({"nftables": rules}))

    def plug(self) -> None:
        """Links, addresses, routes, sysctls."""
        host = self.paths["host"]
        for path in self.paths.values():
            with inside(path):
                for key, value in _QUIET.items():
                    set_sysctl(key, value)
                run(["ip", "link", "set", "lo", "up"])
        with inside(host):
            for link in self.recorded.links:
                if link.kind == "bridge":
                    run(["ip", "link", "add", link.name, "address", link.mac, "type", "bridge"])
                    _give(link.name, link.addresses)
        for container, space in _spaces(self.recorded):
            self._plug_container(container, space)
        self._plug_outside()
        with inside(host):
            for key, value in self.recorded.sysctls.items():
                if key.startswith(("net.ipv4.", "net.bridge.")):
                    set_sysctl(key, value)
            for key in _FORWARDING6:
                set_sysctl(key, "1")
        for path in self.paths.values():
            answer_soon(path)
            with inside(path):
                wait_for(_settled, 120, "the addresses of a namespace")

    def _plug_container(self, name: str, space: ContainerNamespace) -> None:
        nsid = next(item.nsid for item in self.recorded.containers if item.name == name)
        names = {link.index: link.name for link in self.recorded.links}
        for link in space.links:
            ends = (item for item in self.recorded.links if (item.peer_nsid, item.peer_index) == (nsid, link.index))
            port = next(ends, None)
            if port is None:
                continue
            with inside(self.paths["host"]):
                peer = ["peer", "name", link.name, "netns", str(self.pids[name])]
                run(["ip", "link", "add", port.name, "type", "veth", *peer])
                run(["ip", "link", "set", port.name, "master", names[port.master or 0], "up"])
                if port.hairpin:
                    run(["bridge", "link", "set", "dev", port.name, "hairpin", "on"])
            with inside(self.paths[name]):
                _give(link.name, link.addresses)
        for route in space.routes:
            for gateway in route.gateways:
                with inside(self.paths[name]):
                    run(["ip", "route", "add", "default", "via", gateway])
                    run(["ip", "route", "add", "default", "via", six(gateway)])

    def _plug_outside(self) -> None:
        (own,) = (link for link in self.recorded.links if link.name == UPLINK)
        length = own.addresses[0].partition("/")[2]
        with inside(self.paths["host"]):
            peer = ["peer", "name", UPLINK, "netns", str(self.pids["outside"])]
            run(["ip", "link", "add", UPLINK, "type", "veth", *peer])
            _give(UPLINK, own.addresses)
            for gateway in (self.outside, six(self.outside)):
                run(["ip", "route", "add", "default", "via", gateway])
        with inside(self.paths["outside"]):
            _give(UPLINK, [f"{self.outside}/{length}"])
            for family, gateway in (("-4", self.address), ("-6", six(self.address))):
                run(["ip", family, "rule", "add", "fwmark", str(MARK), "lookup", "200"])
                run(["ip", family, "route", "add", "default", "via", gateway, "table", "200"])


@contextmanager
def recorded_lab(recorded: model.HostSnapshot) -> Iterator[RecordedLab]:
    """Make a recorded host again, with its rules."""
    names = ["host", "outside", *(name for name, dummy in _spaces(recorded))]
    with ExitStack() as stack:
        paths = {name: stack.enter_context(new_namespace()) for name in names}
        pids = {name: stack.enter_context(_keeper(path)) for name, path in paths.items()}
        lab = RecordedLab(recorded, paths, pids)
        lab.plug()
        lab.load()
        yield lab


@contextmanager
def _keeper(path: str) -> Iterator[int]:
    """A process in a namespace, as a container has one."""
    with inside(path):
        # It ends with its input, that is with this process, however that ends.
        keeper = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        yield keeper.pid
    finally:
        keeper.communicate()


def _plugged(recorded: model.HostSnapshot) -> list[Any]:
    """The containers that are on bridges themselves."""
    return [item for item in recorded.containers if any(end.address for end in item.endpoints)]


def _spaces(recorded: model.HostSnapshot) -> list[tuple[str, ContainerNamespace]]:
    by_inode = {space.inode: space for space in recorded.container_namespaces}
    return [(item.name, by_inode[item.netns or 0]) for item in _plugged(recorded)]


def _give(device: str, addresses: list[str]) -> None:
    run(["ip", "link", "set", device, "up"])
    for text in addresses:
        if ":" not in text:
            run(["ip", "address", "add", text, "dev", device])
            own = six(text.partition("/")[0])
            run(["ip", "address", "add", f"{own}/64", "dev", device, "nodad"])


def _flush_connections() -> None:
    """Of the namespace that this thread is in: a deletion that names none (nfnetlink_conntrack)."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as link:
        link.send(struct.pack("=IHHIIBBH", 20, _DELETE_CONNECTIONS, _REQUEST | _ACKNOWLEDGE, 1, 0, 0, 0, 0))
        link.recv(4096)


def _settled() -> bool:
    return not run(["ip", "-6", "address", "show", "tentative"]).out.strip()


def _family(item: dict[str, Any]) -> str:
    (entry,) = item.values()
    return str(entry["family"])


def _as_six(value: Any) -> Any:
    """The same for IPv6."""
    if isinstance(value, list):
        return [_as_six(item) for item in value]
    if isinstance(value, dict):
        if set(value) == {"addr", "len"}:
            return {"addr": six(value["addr"]), "len": 64}
        return {key: _as_six(item) for key, item in value.items()}
    if value == "ip":
        return "ip6"
    try:
        return six(value) if isinstance(value, str) and value.count(".") == 3 else value
    except ValueError:
        return value
