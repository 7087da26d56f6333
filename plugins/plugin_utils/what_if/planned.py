# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What the role harden plans, applied on paper: by module, with the options that it is to run with. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import sysctl_key
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import KEY, proxy_in_force
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import docker_bridges
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.repair_plan import (
    BRIDGE_HAIRPIN,
    BRIDGE_NETWORK,
    DAEMON_CONFIG,
    IP_FORWARD,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.changes import (
    BadChangeError,
    Change,
    Icc,
    UserlandProxy,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.paper_host import with_changes
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.paper_rules import (
    PaperRules,
    UndeterminedError,
)

_GUARD = "-d 127.0.0.0/8 ! -i lo -m comment --comment dockernet-loopback-guard -j DROP"
"""The rule of bridge_hairpin and userland_proxy, as iptables prints it."""
_NETWORK_KEYS = frozenset(
    (
        *("allow-direct-routing", "bip", "bip6", "bridge", "bridge-accept-fwmark", "default-gateway"),
        *("default-gateway-v6", "firewall-backend", "fixed-cidr", "fixed-cidr-v6", "ip", "ip-forward", "ip-masq"),
        *("ip6tables", "iptables", "ipv6"),
    )
)
"""Keys of daemon.json that change what becomes of packets of containers that run."""

_VERSIONS = {"ipv4": 4, "ipv6": 6}


def with_repairs(snapshot: HostSnapshot, modules: Mapping[str, Mapping[str, Any]]) -> tuple[HostSnapshot, list[str]]:
    """Return the host as the modules would leave it, and what of that cannot be told."""
    unknown: list[str] = []
    for module, options in modules.items():
        for apply in _STEPS.get(module, _no_steps)(options):
            try:
                snapshot = apply(snapshot)
            except (UndeterminedError, BadChangeError) as error:
                unknown.append(f"{module}: {error}")
    return snapshot, unknown


_Step = Callable[[HostSnapshot], HostSnapshot]


def _no_steps(options: Mapping[str, Any]) -> Iterator[_Step]:
    yield from ()


def _forwarding(options: Mapping[str, Any]) -> Iterator[_Step]:
    for family in options.get("families") or ("ipv4",):
        yield partial(_forwards, version=_VERSIONS[family])
        if options.get("forward_policy") == "drop":
            yield partial(_closed, version=_VERSIONS[family])


def _forwards(snapshot: HostSnapshot, version: int) -> HostSnapshot:
    """All interfaces take the setting of the host once it is written (Documentation/networking/ip-sysctl)."""
    names = ["all", "default", *(link.name for link in snapshot.links)]
    keys = {sysctl_key(version, name, "forwarding"): "1" for name in names}
    own = {"net.ipv4.ip_forward": "1"} if version == 4 else {}
    return replace(snapshot, sysctls={**snapshot.sysctls, **keys, **own})


def _closed(snapshot: HostSnapshot, version: int) -> HostSnapshot:
    if snapshot.ruleset is None:
        raise UndeterminedError("the rules of this host were not read")
    rules = PaperRules(snapshot.ruleset, version)
    rules.close("filter", "FORWARD")
    return replace(snapshot, ruleset=rules.written_to(snapshot.ruleset))


def _daemon(options: Mapping[str, Any]) -> Iterator[_Step]:
    config, absent = options.get("config") or {}, options.get("absent") or []
    for key in _NETWORK_KEYS.intersection((*config, *absent)):
        yield partial(_untold, why=f"what {key} in daemon.json changes shows an audit afterwards")
    if options.get("restart"):
        yield partial(_untold, why="a restart brings into force what dockerd has not read yet: see daemon.pending")
    if "icc" in config or "icc" in absent:
        yield partial(_default_icc, enabled=config.get("icc", True))
    if KEY in config or KEY in absent:
        yield partial(_switched, enabled=config.get(KEY, True))


def _untold(snapshot: HostSnapshot, why: str) -> HostSnapshot:
    raise UndeterminedError(why)


def _applied(snapshot: HostSnapshot, change: Change) -> HostSnapshot:
    return with_changes(snapshot, [change])


def _default_icc(snapshot: HostSnapshot, *, enabled: bool) -> HostSnapshot:
    network = next((item for item in snapshot.networks if item.is_default_bridge), None)
    if network is None or network.icc == enabled:
        return snapshot
    return _applied(snapshot, Icc(network.name, enabled))


def _switched(snapshot: HostSnapshot, *, enabled: bool) -> HostSnapshot:
    if proxy_in_force(snapshot).value == enabled:
        return snapshot
    return _guarded(_applied(snapshot, UserlandProxy(enabled)))


def _hairpin(options: Mapping[str, Any]) -> Iterator[_Step]:
    yield _in_line


def _in_line(snapshot: HostSnapshot) -> HostSnapshot:
    """Ports as the mode of docker-proxy asks for, and the guard of loopback addresses where bridges route them."""
    proxy = proxy_in_force(snapshot)
    if proxy.value is None:
        raise UndeterminedError(f"whether docker-proxy is on is not known: {proxy.evidence}")
    bridges = {link.index for link in snapshot.links if link.name in docker_bridges(snapshot)}
    links = [
        replace(link, hairpin=not proxy.value) if link.master in bridges and link.hairpin is not None else link
        for link in snapshot.links
    ]
    return _guarded(replace(snapshot, links=links))


def _guarded(snapshot: HostSnapshot) -> HostSnapshot:
    """The host with the guard where a bridge of Docker routes loopback addresses, and without it where none does."""
    if snapshot.ruleset is None:
        raise UndeterminedError("the rules of this host were not read")
    routing = [
        bridge
        for bridge in docker_bridges(snapshot)
        if snapshot.sysctls.get(sysctl_key(4, bridge, "route_localnet")) == "1"
    ]
    rules = PaperRules(snapshot.ruleset, 4)
    there = [place for place, text in enumerate(rules.rules("raw", "PREROUTING")) if text == _GUARD]
    if routing and not there:
        rules.insert("raw", "PREROUTING", 0, _GUARD)
    for place in reversed(there if not routing else []):
        rules.remove("raw", "PREROUTING", place)
    return replace(snapshot, ruleset=rules.written_to(snapshot.ruleset))


def _networks(options: Mapping[str, Any]) -> Iterator[_Step]:
    names = [str(item.get("name")) for item in options.get("networks") or ()]
    yield partial(_untold, why=f"what becomes of the networks {', '.join(names)} shows an audit afterwards")


_STEPS: Mapping[str, Callable[[Mapping[str, Any]], Iterator[_Step]]] = {
    IP_FORWARD: _forwarding,
    DAEMON_CONFIG: _daemon,
    BRIDGE_HAIRPIN: _hairpin,
    BRIDGE_NETWORK: _networks,
}
