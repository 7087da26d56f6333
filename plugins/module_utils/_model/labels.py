# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""How much of labels is told: what containers and networks say of themselves, in the words of whoever started them."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import MASK
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    KEEP_LABELS,
    MASK_LABELS,
    OMIT_LABELS,
    HostSnapshot,
)

DETAILS = (KEEP_LABELS, MASK_LABELS, OMIT_LABELS)
"""From the most to the least."""


def detail_of(snapshot: HostSnapshot) -> str:
    """Return how much a snapshot has; a saved one may have any word for it."""
    return snapshot.labels if snapshot.labels in DETAILS else KEEP_LABELS


def with_labels(snapshot: HostSnapshot, detail: str) -> HostSnapshot:
    """Return the snapshot with no more of labels than that; one that has less of them stays as it is."""
    if DETAILS.index(detail_of(snapshot)) >= DETAILS.index(detail):
        return snapshot
    return replace(
        snapshot,
        labels=detail,
        containers=[replace(item, labels=_told(item.labels, detail)) for item in snapshot.containers],
        networks=[replace(item, labels=_told(item.labels, detail)) for item in snapshot.networks],
    )


def _told(labels: dict[str, str], detail: str) -> dict[str, str]:
    return dict.fromkeys(labels, MASK) if detail == MASK_LABELS else {}
