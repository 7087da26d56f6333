# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether the kernel forwards the IPv6 packets of containers.

For IPv6 one setting decides for all interfaces: net.ipv6.conf.all.forwarding (ip6_forward() of net/ipv6/ip6_output.c).
The settings of single interfaces only say whether the host behaves as a router there, towards router advertisements
say (Documentation/networking/ip-sysctl.rst); they are shown, and not judged.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import HIGH, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ENGINE, LINKS, SYSCTL
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

_KNOB = "net.ipv6.conf.all.forwarding"


def _judge(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    resource = resources.host(snapshot)
    networks = outward_networks(snapshot, 6)
    if not networks:
        return [not_applicable(resource, "There is no bridge network that leads outside by IPv6")]
    value = snapshot.sysctls.get(_KNOB)
    if value is None:
        return [unknown(resource, f"the kernel shows no {_KNOB}")]
    interfaces = [link.name for link in outer_links(snapshot, 6)] + [network.bridge or "" for network in networks]
    keys = [_KNOB, *(sysctl_key(6, name, "forwarding") for name in interfaces)]
    evidence: dict[str, Any] = {key: snapshot.sysctls[key] for key in keys if key in snapshot.sysctls}
    names = ", ".join(network.name for network in networks)
    if value != "0":
        return [passed(resource, f"The kernel forwards IPv6, for {names}", evidence)]
    impact = (
        "The kernel drops the IPv6 packets that containers send beyond this host, and those from outside for a "
        "published port. What tries IPv6 first waits for a time-out before it tries IPv4."
    )
    args: dict[str, Any] = {"state": "present", "families": ["ipv6"]}
    remedy = Remedy("Turn IPv6 forwarding on, now and for the next boot", "ip_forward", args)
    return [failed(resource, f"{_KNOB} is 0: the kernel forwards no IPv6, for {names}", evidence, impact, remedy)]


IPV6 = Check(
    id="forwarding.ipv6",
    severity=HIGH,
    title="The kernel forwards IPv6 where networks have it",
    rationale=(
        "A network with IPv6 subnets is no use beyond the host while the kernel does not forward IPv6. dockerd turns "
        "it on for such a network once; whoever turns it off later is not noticed."
    ),
    needs=(ENGINE, LINKS, SYSCTL),
    judge=_judge,
    mended_by=("ip_forward",),
)
