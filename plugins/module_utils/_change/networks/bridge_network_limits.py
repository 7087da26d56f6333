# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Wishes that contradict each other, or that this engine or host cannot fulfil: found before anything is made. Pure."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.bridge_network_wish import NetworkWish
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_start import rule_making
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Engine
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine_releases import capabilities_of
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Route
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import ICC
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.sysctls import sysctl_key

# The release that brought each gateway mode to both families; nat is what older engines do anyway.
_MODE_SINCE = {"nat": (0, 0), "routed": (27, 0), "nat-unprotected": (28, 0), "isolated": (28, 0)}
_MODES_SINCE = (27, 0)
_TRUSTED_SINCE = (28, 2)
# From here on the engine has IPv6 pools of its own (unique local addresses).
_IPV6_POOLS_SINCE = (27, 0)
_ADVERTISED = 9  # RTPROT_RA, linux/rtnetlink.h


def check_list(wishes: list[NetworkWish]) -> None:
    """Refuse networks of one list that are in each other's way."""
    for first, second in combinations(wishes, 2):
        if first.name == second.name:
            raise Refusal(f"nothing was changed: {second.place}.name: {second.name!r} stands at {first.place} already")
    present = [wish for wish in wishes if wish.present]
    for first, second in combinations(present, 2):
        if first.bridge_name is not None and first.bridge_name == second.bridge_name:
            raise Refusal(
                f"nothing was changed: {second.place}.bridge_name: {second.bridge_name!r} is the bridge of "
                f"{first.place} already"
            )
        for mine in first.subnets:
            for at, theirs in enumerate(second.subnets):
                if mine.subnet.overlaps(theirs.subnet):
                    raise Refusal(
                        f"nothing was changed: {second.place}.subnets[{at}].subnet: {theirs.subnet} overlaps with "
                        f"{mine.subnet} of {first.place} ({first.name})"
                    )


def check_engine(wish: NetworkWish, engine: Engine) -> None:
    """Refuse what came with a later engine."""
    for version, mode in wish.gateway_modes.items():
        if engine.release < _MODE_SINCE[mode]:
            raise _too_old(f"{wish.place}.gateway_mode_ipv{version}", mode, _MODE_SINCE[mode], engine)
    if wish.trusted_interfaces and engine.release < _TRUSTED_SINCE:
        raise _too_old(f"{wish.place}.trusted_interfaces", ", ".join(wish.trusted_interfaces), _TRUSTED_SINCE, engine)


def for_engine(wish: NetworkWish, engine: Engine) -> NetworkWish:
    """The wish without what an older engine does in any case and has no option for."""
    if engine.release >= _MODES_SINCE:
        return wish
    # check_engine() has let nothing but nat through.
    return NetworkWish(**{**vars(wish), "gateway_modes": {}})


def check_new(
    wish: NetworkWish, body: dict[str, Any], snapshot: HostSnapshot, engine: Engine, *, bridge_netfilter: bool
) -> None:
    """Refuse a network that would be made (with body) and not work, or whose making would hurt the host."""
    if body.get("EnableIPv6") and not _has_ipv6_subnet(body) and engine.release < _IPV6_POOLS_SINCE:
        raise Refusal(
            f"nothing was changed: {wish.place}.ipv6: Docker Engine {engine.version} has no IPv6 pools of its own, as "
            "27.0 and later have; name an IPv6 subnet in subnets, or an IPv6 base in pools"
        )
    if body["Options"].get(ICC) == "false" and not bridge_netfilter:
        raise Refusal(
            f"nothing was changed: {wish.place}.icc: false needs the kernel module br_netfilter, which is neither "
            "loaded nor there to be loaded: without it no rule sees what passes between two ports of a bridge"
        )
    _check_interface(wish, snapshot)
    if not body["Internal"]:
        _check_forwarding(wish, snapshot, engine)
    if body.get("EnableIPv6"):
        _check_advertised(wish, snapshot)


