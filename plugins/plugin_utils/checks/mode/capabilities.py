# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What containers may do to networks: capabilities that the kernel lets them have."""

from __future__ import annotations

from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import MEDIUM, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.linux_capabilities import BITS, allowed
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ENGINE, NAMESPACES
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import running
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import cis, resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    NAMES,
    Check,
    Parameter,
    Verdict,
    failed,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined

_FORBIDDEN = "forbidden"

_MEANS = {
    "NET_ADMIN": "changes addresses, routes and firewall rules of its network namespace",
    "NET_RAW": "forges packets: with it, it can answer for its neighbours' addresses (ARP) and get round icc: false",
}


def _judge(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    forbidden = examined.parameter(CHECK, _FORBIDDEN)
    host = snapshot.daemon.netns if snapshot.daemon else None
    verdicts = [verdict for item in running(snapshot) for verdict in _judge_container(item, forbidden, host_netns=host)]
    if verdicts:
        return verdicts
    words = f"No running container can have {', '.join(forbidden)}" if forbidden else "No capability is forbidden"
    return [passed(resources.host(snapshot), words, {"running containers": len(running(snapshot))})]


def _judge_container(item: Container, forbidden: list[str], *, host_netns: int | None) -> list[Verdict]:
    resource = resources.container(item)
    if item.bounding is None:
        return [unknown(resource, f"the capability bounding set of {item.name} (process {item.pid}) was not readable")]
    held = [name for name in forbidden if allowed(item.bounding, name)]
    if not held:
        return []
    evidence: dict[str, Any] = {f"CapBnd of process {item.pid}": f"{item.bounding:016x}"}
    if item.privileged:
        evidence["HostConfig.Privileged"] = True
    evidence.update({"HostConfig.CapAdd": item.cap_add, "HostConfig.CapDrop": item.cap_drop})
    means = [f"With {name} a process in it {_MEANS[name]}." for name in held if name in _MEANS]
    if host_netns is not None and item.netns == host_netns:
        means.append("It is in the host's network namespace: all that holds for the host's network.")
    names = ", ".join(held)
    return [
        failed(
            resource,
            f"{item.name} can have {names}{' (privileged)' if item.privileged else ''}",
            evidence,
            " ".join(means) or f"A process in it that is root, or becomes it, has {names}.",
            Remedy(
                f"Run it without --privileged and without these (--cap-drop {' --cap-drop '.join(held)}), if it works "
                "so; else waive this for it, with the reason"
            ),
        )
    ]


CHECK = Check(
    id="mode.capabilities",
    severity=MEDIUM,
    title="No container has network capabilities that the baseline forbids",
    rationale=(
        "A container keeps to its place in the network only as long as it cannot change it. Whatever the container was "
        "given, the kernel's bounding set of its first process says what it can have."
    ),
    needs=(ENGINE, NAMESPACES),
    judge=_judge,
    cis=cis.CAPABILITIES,
    parameters=(
        Parameter(
            _FORBIDDEN,
            NAMES,
            ["NET_ADMIN"],
            "Capabilities that no container may have, by their names without CAP_ (capabilities(7)).",
            choices=tuple(BITS),
        ),
    ),
)
