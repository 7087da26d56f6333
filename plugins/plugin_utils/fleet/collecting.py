# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Documents of hosts out of directories that runs left: which are of the run, and what each says.

They may come from other controllers, from CI jobs, from slices: each is a stranger's. So reading is bounded, all that
is used of a document is held against its type, and one that is broken is a problem with a name.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._host.regular_file import read_regular
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import from_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import OUTCOMES, SEVERITIES
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.module_utils._model.wire import LARGEST
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.manifest import (
    FOLDER,
    Manifest,
    ManifestError,
    read_manifest,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_document import (
    DocumentError,
    document_in,
    missing_keys,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_report import FAILED, UNREACHABLE, Audit
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.check_rows import counted
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.earlier_audit import second_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.host_files import file_stem

_ENDING = ".json"
_MOST = 200_000
"""Documents in one directory."""
_NAMED = 5
"""Hosts that a problem names."""
_LONGEST = 300
"""Characters of what is wrong with a document."""
_NOT_REACHED = "not reached in this run: its batch (serial) has not begun"


class NoDocumentError(DocumentError):
    """There is none that is of the run."""


class NotReachedError(NoDocumentError):
    """There is none, since the run has not reached the host."""


@dataclass(frozen=True)
class HostDocument:
    """What a file says of a host."""

    audit: Audit
    read_at: str
    """When the host was read, by the controller's clock where that is known: ISO 8601 in UTC, empty where it is not."""
    run: str
    """The id of its run; empty where it names none."""
    reachability_changes: Sequence[str]
    """What became reachable since the document before, and what no longer is, in words."""
    status: tuple[int, int, int]
    """Of its file, by which a change of it is seen."""


@dataclass(frozen=True)
class Reading:
    """A host of the run, and where its document is."""

    host: str
    path: Path | None
    run: str = ""
    """The id that its document has to name; empty where it may be of any run."""
    is_not_begun: bool = False
    """Whether it is of a batch that the run has not begun."""


@dataclass(frozen=True)
class Collected:
    """What directories hold."""

    run: str
    """An id made of those of all their runs."""
    started_at: str
    """When the first of them began, ISO 8601 in UTC; empty where that is not known."""
    readings: Sequence[Reading]
    """Of the hosts of the run, in the order of their names."""
    others: Sequence[Path] = ()
    """Documents of hosts that are not part of it."""
    problems: Sequence[str] = ()


def collect(directories: Sequence[Path]) -> Collected:
    """Find the documents of a run. Raises OSError where a directory cannot be read.

    A directory with a manifest says itself which hosts it is about. Where there is none, all documents in it count.
    """
    problems: list[str] = []
    found: dict[str, list[Reading]] = {}
    others: list[Path] = []
    runs: list[tuple[str, str]] = []
    for folder in directories:
        paths = _documents_in(folder, problems)
        manifest = _manifest_of(folder, problems)
        if manifest is None:
            readings = list(_by_their_names(paths, problems))
            runs.append((sha256("\n".join([str(folder), *_written(readings)]).encode()).hexdigest()[:16], ""))
        else:
            readings = _of_manifest(folder, manifest)
            runs.append((manifest.run, manifest.started_at))
            known = {reading.path for reading in readings}
            others += [path for path in paths if path not in known]
        for reading in readings:
            found.setdefault(reading.host, []).append(reading)
    chosen = [_later(readings) for readings in found.values()]
    problems += _overlaps(found, {reading.host: reading for reading in chosen})
    ids, started = sorted({run for run, dummy in runs}), min((began for dummy, began in runs if began), default="")
    run = ids[0] if len(ids) == 1 else sha256(" ".join(ids).encode()).hexdigest()[:16]
    return Collected(run, started, sorted(chosen, key=lambda item: item.host), others, problems)


def document_of(reading: Reading) -> HostDocument:
    """Return what the document of a host of the run says. Raises DocumentError where there is none that is of it."""
    if reading.path is None:
        raise NoDocumentError("the run left no document of it")
    try:
        document = load(reading.path)
    except FileNotFoundError:
        if reading.is_not_begun:
            raise NotReachedError(_NOT_REACHED) from None
        raise NoDocumentError("the run left no document of it") from None
    except OSError as error:
        raise DocumentError(f"its document could not be read: {error.strerror}") from None
    except DocumentError as error:
        raise DocumentError(f"its document, {reading.path.name}: {error}") from None
    if document.audit.host != reading.host:
        raise DocumentError(f"{reading.path.name} is of the host {safe(document.audit.host)[:_LONGEST]}")
    if reading.run and document.run != reading.run:
        when = f", of {document.read_at}" if document.read_at else ""
        if reading.is_not_begun:
            raise NotReachedError(f"{_NOT_REACHED}; the document that is there is of another run{when}")
        raise NoDocumentError(f"the run left no document of it, and the one that is there is of another run{when}")
    return document


def load(path: Path) -> HostDocument:
    """Read a document, whatever it says. Raises OSError, DocumentError."""
    file = read_regular(path, LARGEST)
    status = (file.status.st_mtime_ns, file.status.st_size, file.status.st_ino)
    with _reading():
        content = document_in(file.data)
        used = from_plain(_Used, content)
        audit = _audit(content, used)
    stamp = used.run or _Run()
    read_at = second_of(stamp.written_at) or second_of(used.host.taken_at)
    return HostDocument(audit, read_at, stamp.id, stamp.reachability_changes, status)


@contextmanager
def _reading() -> Iterator[None]:
    """Make a DocumentError of all that a document can be wrong in."""
    try:
        yield
    except (ValueError, RecursionError) as error:
        raise DocumentError(safe(str(error))[:_LONGEST]) from None
    except MemoryError:
        raise DocumentError("to read it takes more memory than its limit") from None


# ---- what is used of a document --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Host:
    inventory_name: str
    kernel: str = ""
    taken_at: str = ""


@dataclass(frozen=True)
class _Platform:
    label: str
    state: str
    note: str = ""


@dataclass(frozen=True)
class _Engine:
    version: str | None = None


@dataclass(frozen=True)
class _Policy:
    profile: str
    cis_benchmark: str


@dataclass(frozen=True)
class _Check:
    id: str
    severity: str
    title: str = ""


@dataclass(frozen=True)
class _Error:
    kind: str
    reason: str


@dataclass(frozen=True)
class _Run:
    id: str = ""
    written_at: str = ""
    reachability_changes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Used:
    """Of a document what reports use besides its findings."""

    host: _Host
    platform: _Platform | None = None
    engine: _Engine | None = None
    policy: _Policy | None = None
    checks: list[_Check] = field(default_factory=list)
    not_evaluated: list[str] = field(default_factory=list)
    error: _Error | None = None
    run: _Run | None = None


def _audit(content: Mapping[str, Any], used: _Used) -> Audit:
    """Raises ValueError."""
    host = used.host.inventory_name
    if used.error is not None:
        if used.error.kind not in (UNREACHABLE, FAILED):
            raise DocumentError(f"it has an error of the kind {used.error.kind!r}")
        return Audit.not_audited(host, used.error.kind, used.error.reason)
    missing = missing_keys(content)
    if missing or used.platform is None or used.policy is None:
        raise DocumentError(f"it lacks {', '.join(missing or ['platform', 'policy'])}")
    timings = content["timings"]
    phases = timings.get("phases") if isinstance(timings, dict) else None
    if not isinstance(phases, dict) or not all(isinstance(took, float | int | None) for took in phases.values()):
        raise DocumentError("its timings have no phases")
    if not isinstance(content["findings"], list):
        raise DocumentError("its findings are no list")
    audit = Audit.from_document(host, content)
    for finding in audit.findings:
        if finding.outcome not in OUTCOMES or finding.severity not in SEVERITIES:
            raise DocumentError(f"a finding has the outcome {finding.outcome!r} and the severity {finding.severity!r}")
    wrong = [check.severity for check in used.checks if check.severity not in SEVERITIES]
    if wrong:
        raise DocumentError(f"a check has the severity {wrong[0]!r}")
    return audit


# ---- which documents count -------------------------------------------------------------------------------------------


def _documents_in(folder: Path, problems: list[str]) -> list[Path]:
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.name.endswith(_ENDING) and not entry.name.startswith(".")]
    if len(names) > _MOST:
        problems.append(f"{safe(str(folder))} has {len(names)} documents, and only {_MOST} are read")
    return [folder / name for name in sorted(names)[:_MOST]]


def _manifest_of(folder: Path, problems: list[str]) -> Manifest | None:
    try:
        return read_manifest(folder)
    except OSError as error:
        problems.append(f"{safe(str(folder))}: {FOLDER}: the manifest could not be read: {error.strerror}")
    except ManifestError as error:
        problems.append(f"{safe(str(folder))}: {safe(str(error))}")
    return None


def _of_manifest(folder: Path, manifest: Manifest) -> list[Reading]:
    not_begun = set(manifest.not_begun)
    return [
        Reading(host, folder / f"{file_stem(host)}{_ENDING}", manifest.run, host in not_begun)
        for host in dict.fromkeys(manifest.hosts)
    ]


def _by_their_names(paths: Iterable[Path], problems: list[str]) -> Iterable[Reading]:
    """Without a manifest nothing but the document says of which host it is. The rest of it is read when it counts."""
    for path in paths:
        try:
            data = read_regular(path, LARGEST).data
            with _reading():
                host = str(document_in(data)["host"]["inventory_name"])
            yield Reading(host, path)
        except OSError as error:
            problems.append(f"{safe(path.name)} could not be read: {error.strerror}")
        except DocumentError as error:
            problems.append(f"{safe(path.name)}: {error}")


def _written(readings: Iterable[Reading]) -> Iterable[str]:
    """What tells a run without a manifest from others: when its files were written."""
    for reading in readings:
        if reading.path is not None:
            yield f"{reading.path.name} {reading.path.stat().st_mtime_ns}"


def _later(readings: Sequence[Reading]) -> Reading:
    return readings[0] if len(readings) == 1 else max(readings, key=_time_of)


def _time_of(reading: Reading) -> str:
    """Empty, which is earlier than all times, where there is no document."""
    try:
        return document_of(reading).read_at
    except DocumentError:
        return ""


def _overlaps(found: Mapping[str, Sequence[Reading]], chosen: Mapping[str, Reading]) -> list[str]:
    """A sentence for each directory whose reading is the later one."""
    later: dict[str, list[str]] = {}
    for host, readings in found.items():
        path = chosen[host].path
        if len(readings) > 1 and path is not None:
            later.setdefault(safe(str(path.parent)), []).append(safe(host))
    return [
        f"{counted(len(hosts), 'host')} in more than one directory: the later reading counts, that in {folder}: "
        f"{', '.join(sorted(hosts)[:_NAMED])}{', ...' if len(hosts) > _NAMED else ''}"
        for folder, hosts in later.items()
    ]
