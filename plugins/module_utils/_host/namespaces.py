# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Which network namespace each container is in, and what it may do there, as the kernel shows it."""

from __future__ import annotations

import dataclasses

from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.nsid import NamespaceIds
from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container


def with_namespaces(containers: list[Container]) -> list[Container]:
    """Return the containers with inode number and id of their namespaces and with their bounding sets.

    To be called after links were listed. A container that ended meanwhile keeps None. Raises OSError where the kernel
    refuses (PermissionError without root).
    """
    with NamespaceIds() as ids:
        return [_with_namespace(container, ids) for container in containers]


def _with_namespace(container: Container, ids: NamespaceIds) -> Container:
    if container.pid is None:
        return container
    netns = procfs.namespace(container.pid, "net")
    return dataclasses.replace(
        container,
        netns=netns,
        nsid=None if netns is None else ids.of(container.pid),
        bounding=procfs.bounding_set(container.pid),
    )
