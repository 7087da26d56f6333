# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether the kernel forwards the IPv4 packets of containers.

It asks the interface that a packet comes in by (IN_DEV_FORWARD in ip_route_input_slow() of net/ipv4/route.c), so every
such interface is judged; ``default`` is what the bridge of the next network begins with.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import HIGH, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    ENGINE,
    LINKS,
    SYSCTL,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.sysctls import sysctl_key
from ansible_collections.dockernet.baseline.plugins.module_utils._model.uplinks import outer_links
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    Check,
    Verdict,
    failed,
    not_applicable,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.outward_networks import outward_networks

_KNOB = "net.ipv4.ip_forward"
_NEXT = "default"
_CUT_OFF = (
    "The kernel drops what containers send beyond this host, and what comes from outside for a published port: "
    "containers reach nothing but the host and their own network, and nobody on other machines reaches them."
)


def _judge(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    networks = outward_networks(snapshot, 4)
    if not networks:
        return [not_applicable(resources.host(snapshot), "There is no bridge network that leads outside by IPv4")]
    present = {link.name for link in snapshot.links}
    bridges = {network.bridge or "": network.name for network in networks if network.bridge in present}
    uplinks = [link.name for link in outer_links(snapshot, 4)]
    keys = {name: sysctl_key(4, name, "forwarding") for name in [*uplinks, *bridges]}
    read = {key: snapshot.sysctls[key] for key in [_KNOB, *keys.values()] if key in snapshot.sysctls}
    unread = [key for key in [_KNOB, *keys.values()] if key not in read]
    if unread:
        return [unknown(resources.host(snapshot), f"the kernel shows no {', '.join(unread)}", read)]
    closed = [name for name, key in keys.items() if read[key] == "0"]
    if closed and read[_KNOB] == "0":
        return [_closed_host(snapshot, closed, read)]
    found = [_closed_interface(name, keys[name], bridges.get(name)) for name in closed]
    if snapshot.sysctls.get(sysctl_key(4, _NEXT, "forwarding")) == "0" and read[_KNOB] != "0":
        found.append(_closed_default())
    names = ", ".join(keys) or "no interface so far"
    return found or [passed(resources.host(snapshot), f"The kernel forwards IPv4 on {names}", read)]


def _closed_host(snapshot: HostSnapshot, closed: list[str], read: dict[str, Any]) -> Verdict:
    summary = f"{_KNOB} is 0: the kernel forwards no IPv4 from {', '.join(closed)}"
    return failed(resources.host(snapshot), summary, read, _CUT_OFF, _remedy())


def _closed_interface(name: str, key: str, network: str | None) -> Verdict:
    resource = resources.interface(name)
    summary = f"The kernel forwards nothing that comes in by {name}, though {_KNOB} is 1"
    evidence = {_KNOB: "1", key: "0"}
    if network is not None:
        impact = f"Containers of network {network} reach nothing but the host and each other."
        return failed(resource, f"{summary} (bridge of network {network})", evidence, impact, _remedy())
    impact = (
        f"Published ports cannot be reached through {name}, and containers get no answers through it. If nothing of "
        "theirs should pass there, leave it so."
    )
    remedy = Remedy(f"A human decides. To open it: module ip_forward with interfaces: [{name}]")
    return failed(resource, summary, evidence, impact, remedy)


def _closed_default() -> Verdict:
    key = sysctl_key(4, _NEXT, "forwarding")
    summary = f"{key} is 0, though {_KNOB} is 1: the bridge of the next network will not forward"
    impact = (
        "Networks that exist are not concerned. Containers of a network that is made from now on reach nothing but "
        "the host and each other, until somebody opens its bridge."
    )
    return failed(resources.interface(_NEXT), summary, {_KNOB: "1", key: "0"}, impact, _remedy())


def _remedy() -> Remedy:
    args: dict[str, Any] = {"state": "present", "families": ["ipv4"]}
    return Remedy("Turn IPv4 forwarding on, now and for the next boot", "ip_forward", args)


IPV4 = Check(
    id="forwarding.ipv4",
    severity=HIGH,
    title="The kernel forwards IPv4 wherever packets of containers come in",
    rationale=(
        "A container's way out and the way in to a published port both lead through the host's routing. The kernel "
        "decides by the interface a packet comes in by, so ip_forward alone does not tell."
    ),
    needs=(ENGINE, LINKS, SYSCTL),
    judge=_judge,
    mended_by=("ip_forward",),
)