def ipv6_warnings(name: str, body: dict[str, Any], snapshot: HostSnapshot) -> list[str]:
    """What an IPv6 network does to the host besides, and what does not protect it."""
    if not body.get("EnableIPv6"):
        return []
    found = []
    if snapshot.sysctls.get("net.ipv6.conf.all.forwarding") == "0":
        found.append(
            f"IPv6 forwarding is off: while dockerd makes {name}, it turns it on and may set the policy of the IPv6 "
            "FORWARD chain to DROP"
        )
    if rule_making(snapshot, 6).value is False:
        found.append(
            f"dockerd makes no rules for IPv6 on this host (ip6tables), so the containers on {name} will be reached by "
            "whoever can route to them, and have no masquerading"
        )
    return found


def _has_ipv6_subnet(body: dict[str, Any]) -> bool:
    return any(":" in config["Subnet"] for config in body["IPAM"]["Config"])


def _too_old(place: str, value: str, since: tuple[int, int], engine: Engine) -> Refusal:
    return Refusal(
        f"nothing was changed: {place}: {value!r} came with Docker Engine {since[0]}.{since[1]}, and this host has "
        f"{engine.version}"
    )


def _check_interface(wish: NetworkWish, snapshot: HostSnapshot) -> None:
    if wish.bridge_name is None:
        return
    owner = next((item.name for item in snapshot.networks if item.bridge == wish.bridge_name), None)
    if owner is not None:
        raise Refusal(
            f"nothing was changed: {wish.place}.bridge_name: {wish.bridge_name!r} is the bridge of the network {owner}"
        )
    link = next((item for item in snapshot.links if item.name == wish.bridge_name), None)
    if link is not None:
        raise Refusal(
            f"nothing was changed: {wish.place}.bridge_name: the host has an interface {link.name!r} "
            f"({link.kind or 'a device'}) that is no bridge of Docker's, and dockerd would take it over"
        )


def _check_forwarding(wish: NetworkWish, snapshot: HostSnapshot, engine: Engine) -> None:
    """Up to 27 the network would lead nowhere; from 28 on dockerd turns forwarding on (moby, setup_ip_forwarding.go).

    It then also sets the policy of FORWARD to DROP, which can cut off virtual machines on bridges even where nothing
    was routed before. ip_forward looks for those.
    """
    if snapshot.sysctls.get("net.ipv4.ip_forward") != "0":
        return
    if capabilities_of(engine).forwards_for_networks:
        harm = (
            "would turn it on while it makes the network, and set the policy of the FORWARD chain to DROP for everyone"
        )
    else:
        harm = "turns it on at its start only, so the network would lead nowhere"
    raise Refusal(
        f"nothing was changed: {wish.place} ({wish.name}): IPv4 forwarding is off (net.ipv4.ip_forward is 0), and "
        f"dockerd {engine.version} {harm}. Run the module ip_forward first, or make the network internal"
    )


def _check_advertised(wish: NetworkWish, snapshot: HostSnapshot) -> None:
    """The kernel drops what router advertisements gave it when it begins to forward (ip-sysctl, accept_ra)."""
    if snapshot.sysctls.get("net.ipv6.conf.all.forwarding") != "0":
        return
    names = {link.index: link.name for link in snapshot.links}
    lost = sorted(
        {name for route in snapshot.routes for name in _advertised(route, names) if _gives_up(snapshot, name)}
    )
    if lost:
        raise Refusal(
            f"nothing was changed: {wish.place} ({wish.name}): IPv6 forwarding is off, dockerd turns it on for an IPv6 "
            f"network, and the host would lose the routes that router advertisements gave it on {', '.join(lost)}. "
            "Run the module ip_forward with families: [ipv6] and router_advertisements: keep first"
        )


def _advertised(route: Route, names: dict[int, str]) -> list[str]:
    return [names.get(index, str(index)) for index in route.interfaces] if route.protocol == _ADVERTISED else []


def _gives_up(snapshot: HostSnapshot, name: str) -> bool:
    return snapshot.sysctls.get(sysctl_key(6, name, "accept_ra")) != "2"
