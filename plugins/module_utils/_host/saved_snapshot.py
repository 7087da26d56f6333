# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots in files, as docker_netcheck saves them, and whether what one says can be so."""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._host.plausibility import (
    ImplausibleError,
    require_plausible,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.regular_file import read_regular
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import DecodeError, from_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import SCHEMA_VERSION, HostSnapshot

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
        raise SavedSnapshotError(f"{path} is not a snapshot of docker_netcheck: {error}") from error
    try:
        require_plausible(snapshot)
    except ImplausibleError as error:
        raise SavedSnapshotError(f"the snapshot {path} is not plausible: {error}") from error
    return snapshot


def save_snapshot(snapshot: HostSnapshot, path: str) -> None:
    """Write a snapshot to path, whole or not at all, for nobody but whoever runs this to read.

    Whatever stands at path makes way, and a symbolic link is not followed: others may write in the folder.
    Raises SavedSnapshotError.
    """
    import tempfile  # with what it imports itself, it takes as long as much of the reading, which seldom needs it

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


def load_snapshot(text: str) -> HostSnapshot:
    """Read a snapshot from its JSON document.

    Raises DecodeError when the text is no snapshot or one of a schema that this release does not know.
    """
    try:
        data: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"not a JSON document: {error}") from error
    return snapshot_of(data)


def snapshot_of(data: Any) -> HostSnapshot:
    """Read a snapshot from plain data. Raises DecodeError, also for one of a schema that this release does not know."""
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema != SCHEMA_VERSION:
        raise DecodeError(f"$.schema: this release reads snapshots of schema {SCHEMA_VERSION}, found {schema!r}")
    return from_plain(HostSnapshot, data)
