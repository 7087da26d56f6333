# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The findings of an earlier run that a gate knows: what failed then, and does no worse now, does not close it.

Nothing is known of a host without a document there, or with one that cannot be read: all that fails is new then, so
that a missing file never opens a gate. What was unknown then, or waived, is known to no gate either: nobody saw the
first fail, and the second was accepted until a day.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import run_in_child
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    FAIL,
    SEVERITIES,
    UNKNOWN,
    Finding,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import mask_data
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import encodable, safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.limits import MEMORY
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.check_rows import counted
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.earlier_audit import (
    EarlierAudit,
    FindingKey,
    key_of,
    minute_of,
    read_earlier,
    time_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import Line, is_waived
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.host_files import file_of, folder_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.terminal import wrap

NEW = "new"
"""It did not fail then, or nothing is known of that."""
UNCHANGED = "unchanged"
"""It failed then, with this severity or a higher one."""
UPDATED = "updated"
"""It was there then, but less severe, waived, or with another outcome."""

_SECONDS = 20.0
"""For reading one document. It takes milliseconds."""
_LONGEST = 200
"""Characters of a reason."""


@dataclass(frozen=True)
class Baseline:
    """What an earlier run found on one host."""

    path: str = ""
    """The file; empty where the gate has no baseline."""
    taken_at: str = ""
    """When the host was read then, ISO 8601; empty where nothing is known."""
    failed: Mapping[FindingKey, str] = field(default_factory=dict)
    """The highest severity of what failed and was not waived."""
    others: frozenset[FindingKey] = frozenset()
    """What was waived or unknown."""
    problem: str = ""
    """Why nothing is known."""

    def state_of(self, finding: Finding) -> str:
        """Return how a failed or unknown finding compares: ``new``, ``unchanged``, ``updated``; empty for others.

        Empty, too, where there is no baseline.
        """
        if not self.path or finding.outcome not in (FAIL, UNKNOWN):
            return ""
        key = key_of(finding)
        if key not in self.failed:
            return NEW if key not in self.others else UNCHANGED if finding.outcome == UNKNOWN else UPDATED
        worse = SEVERITIES.index(finding.severity) < SEVERITIES.index(self.failed[key])
        return UPDATED if worse or finding.outcome == UNKNOWN else UNCHANGED

    def knows(self, finding: Finding) -> bool:
        """Return whether a finding failed then, and is no worse now."""
        return finding.outcome == FAIL and self.state_of(finding) == UNCHANGED

    @property
    def words(self) -> str:
        """Which it is, for people."""
        return f"in the baseline of {minute_of(self.taken_at)}"

    def count(self, findings: Iterable[Finding]) -> dict[str, int]:
        """Return how many open failed findings it knows, and how many are new or worse: ``known`` and ``new``."""
        failed = [finding for finding in findings if finding.outcome == FAIL and not is_waived(finding)]
        counts = Counter(self.knows(finding) for finding in failed)
        return {"known": counts[True], "new": counts[False]}

    def lines(self, findings: Iterable[Finding], width: int) -> list[Line]:
        """Return what is said of it below the findings of a host; nothing where there is none."""
        if not self.path:
            return []
        count = self.count(findings)
        if self.problem:
            said = f"No baseline: {self.problem}. All that fails counts as new"
        elif not sum(count.values()):
            said = f"Nothing failed, with the baseline of {minute_of(self.taken_at)}"
        else:
            said = f"{counted(count['known'], 'failed finding')} {self.words}, {count['new'] or 'none'} new or worse"
        return [Line(text) for text in wrap(safe(said), width)]


NO_BASELINE = Baseline()


def read_baseline(where: str, host: str, written: Path | None) -> Baseline:
    """Read what is known of a host: its file in a directory, or that file itself. Never raises.

    written: the document that this run writes of the host, which is no baseline. In a process of its own, with limits
    of time and memory, as the files may come from anywhere.
    """
    return _read(where, host, written, _told)


def read_baseline_here(where: str, host: str, written: Path | None) -> Baseline:
    """Do the same in this process, which has such limits already."""
    return _read(where, host, written, _plain)


def _read(where: str, host: str, written: Path | None, answer_of: Callable[[Path, str], dict[str, Any]]) -> Baseline:
    if not where:
        return NO_BASELINE
    path = folder_of(where)
    path = file_of(host, path, "json") if path.is_dir() or not path.exists() else path
    if written is not None and os.path.realpath(written) == os.path.realpath(path):
        return Baseline(str(path), problem=f"{path.name} is the file that this run writes")

    answer = answer_of(path, host)
    return Baseline(
        str(path),
        answer["taken_at"],
        {(check, kind, name): severity for check, kind, name, severity in answer["failed"]},
        frozenset((check, kind, name) for check, kind, name in answer["others"]),
        answer["problem"],
    )


def _told(path: Path, host: str) -> dict[str, Any]:
    """The same as _plain(), by another process."""

    def work(tell: Callable[[Any], None]) -> None:
        tell(encodable(_plain(path, host)))

    try:
        told = run_in_child(work, _SECONDS, MEMORY)
    except OSError as error:
        return {**_NOTHING, "problem": f"{path.name} could not be read: {error.strerror}"}
    if not told.items:
        return {**_NOTHING, "problem": f"{path.name} could not be read: {told.problem}"}
    found: dict[str, Any] = told.items[0]
    return found


_NOTHING: Mapping[str, Any] = MappingProxyType({"taken_at": "", "failed": [], "others": [], "problem": ""})


def _plain(path: Path, host: str) -> dict[str, Any]:
    """What a process can tell: the fields of a Baseline."""
    try:
        earlier = read_earlier(path).audit
        if earlier.host.inventory_name != host:
            raise ValueError(f"it is of the host {earlier.host.inventory_name}")
        if time_of(earlier.host.taken_at) is None:
            raise ValueError("it does not say when the host was read")
    except FileNotFoundError:
        missing = path.name if path.parent.is_dir() else f"the directory {path.parent}"
        return {**_NOTHING, "problem": f"{missing} does not exist"}
    except OSError as error:
        return {**_NOTHING, "problem": f"{path.name} could not be read: {error.strerror}"}
    except (ValueError, RecursionError) as error:
        return {**_NOTHING, "problem": mask_data(f"{path.name}: {str(error)[:_LONGEST]}")}
    failed = _worst(earlier)
    others = {key_of(item) for item in earlier.findings if item.outcome == UNKNOWN or is_waived(item)}
    return {
        **_NOTHING,
        "taken_at": earlier.host.taken_at,
        "failed": [[*key, severity] for key, severity in failed.items()],
        "others": [list(key) for key in others],
    }


def _worst(earlier: EarlierAudit) -> dict[FindingKey, str]:
    """By key, the highest severity of what failed and was not waived."""
    failed = [item for item in earlier.findings if item.outcome == FAIL and not is_waived(item)]
    ordered = sorted(failed, key=lambda item: -SEVERITIES.index(item.severity))
    return {key_of(item): item.severity for item in ordered}
