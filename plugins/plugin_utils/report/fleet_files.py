# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The files that report a fleet, in all formats that are wanted, out of one walk over its hosts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.fleet import Fleet, FleetHost
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.fleet_formats import (
    FleetCsv,
    FleetJson,
    FleetJunit,
    FleetPrometheus,
    FleetSarif,
    FleetStream,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.fleet_markdown import FleetMarkdown
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.fleet_page import fleet_page
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import Gate
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.host_files import whole_file

_STEM = "report"
_OLD = 86_400.0
"""Seconds after which a scratch file is one that a process left that was killed."""


_HTML = "html"
_STREAMS: dict[str, tuple[str, Callable[[Callable[[str], object], Fleet, Gate], FleetStream]]] = {
    "json": ("json", FleetJson),
    "csv": ("csv", FleetCsv),
    "junit": ("xml", FleetJunit),
    "sarif": ("sarif", FleetSarif),
    "prometheus": ("prom", FleetPrometheus),
    "markdown": ("md", FleetMarkdown),
}
"""By format, how the name of its file ends, and what writes it; the page takes the hosts by itself."""
FORMATS = (_HTML, *_STREAMS)


def write_fleet_files(fleet: Fleet, gate: Gate, folder: Path, formats: Sequence[str]) -> dict[str, Path]:
    """Write the files, and return their paths by how their names end.

    Each is whole, or as an earlier run left it. Raises OSError, ChangedError, HistoryError.
    """
    _remove_what_was_left(folder)
    wanted = [(ending, stream_of) for name, (ending, stream_of) in _STREAMS.items() if name in formats]
    paths = {ending: folder / f"{_STEM}.{ending}" for ending, dummy in wanted}
    page = folder / f"{_STEM}.{_HTML}"
    with ExitStack() as files:
        streams: list[FleetStream] = []
        for ending, stream_of in wanted:
            stream = stream_of(files.enter_context(whole_file(paths[ending])), fleet, gate)
            files.callback(stream.close)
            streams.append(stream)
        hosts = _Fed(fleet.hosts, streams)
        if _HTML in formats:
            fleet_page(replace(fleet, hosts=hosts), _writing(files.enter_context(whole_file(page))))
        elif streams:
            for dummy_host in hosts:
                pass
        for stream in streams:
            stream.end()
    return {**({_HTML: page} if _HTML in formats else {}), **paths}


class _Fed:
    """The hosts, each of which is handed to the streams when it is first walked past."""

    def __init__(self, hosts: Iterable[FleetHost], streams: Sequence[FleetStream]) -> None:
        self._hosts = hosts
        self._streams = streams

    def __iter__(self) -> Iterator[FleetHost]:
        streams, self._streams = self._streams, ()
        for host in self._hosts:
            for stream in streams:
                stream.host(host)
            yield host


def _writing(write: Callable[[str], object]) -> Callable[[str], None]:
    def piece(text: str) -> None:
        write(text)

    return piece


def _remove_what_was_left(folder: Path) -> None:
    for path in folder.glob(f".{_STEM}.*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _OLD:
                path.unlink()
