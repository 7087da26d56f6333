# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The manifest of a run: which hosts it is about. It lies beside their documents, and each of these names its run.

So documents that an earlier run left are told from those of this one, and a host of which the run left none is known.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import multiprocessing
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, cast

from ansible import constants
from ansible_collections.dockernet.baseline.plugins.module_utils._host.regular_file import read_regular
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import from_plain
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.host_files import write_whole

NAME = "dockernet.baseline.run"
VERSION = 1
RUN = "run"
"""The key of a document that names its run."""
FOLDER = "fleet"
"""The directory below the documents for what is of all hosts. No file of a host has this name: each has an ending."""
_FILE = "run.json"
_END = "\n}\n"
"""Of the text of a document, see document_text()."""
_LARGEST = 1 << 24
"""Bytes of a manifest: 100,000 names of 150 bytes."""


@dataclass(frozen=True)
class Manifest:
    """A run of ansible-playbook into one directory."""

    run: str
    """Its id."""
    started_at: str
    """ISO 8601 in UTC, by the clock of the controller."""
    controller: str
    hosts: list[str] = field(default_factory=list)
    """As the inventory calls them: all hosts of its plays."""
    not_begun: list[str] = field(default_factory=list)
    """Those of them that are of batches (``serial``) after the last one that was begun."""


class ManifestError(ValueError):
    """A manifest that is none; the message says in what."""


def run_id() -> str:
    """Return the id of this run of Ansible, the same for each of its tasks and of no other run.

    Ansible makes a process for each task. The one that runs the play is known in it also where that was killed
    meanwhile: what the task leaves is of the same run.
    """
    parent = multiprocessing.parent_process()
    return _id_of(_scratch(), (parent.pid if parent is not None else None) or os.getpid())


def stamped(text: str, reachability_changes: Sequence[str]) -> str:
    """Return the text of a document with what is known of it where it is written.

    That is its run, the time by the clock of the controller, and what became reachable since the document that it
    replaces, in words.
    """
    stamp = {"id": run_id(), "written_at": now(), "reachability_changes": list(reachability_changes)}
    whole, end = text[: -len(_END)], text[-len(_END) :]
    if end != _END:
        raise ValueError("it is no text of a document")
    return f"{whole},\n{json.dumps(RUN)}: {json.dumps(stamp)}{_END}"


def now() -> str:
    """Return the time, ISO 8601 in UTC."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def begin_run(folder: Path, task_vars: Mapping[str, Any]) -> None:
    """Leave the manifest of the play that a task is of in a directory, once a batch: all of its workers call this.

    Hosts of an earlier play of the same run stay in it. Raises OSError.
    """
    hosts: Sequence[str] = task_vars.get("ansible_play_hosts_all") or [str(task_vars["inventory_hostname"])]
    # Neither has hosts that were lost, in this batch or an earlier one.
    others = set(task_vars.get("ansible_play_hosts") or ()) - set(task_vars.get("ansible_play_batch") or hosts)
    parts = [run_id(), str(folder), *hosts, "", *sorted(others)]
    mark = hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()
    try:
        Path(_scratch(), f"dockernet-run-{mark}").mkdir()
    except FileExistsError:
        return
    before = None
    with contextlib.suppress(OSError, ManifestError):
        before = read_manifest(folder)
    ours = before if before is not None and before.run == run_id() else None
    known = ours.hosts if ours is not None else []
    waiting = {*(ours.not_begun if ours is not None else ()), *(set(hosts) - set(known))}
    content = {
        "document": {"name": NAME, "version": VERSION},
        "run": run_id(),
        "started_at": ours.started_at if ours is not None else now(),
        "controller": socket.gethostname(),
        "hosts": sorted({*known, *hosts}),
        "not_begun": sorted(waiting & others),
    }
    write_whole(folder / FOLDER / _FILE, json.dumps(content, indent=1) + "\n")
    _trace_in(folder).mkdir(exist_ok=True)


def other_run_in(folder: Path) -> Manifest | None:
    """Return the manifest of a run that began in the directory after this one did; None where there is no such run."""
    if not _trace_in(folder).exists():
        return None
    with contextlib.suppress(OSError, ManifestError):
        found = read_manifest(folder)
        return found if found is not None and found.run != run_id() else None
    return None


def read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest in a directory of documents; None where there is none. Raises OSError, ManifestError."""
    try:
        data = read_regular(folder / FOLDER / _FILE, _LARGEST).data
    except FileNotFoundError:
        return None
    try:
        content = json.loads(data)
        header = content.get("document") if isinstance(content, dict) else None
        if header != {"name": NAME, "version": VERSION}:
            raise ManifestError(f"{FOLDER}/{_FILE} is no manifest of a run, version {VERSION}")
        return from_plain(Manifest, content)
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"{FOLDER}/{_FILE}: {str(error)[:200]}") from None


def _trace_in(folder: Path) -> Path:
    """Where it is noted, for as long as this run takes, that it began in a directory."""
    return Path(_scratch(), f"dockernet-in-{run_id()}-{hashlib.sha256(os.fsencode(folder)).hexdigest()}")


def _scratch() -> str:
    """The directory that Ansible makes for one run, and removes at its end."""
    return str(cast(Any, constants).DEFAULT_LOCAL_TMP)


@cache
def _id_of(scratch: str, process: int) -> str:
    return hashlib.sha256(f"{socket.gethostname()} {scratch} {process}".encode()).hexdigest()[:16]
