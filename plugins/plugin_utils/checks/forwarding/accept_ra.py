# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether IPv6 forwarding costs an uplink the route that routers advertise."""

from __future__ import annotations

from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import MEDIUM, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ENGINE, LINKS, ROUTES, SYSCTL
from ansible_collections.dockernet.baseline.plugins.module_utils._model.uplinks import (
    AdvertisedUplink,
    advertised_uplinks,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    Check,
    Verdict,
    failed,
    not_applicable,
    passed,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined

_KNOB = "net.ipv6.conf.all.forwarding"


def _judge(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    resource = resources.host(snapshot)
    if snapshot.sysctls.get(_KNOB, "0") == "0":
        return [not_applicable(resource, "The host does not forward IPv6, so it hears router advertisements")]
    uplinks = advertised_uplinks(snapshot)
    if not uplinks:
        return [not_applicable(resource, "The kernel takes no IPv6 route from router advertisements")]
    deaf = [_deaf(uplink) for uplink in uplinks if not uplink.is_heard]
    evidence = {key: value for uplink in uplinks for key, value in _evidence(uplink).items()}
    names = ", ".join(uplink.interface for uplink in uplinks)
    return deaf or [passed(resource, f"The kernel hears router advertisements on {names} while it forwards", evidence)]


def _deaf(uplink: AdvertisedUplink) -> Verdict:
    name = uplink.interface
    if uplink.has_route:
        state = "its default route from the last one ends with its lifetime, 30 minutes as a rule"
    else:
        state = "it has an IPv6 address from one, and no default route any more"
    summary = f"{name} forwards IPv6 and hears no router advertisements (accept_ra is {uplink.accept_ra}): {state}"
    impact = (
        f"The host and its containers lose their way out by IPv6 through {name}, and later the address itself. What "
        "tries IPv6 first then waits for time-outs."
    )
    args: dict[str, Any] = {"state": "present", "families": ["ipv6"], "router_advertisements": "keep"}
    remedy = Remedy(f"Set accept_ra to 2 on {name}, now and for the next boot", "ip_forward", args)
    return failed(resources.interface(name), summary, _evidence(uplink), impact, remedy)


def _evidence(uplink: AdvertisedUplink) -> dict[str, Any]:
    return {
        _KNOB: "1",
        uplink.forwarding_key: uplink.forwarding,
        uplink.accept_ra_key: uplink.accept_ra,
        f"default route of {uplink.interface} by a router advertisement": uplink.has_route,
    }


ACCEPT_RA = Check(
    id="forwarding.accept-ra",
    severity=MEDIUM,
    title="Uplinks that live on router advertisements still hear them",
    rationale=(
        "An interface that forwards IPv6 ignores router advertisements unless accept_ra is 2. dockerd turns "
        "forwarding on for a network with IPv6, and the host's own default route goes with it."
    ),
    needs=(ENGINE, LINKS, ROUTES, SYSCTL),
    judge=_judge,
    mended_by=("ip_forward",),
)
