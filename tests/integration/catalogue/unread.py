# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A snapshot with a source left out, as the reader leaves it out when the source cannot be read."""

from __future__ import annotations

import dataclasses
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model import snapshot as model
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot, Source

REASON = "permission denied"

# By source, the fields that it fills where they do not have its name.
_FIELDS = {
    model.ENGINE: ("engine", "networks", "containers"),
    model.NAMESPACES: (),
    model.SYSCTL: ("sysctls",),
    model.PROCESSES: ("proxies",),
}
# What is not read either then: the engine says which processes to look at.
_WITH_IT = {
    model.ENGINE: (model.NAMESPACES, model.CONTAINER_NAMESPACES),
    model.NAMESPACES: (model.CONTAINER_NAMESPACES,),
}


def without(snapshot: HostSnapshot, source: str) -> HostSnapshot:
    """The same host, read by somebody who cannot read the source."""
    emptied = snapshot
    for name in (source, *_WITH_IT.get(source, ())):
        emptied = _emptied(emptied, name)
    return emptied


def _emptied(snapshot: HostSnapshot, source: str) -> HostSnapshot:
    names = _FIELDS.get(source, (source,))
    defaults = {field.name: field for field in dataclasses.fields(snapshot)}
    values: dict[str, Any] = {name: _default(defaults[name]) for name in names}
    if source == model.NAMESPACES:
        values["containers"] = [
            dataclasses.replace(item, netns=None, nsid=None, bounding=None) for item in snapshot.containers
        ]
    unread = Source(False, "denied", REASON)
    return dataclasses.replace(snapshot, sources={**snapshot.sources, source: unread}, **values)


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default
