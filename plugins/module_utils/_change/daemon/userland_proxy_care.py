# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What dockerd leaves undone on containers and bridges that outlive the restart that switches docker-proxy. Pure."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.bridge_hairpin_plan import (
    PortChange,
    port_changes,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.loopback_guard_plan import (
    loopback_routes,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.own_sysctls import SysctlChange
from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import attachments


def after_care(
    snapshot: HostSnapshot, kept: list[Container], *, enabled: bool
) -> tuple[list[PortChange], list[SysctlChange]]:
    """Return the ports and sysctls that must change for the mode: hairpin of kept containers, 127/8 of bridges."""
    ids = {container.id for container in kept}
    chosen = [item for item in attachments(snapshot) if item.container.id in ids]
    ports = port_changes(chosen, wanted=not enabled)
    return ports, loopback_routes(snapshot) if enabled else []
