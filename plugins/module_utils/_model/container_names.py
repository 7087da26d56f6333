# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which container is meant by a name, an id, how that begins, or the service that it alone runs."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed

_SHORTEST_ID = 4
_NAMED = 5
_SERVICE_LABELS = ("com.docker.compose.service", "com.docker.swarm.service.name")


class NoSuchContainerError(ValueError):
    """No container is meant by a text, or more than one; the message says which are there."""


def container_named(containers: Sequence[Container], wanted: str) -> Container:
    """The container with this name or id, with an id that begins so, or that alone runs a service of this name.

    The service is one of Compose or Swarm, as they label their containers. Raises NoSuchContainerError.
    """
    for container in containers:
        if wanted in (container.name, container.id):
            return container
    if len(wanted) >= _SHORTEST_ID:
        found = [item for item in containers if item.id.startswith(wanted)]
        if len(found) > 1:
            raise NoSuchContainerError(f"{len(found)} containers have an id that begins with {wanted!r}")
        if found:
            return found[0]
    serving = [item for item in containers if wanted in (item.labels.get(key) for key in _SERVICE_LABELS)]
    if len(serving) > 1:
        names = ", ".join(item.name for item in serving)
        raise NoSuchContainerError(f"{wanted!r} is a service of {len(serving)} containers; name one of {names}")
    if serving:
        return serving[0]
    names_there = sorted(item.name for item in containers)
    near = difflib.get_close_matches(wanted, names_there, _NAMED) or names_there
    there = f"; there are {listed(near, _NAMED)}" if near else ""
    raise NoSuchContainerError(f"there is no container {wanted!r}{there}")
