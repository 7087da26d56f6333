# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Who reaches what in files that were saved, documents of audits or snapshots, compared within limits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import run_in_child
from ansible_collections.dockernet.baseline.plugins.module_utils._host.regular_file import read_regular
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import mask_data
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import encodable
from ansible_collections.dockernet.baseline.plugins.module_utils._model.wire import LARGEST
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.limits import MEMORY, read_snapshot_text
from ansible_collections.dockernet.baseline.plugins.plugin_utils.reach.compare import compare
from ansible_collections.dockernet.baseline.plugins.plugin_utils.reach.flows import Flows, flows_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_document import (
    DocumentError,
    NoAuditError,
    document_in,
)

SECONDS = 60.0
"""For reading and comparing both."""
_LONGEST = 300


class SavedFlowsError(ValueError):
    """A file that cannot be compared; the message names it."""


class Comparison(NamedTuple):
    """What two files say of who reaches what."""

    hosts: tuple[str, str]
    """How the hosts of both call themselves."""
    changes: list[str]
    """In words."""


def comparison_of(before: Path, after: Path) -> Comparison:
    """Compare two files. Raises SavedFlowsError."""

    def work(tell: Callable[[Any], None]) -> None:
        try:
            (host, flows), (later_host, later_flows) = _flows(before), _flows(after)
            changes = [change.words for change in compare(flows, later_flows)]
        except SavedFlowsError as error:
            tell(encodable(str(error)[:_LONGEST]))
            return
        tell(encodable(mask_data([[host[:_LONGEST], later_host[:_LONGEST]], changes])))

    told = run_in_child(work, SECONDS, MEMORY)
    if not told.items:
        raise SavedFlowsError(f"{before} and {after} could not be compared: {told.problem}")
    (found,) = told.items
    if isinstance(found, str):
        raise SavedFlowsError(found)
    (host, later_host), changes = found
    return Comparison((str(host), str(later_host)), [str(words) for words in changes])


def _flows(path: Path) -> tuple[str, Flows]:
    """The host's name for itself, and who reaches what there."""
    try:
        text = read_regular(path, LARGEST).data.decode("utf-8")
        try:
            document = document_in(text)
            return str(document["host"].get("hostname", "")), flows_of(document.get("reachability"))
        except NoAuditError:
            snapshot = read_snapshot_text(text)
            return snapshot.hostname, Flows(AuditContext(snapshot, Settings()).matrix)
    except OSError as error:
        raise SavedFlowsError(f"{path} could not be read: {error.strerror}") from error
    except DocumentError as error:
        raise SavedFlowsError(f"{path}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise SavedFlowsError(
            f"{path} is neither a document of an audit nor a snapshot that can be compared: {error}"
        ) from error
