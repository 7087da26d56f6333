# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The files that report a fleet, in all formats that are wanted, out of one walk over its hosts."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.fleet import Fleet
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.fleet_formats import (
    FleetCsv,
    FleetJson,
    FleetJunit,
    FleetPrometheus,
    FleetSarif,
    FleetStream,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.fleet_markdown import FleetMarkdown
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import Gate
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.host_files import whole_file

_STEM = "report"
_OLD = 86_400.0
"""Seconds after which a scratch file is one that a process left that was killed."""


_STREAMS: dict[str, tuple[str, Callable[[Callable[[str], object], Fleet, Gate], FleetStream]]] = {
    "json": ("json", FleetJson),
    "csv": ("csv", FleetCsv),
    "junit": ("xml", FleetJunit),
    "sarif": ("sarif", FleetSarif),
    "prometheus": ("prom", FleetPrometheus),
    "markdown": ("md", FleetMarkdown),
}
"""By format, how the name of its file ends, and what writes it."""
FORMATS = tuple(_STREAMS)


def write_fleet_files(fleet: Fleet, gate: Gate, folder: Path, formats: Sequence[str]) -> dict[str, Path]:
    """Write the files, and return their paths by how their names end.

    Each is whole, or as an earlier run left it. Raises OSError, ChangedError, HistoryError.
    """
    _remove_what_was_left(folder)
    paths: dict[str, Path] = {}
    with ExitStack() as files:
        streams = []
        for name, (ending, stream_of) in _STREAMS.items():
            if name in formats:
                paths[ending] = folder / f"{_STEM}.{ending}"
                stream = stream_of(files.enter_context(whole_file(paths[ending])), fleet, gate)
                files.callback(stream.close)
                streams.append(stream)
        if streams:
            for host in fleet.hosts:
                for stream in streams:
                    stream.host(host)
        for stream in streams:
            stream.end()
    return paths


def _remove_what_was_left(folder: Path) -> None:
    for path in folder.glob(f".{_STEM}.*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _OLD:
                path.unlink()
