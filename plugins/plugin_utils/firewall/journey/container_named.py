# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The container that somebody means."""

from __future__ import annotations

import difflib

from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ENGINE, HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed

_SHORTEST_ID = 4
_NAMED = 5
_SERVICE_LABELS = ("com.docker.compose.service", "com.docker.swarm.service.name")


class NoSuchContainerError(ValueError):
    """No container is meant by a text, or more than one; the message says which are there."""


def container_named(snapshot: HostSnapshot, wanted: str) -> Container:
    """The container with this name or id, with an id that begins so, or that alone runs a service of this name.

    The service is one of Compose or Swarm, as they label their containers. Raises NoSuchContainerError.
    """
    for container in snapshot.containers:
        if wanted in (container.name, container.id):
            return container
    if len(wanted) >= _SHORTEST_ID:
        found = [item for item in snapshot.containers if item.id.startswith(wanted)]
        if len(found) > 1:
            raise NoSuchContainerError(f"{len(found)} containers have an id that begins with {wanted!r}")
        if found:
            return found[0]
    serving = [item for item in snapshot.containers if wanted in (item.labels.get(key) for key in _SERVICE_LABELS)]
    if len(serving) > 1:
        names = ", ".join(item.name for item in serving)
        raise NoSuchContainerError(f"{wanted!r} is a service of {len(serving)} containers; name one of {names}")
    if serving:
        return serving[0]
    raise NoSuchContainerError(_absent(snapshot, wanted))


def _absent(snapshot: HostSnapshot, wanted: str) -> str:
    source = snapshot.sources.get(ENGINE)
    if source is not None and not source.read:
        return f"no container {wanted!r} is known, since the Docker Engine could not be asked: {source.reason}"
    names = sorted(item.name for item in snapshot.containers)
    near = difflib.get_close_matches(wanted, names, _NAMED) or names
    return f"there is no container {wanted!r}" + (f"; there are {listed(near, _NAMED)}" if near else "")
