# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Snapshots in files, as docker_netcheck saves them, and whether what one says can be so."""

from __future__ import annotations

import contextlib
import dataclasses
import ipaddress
import os
import tempfile
from collections.abc import Iterator
from typing import Any, Callable

from ansible_collections.dockernet.baseline.plugins.module_utils._host.engine import require_sense
from ansible_collections.dockernet.baseline.plugins.module_utils._host.regular_file import read_regular
from ansible_collections.dockernet.baseline.plugins.module_utils._host.unreadable import KINDS
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import DecodeError
from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.defect import CONTAINER, DEFECT, NETWORK, Gap
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    IpsecPolicy,
    IpsecTemplate,
    Link,
    Listener,
    Neighbour,
    PolicyRule,
    ProxyProcess,
    Route,
    TrackedFlow,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    HostSnapshot,
    Source,
    load_snapshot,
)

_LARGEST = 1 << 28
"""Bytes; a host with a thousand containers has a hundredth of it."""


class SavedSnapshotError(ValueError):
    """A file that holds no snapshot; the message names it."""


def load_saved(path: str) -> HostSnapshot:
    """Return the snapshot in a file. Raises SavedSnapshotError, also for one that says what cannot be so."""
    try:
        snapshot = load_snapshot(read_regular(path, _LARGEST).data.decode())
    except OSError as error:
        raise SavedSnapshotError(f"{path} cannot be read: {error.strerror}") from error
    except (DecodeError, UnicodeDecodeError) as error:
        raise SavedSnapshotError(f"{path} is no snapshot of docker_netcheck: {error}") from error
    try:
        require_sense_of(snapshot)
    except ValueError as error:
        raise SavedSnapshotError(f"what {path} says of a host cannot be so: {error}") from error
    return snapshot


def save_snapshot(snapshot: HostSnapshot, path: str) -> None:
    """Write a snapshot to path, whole or not at all, for nobody but whoever runs this to read.

    Whatever stands at path makes way: neither its owner nor its mode is kept, and a symbolic link is not followed, for
    the folder may be one in which others write, too. Raises SavedSnapshotError.
    """
    try:
        handle, scratch = tempfile.mkstemp(prefix=".dockernet-", dir=os.path.dirname(path) or ".")
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(snapshot.to_json())
            os.replace(scratch, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(scratch)
    except OSError as error:
        raise SavedSnapshotError(f"{path} cannot be written: {error.strerror}") from error


def _is_kind(text: str) -> None:
    if text not in KINDS and text != DEFECT:
        raise ValueError(f"{text!r} is no reason for which a source can be unread")


def _is_gap(text: str) -> None:
    if text not in (CONTAINER, NETWORK):
        raise ValueError(f"{text!r} is nothing that can be missing in a source")


# Fields by class.
_FIELDS: dict[type, dict[str, Callable[[str], object]]] = {
    HostSnapshot: {"nameservers": ipaddress.ip_address},
    Link: dict.fromkeys(("addresses", "leased", "tentative"), ipaddress.ip_interface),
    Route: {
        "destination": ipaddress.ip_network,
        "gateways": ipaddress.ip_address,
        "source": ipaddress.ip_address,
    },
    PolicyRule: dict.fromkeys(("source", "destination"), ipaddress.ip_interface),
    Neighbour: {"address": ipaddress.ip_address},
    Listener: {"address": ipaddress.ip_address},
    ProxyProcess: dict.fromkeys(("host_ip", "container_ip"), ipaddress.ip_address),
    TrackedFlow: dict.fromkeys(("source", "destination", "translated"), ipaddress.ip_address),
    IpsecPolicy: dict.fromkeys(("source", "destination"), ipaddress.ip_interface),
    IpsecTemplate: dict.fromkeys(("source", "destination"), ipaddress.ip_address),
    Source: {"kind": _is_kind},
    Gap: {"kind": _is_gap},
}
# Where an empty text says that there is none.
_MAY_BE_EMPTY = (PolicyRule, IpsecTemplate, Source)


def require_sense_of(snapshot: HostSnapshot) -> None:
    """Raise ValueError where something cannot be so."""
    for item in _all_in(snapshot):
        if isinstance(item, (Network, Container)):
            require_sense(item)
        for name, check in _FIELDS.get(type(item), {}).items():
            value = getattr(item, name)
            for text in value if isinstance(value, list) else [value]:
                if text is not None and (text or not isinstance(item, _MAY_BE_EMPTY)):
                    check(text)


def _all_in(value: Any) -> Iterator[Any]:
    """The objects of the model that a value consists of, itself among them."""
    if isinstance(value, list):
        for item in value:
            yield from _all_in(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _all_in(item)
    elif dataclasses.is_dataclass(value):
        yield value
        for field in dataclasses.fields(value):
            yield from _all_in(getattr(value, field.name))
