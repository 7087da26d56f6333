# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether packets between ports of a bridge meet the rules that are meant for them.

They pass the rules for addresses only with net.bridge.bridge-nf-call-iptables (or the flag nf_call_iptables of the
bridge) on. Without docker-proxy, a container that calls a port published by another one on its network depends on
them; where traffic between containers is forbidden (icc), the rule that forbids it does.
"""

from __future__ import annotations

from typing import Any, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import HIGH, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import proxy_in_force
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    ENGINE,
    LINKS,
    SYSCTL,
    HostSnapshot,
)
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

_KEYS = {4: "net.bridge.bridge-nf-call-iptables", 6: "net.bridge.bridge-nf-call-ip6tables"}


def _judge(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    resource = resources.host(snapshot)
    proxy = proxy_in_force(snapshot)
    networks = [item for item in snapshot.networks if item.bridge is not None]
    closed = [item for item in networks if not item.icc]
    publishing = [item for item in networks if not item.internal]
    evidence: dict[str, Any] = {
        "userland proxy": proxy.evidence,
        "networks without traffic between containers": [item.name for item in closed],
        **{key: snapshot.sysctls.get(key) for key in _KEYS.values()},
    }
    links = {link.name: link for link in snapshot.links}
    unseen_closed = _unseen(snapshot, closed, links)
    unseen_published = _unseen(snapshot, publishing, links)
    if proxy.value is None and unseen_published and not unseen_closed:
        return [unknown(resource, f"whether docker-proxy is in force could not be told: {proxy.evidence}", evidence)]
    unseen_published = unseen_published if proxy.value is False else []
    if unseen_closed or unseen_published:
        return [_failed(snapshot, unseen_closed, unseen_published, evidence)]
    if proxy.value and not closed:
        reason = "docker-proxy is in force, and no network forbids traffic between its containers"
        return [not_applicable(resource, reason, evidence)]
    return [passed(resource, "The rules see what passes between ports of a bridge", evidence)]


def _unseen(snapshot: HostSnapshot, networks: list[Network], links: dict[str, Link]) -> list[tuple[str, str]]:
    """Names of networks whose packets do not meet the rules, each with the setting that says so."""
    return [
        (network.name, _KEYS[version])
        for network in networks
        for version in (4, 6)
        if (version == 4 or network.ipv6)
        and snapshot.sysctls.get(_KEYS[version]) != "1"
        and not _by_itself(links.get(network.bridge or ""), version)
    ]


def _by_itself(link: Optional[Link], version: int) -> bool:
    """Whether the bridge has the setting for itself."""
    return link is not None and bool(link.calls_iptables if version == 4 else link.calls_ip6tables)


def _failed(
    snapshot: HostSnapshot, closed: list[tuple[str, str]], published: list[tuple[str, str]], evidence: dict[str, Any]
) -> Verdict:
    keys = list(dict.fromkeys(key for dummy, key in [*closed, *published]))
    values = {key: snapshot.sysctls.get(key) for key in keys}
    state = ", ".join(f"{key} is {value or 'absent'}" for key, value in values.items())
    summary = f"{state}: the rules do not see what passes between containers of one network"
    impacts = []
    if closed:
        names = ", ".join(dict.fromkeys(name for name, dummy in closed))
        impacts.append(f"Containers of {names} reach each other, though that is forbidden there.")
    if published:
        names = ", ".join(dict.fromkeys(name for name, dummy in published))
        impacts.append(
            f"Without docker-proxy, containers of {names} do not reach a port that another one on their network "
            "publishes, by any address of the host: the answer comes back past the translation, and they time out."
        )
    return failed(resources.host(snapshot), summary, evidence, " ".join(impacts), _remedy(values))


def _remedy(values: dict[str, Optional[str]]) -> Remedy:
    if None in values.values():
        return Remedy(
            "A human decides. The kernel module br_netfilter is not loaded: modprobe br_netfilter, and its name in a "
            "file of /etc/modules-load.d for boot. What passes any other bridge of the host then meets the rules, too"
        )
    return Remedy(f"Set {', '.join(values)} to 1, now and for the next boot", "bridge_hairpin", {"state": "auto"})


NETFILTER = Check(
    id="bridge.netfilter",
    severity=HIGH,
    title="Rules see what passes between containers of one network, where they must",
    rationale=(
        "A bridge passes packets between its ports past the rules of iptables unless the kernel is told otherwise. "
        "Forbidden traffic between containers (icc) and published ports without docker-proxy depend on that."
    ),
    needs=(ENGINE, LINKS, SYSCTL),
    judge=_judge,
    mended_by=("bridge_hairpin",),
)
