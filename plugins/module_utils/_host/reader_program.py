# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program that reads a host for the controller, which judges it: from its arguments to the result that it prints.

The module host_reader runs it, without Ansible's own code.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import syslog
from collections.abc import Mapping
from typing import Any, Callable, NoReturn, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.daemon_process import DEFAULT_SOCKET
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read_for_packets import read_for_packets
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read_whole import read_whole
from ansible_collections.dockernet.baseline.plugins.module_utils._host.saved_snapshot import (
    SavedSnapshotError,
    load_saved,
    save_snapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import (
    MASK,
    mask_data,
    mask_values,
    secrets_in,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    HostSnapshot,
    with_labels,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import encodable, safe
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import shortened
from ansible_collections.dockernet.baseline.plugins.module_utils._model.wire import LARGEST, WIRE, TooLargeError, pack

READERS = {"all": read_whole, "packets": read_for_packets}
"""How much is read, by its name."""


class ReadingError(Exception):
    """What was asked for cannot be done; the message says why."""


def main(arguments: Mapping[str, Any]) -> NoReturn:
    """Read as the controller tells, and print the result, with which the process ends.

    arguments: those of the module host_reader, and Ansible's own.
    """
    told = json.loads(base64.b64decode(arguments["told"]))
    try:
        _log(arguments, told)
        result = answer(told, check_mode=bool(arguments.get("_ansible_check_mode")))
    except ReadingError as error:
        result = {"failed": True, "msg": safe(str(error))}
    except Exception as error:  # noqa: BLE001 (what was not foreseen is a result, too)
        import traceback  # which nothing else needs

        message = f"reading the host failed: {shortened(f'{type(error).__name__}: {error}')}"
        result = {"failed": True, "msg": message, "exception": traceback.format_exc()}
    # What was read is masked already, and plain letters.
    read = {name: result.pop(name) for name in (WIRE,) if name in result}
    invocation = {"module_args": encodable(mask_values(told))}
    sys.stdout.write(json.dumps({**encodable(mask_data(result)), "invocation": invocation, **read}))
    raise SystemExit(1 if result.get("failed") else 0)


def _log(arguments: Mapping[str, Any], told: Mapping[str, Any]) -> None:
    """Write to the host's log who reads it, as each module of Ansible does."""
    if arguments.get("_ansible_no_log"):
        return
    facility = getattr(syslog, str(arguments.get("_ansible_syslog_facility")), syslog.LOG_USER)
    words = " ".join(f"{name}={value}" for name, value in mask_values(told).items())
    syslog.openlog(f"ansible-{arguments['module']}", 0, facility)
    syslog.syslog(syslog.LOG_INFO, safe(f"Invoked with {words}"))


def answer(told: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Return the result: what was read of this host, or of the saved snapshot that ``load`` names.

    ``save`` names the file in which to save what was read, which check mode leaves as it is. Raises ReadingError.
    """
    load, save = (_path(told.get(name)) for name in ("load", "save"))
    if save is not None:
        _refuse_place(save)
    try:
        snapshot = with_labels(_read(told) if load is None else load_saved(load), told["labels"])
        if save is not None and not check_mode:
            save_snapshot(snapshot, save)
    except SavedSnapshotError as error:
        raise ReadingError(f"snapshot_path: {error}") from error
    text = snapshot.to_json_within(LARGEST)
    for value in secrets_in(told):
        text = text.replace(json.dumps(value)[1:-1], MASK)
    try:
        result: dict[str, Any] = {"changed": save is not None, WIRE: pack(text)}
    except TooLargeError as error:
        raise ReadingError(str(error)) from error
    return {**result, "snapshot_path": load or save} if load or save else result


def _path(text: Optional[str]) -> Optional[str]:
    """A path as the host means it."""
    return None if text is None else os.path.expanduser(os.path.expandvars(text))


def _refuse_place(path: str) -> None:
    """Raise ReadingError for a path at which no file can be written, before anything is read."""
    if not os.path.isdir(os.path.dirname(path) or "."):
        raise ReadingError(f"snapshot_path: there is no directory {os.path.dirname(path)}")
    if os.path.isdir(path):
        raise ReadingError(f"snapshot_path: {path} is a directory")


def _read(told: Mapping[str, Any]) -> HostSnapshot:
    engine = told.get("docker_host") or os.environ.get("DOCKER_HOST") or DEFAULT_SOCKET
    read: Callable[..., HostSnapshot] = READERS[told["sources"]]
    return read(docker_host=engine, seconds=told["read_timeout"])
