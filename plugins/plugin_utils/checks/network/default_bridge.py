# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Which networks containers use."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import LOW, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ENGINE
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import running
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import cis, resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    Check,
    Verdict,
    failed,
    not_applicable,
    passed,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined


def _judge_default_bridge(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    default = next((network for network in snapshot.networks if network.is_default_bridge), None)
    if default is None:
        return [not_applicable(resources.host(snapshot), "This daemon has no default bridge network")]
    users = [item for item in running(snapshot) if any(end.network_id == default.id for end in item.endpoints)]
    if not users:
        summary = f"No running container uses the default network {default.name} ({default.bridge})"
        return [passed(resources.host(snapshot), summary, {"default network": default.name})]
    return [_on_default_bridge(container, default) for container in users]


def _on_default_bridge(container: Container, default: Network) -> Verdict:
    address = next((end.address for end in container.endpoints if end.network_id == default.id), None)
    evidence = {"network": default.name, "bridge": default.bridge, "address": address}
    summary = f"{container.name} is on the daemon's default network {default.name} ({default.bridge})"
    impact = (
        "All containers that were given no network share this one, can talk to each other unless icc is off, and "
        "find each other by address only: it has no names."
    )
    remedy = Remedy(
        f"A human decides what {container.name} must reach. Make a network of its own and start it there (docker run "
        "--network, networks: in Compose), or connect and disconnect it while it runs"
    )
    return failed(resources.container(container), summary, evidence, impact, remedy)


DEFAULT_BRIDGE = Check(
    id="network.default-bridge",
    severity=LOW,
    title="Containers have networks of their own",
    rationale=(
        "The default network joins whatever was started without a thought, and its settings can only be changed for "
        "all. That it exists is no fault."
    ),
    needs=(ENGINE,),
    judge=_judge_default_bridge,
    cis=cis.DEFAULT_BRIDGE,
)
