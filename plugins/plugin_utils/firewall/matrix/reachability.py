# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A matrix as plain data: counted for a summary, or whole."""

from __future__ import annotations

from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import Exposure, Matrix
from ansible_collections.dockernet.baseline.plugins.module_utils._model.options import FULL
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed, safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.matrix_text import listing_of

_NAMED = 5
"""Ports that are named where an exposure is told to people; the rest is counted."""


def reachability_of(matrix: Matrix, detail: str) -> dict[str, Any]:
    """The matrix of a host in the wanted detail. Where nothing could be told, the problems say why."""
    result: dict[str, Any] = {
        "exposures": [{**to_plain(item), "text": exposure_text(item)} for item in matrix.exposures],
        "listing": listing_of(matrix),
        "summary": _summary(matrix),
        "problems": matrix.problems,
    }
    if detail == FULL:
        whole = to_plain(matrix)
        result.update({name: whole[name] for name in ("sources", "destinations", "cells")})
    return result


def _summary(matrix: Matrix) -> list[dict[str, Any]]:
    """For each source and kind of destination, how many classes of ports end in which way."""
    rows: dict[tuple[int, str, str], dict[str, int]] = {}
    for cell in matrix.cells:
        row = rows.setdefault((cell.source, matrix.destinations[cell.destination].kind, cell.relation), {})
        row[cell.seen] = row.get(cell.seen, 0) + 1
    return [
        {"source": matrix.sources[source].name, "destination": kind, "relation": relation, "seen": counts}
        for (source, kind, relation), counts in rows.items()
    ]


def exposure_text(exposure: Exposure) -> str:
    """An exposure on one line."""
    ports, at = listed(exposure.ports, _NAMED), listed(exposure.at or [exposure.example.destination], _NAMED)
    return safe(f"{exposure.kind}, from outside by {exposure.uplink}: {ports} at {at} ({exposure.reason})")
