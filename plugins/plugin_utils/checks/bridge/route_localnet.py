# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether bridges route 127.0.0.0/8, and who reaches the host's loopback by that.

Without docker-proxy dockerd sets route_localnet on its bridges, so that ports published on 127.0.0.1 work, and never
takes it back (moby, setupLoopbackAddressesRouting). A container that may change its routes then reaches what listens on
the host's 127.0.0.1, as in CVE-2020-8558, unless a rule drops it: which is asked with a packet, not by the rule's text.
"""

from __future__ import annotations

from typing import Any, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import MEDIUM, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import OUTSIDE, Origin, Packet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import DROPPED, UNKNOWN, Path
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import ProxyState, proxy_in_force
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    ENGINE,
    LINKS,
    POLICY_RULES,
    ROUTES,
    RULESET,
    SYSCTL,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.sysctls import sysctl_key
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
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.bad_packet import BadPacketError

_FOR_ALL = sysctl_key(4, "all", "route_localnet")
_LOOPBACK = "127.0.0.1"
# Discard (RFC 863): a port that nothing publishes or listens on, so only rules about 127.0.0.0/8 as a whole decide.
_PORT = 9


def _judge(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    resource = resources.host(snapshot)
    present = {link.name for link in snapshot.links}
    bridges = {item.bridge: item.name for item in snapshot.networks if item.bridge is not None}
    bridges = {bridge: name for bridge, name in bridges.items() if bridge in present}
    if not bridges:
        return [not_applicable(resource, "There is no bridge of a network")]
    keys = {bridge: sysctl_key(4, bridge, "route_localnet") for bridge in bridges}
    unread = [key for key in keys.values() if key not in snapshot.sysctls]
    if unread:
        return [unknown(resource, f"the kernel shows no {', '.join(unread)}")]
    for_all = snapshot.sysctls.get(_FOR_ALL, "0")
    routing = [bridge for bridge in bridges if "1" in (snapshot.sysctls[keys[bridge]], for_all)]
    evidence: dict[str, Any] = {_FOR_ALL: for_all, **{key: snapshot.sysctls[key] for key in keys.values()}}
    if not routing:
        return [passed(resource, "No bridge of a network routes 127.0.0.0/8", evidence)]
    proxy = proxy_in_force(snapshot)
    found = []
    for bridge in routing:
        own = {key: evidence[key] for key in (_FOR_ALL, keys[bridge])}
        verdict = _of(examined, bridge, bridges[bridge], own, proxy)
        found += [verdict] if verdict is not None else []
    summary = f"A rule keeps what comes in by {', '.join(routing)} from the host's {_LOOPBACK}"
    return found or [passed(resource, summary, {**evidence, "userland proxy": proxy.evidence})]


def _of(
    examined: Examined, bridge: str, network: str, settings: dict[str, Any], proxy: ProxyState
) -> Optional[Verdict]:
    """The verdict on a bridge that routes 127.0.0.0/8, None when it is as it should be."""
    resource = resources.interface(bridge)
    path = _path(examined, bridge)
    if path is None or path.verdict == UNKNOWN:
        reason = path.reason if path is not None else f"{bridge} has no subnet to send a packet from"
        doubts = {"doubts": path.doubts if path is not None else [], **settings}
        return unknown(resource, f"whether {_LOOPBACK} is reached through {bridge}: {reason}", doubts)
    evidence = {
        **settings,
        "userland proxy": proxy.evidence,
        f"a packet that comes in by {bridge} for {_LOOPBACK}": path.reason,
    }
    is_own = settings[sysctl_key(4, bridge, "route_localnet")] == "1"
    left_over = proxy.value is True and is_own
    if path.verdict == DROPPED and proxy.value is None and is_own:
        return unknown(resource, f"whether docker-proxy is in force could not be told: {proxy.evidence}", evidence)
    if path.verdict == DROPPED and not left_over:
        return None
    why = "though docker-proxy is in force and nothing needs it" if left_over else "and no rule guards it"
    summary = f"{bridge}, the bridge of network {network}, routes 127.0.0.0/8, {why}"
    return failed(resource, summary, evidence, _impact(network, path), _remedy(settings, proxy))


def _path(examined: Examined, bridge: str) -> Optional[Path]:
    """What becomes of a packet for the loopback that comes in by a bridge."""
    try:
        return examined.path(Packet(Origin(OUTSIDE, bridge), _LOOPBACK, "tcp", _PORT))
    except BadPacketError:
        return None


def _impact(network: str, path: Path) -> str:
    if path.verdict == DROPPED:
        return f"A rule still guards {_LOOPBACK}; should it go, containers of {network} reach what listens there."
    return (
        f"A container of {network} that may change its routes (NET_ADMIN) reaches services that listen on {_LOOPBACK} "
        "of the host and take that for safe: databases, agents, development servers."
    )


def _remedy(settings: dict[str, Any], proxy: ProxyState) -> Remedy:
    if settings[_FOR_ALL] == "1" and proxy.value is not False:
        return Remedy(
            f"A human decides. {_FOR_ALL} is 1, which is not dockerd's doing (kube-proxy sets it): set it to 0, or "
            "drop what comes in for 127.0.0.0/8 by any other interface than lo in PREROUTING of the table raw"
        )
    if proxy.value is None:
        return Remedy(f"A human decides, since whether docker-proxy is in force could not be told: {proxy.evidence}")
    if proxy.value:
        text = "Turn it off on the bridges: with docker-proxy nothing needs it"
    else:
        text = "Guard 127.0.0.0/8 by a rule, now and at boot: without docker-proxy the bridges need the setting"
    return Remedy(text, "bridge_hairpin", {"state": "auto"})


ROUTE_LOCALNET = Check(
    id="bridge.route-localnet",
    severity=MEDIUM,
    title="Containers do not reach the host's loopback",
    rationale=(
        "Services on 127.0.0.1 rely on nobody else reaching it. The setting that lets ports published on 127.0.0.1 "
        "work without docker-proxy takes that away, and stays when docker-proxy is back."
    ),
    needs=(ENGINE, LINKS, ROUTES, POLICY_RULES, SYSCTL, RULESET),
    judge=_judge,
    mended_by=("bridge_hairpin",),
)
