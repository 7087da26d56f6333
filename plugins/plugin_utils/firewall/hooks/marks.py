# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Marks of packets and connections."""

from __future__ import annotations

from typing import Optional

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.fields import tracked_connection
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import SetMark


def set_mark(change: SetMark, flight: Flight) -> bool:
    """Change a mark; False when there is no connection to read its mark from (nft_ct_get_eval: NFT_BREAK).

    Without one to write to the rule goes on (nft_ct_set_eval).
    """
    connection = tracked_connection(flight)
    source = change.copied_from or change.field
    if connection is None and source == "ct_mark" and change.keep:
        return False
    marks = {"mark": flight.mark, "ct_mark": connection.mark if connection is not None else None}
    kept = _masked(marks[source], change.keep)
    own = _masked(marks[change.field], change.own)
    new = None if kept is None or own is None else own ^ kept ^ change.flip
    if change.field == "mark":
        flight.mark = new
    elif connection is not None:
        connection.mark = new
    return True


def _masked(mark: Optional[int], mask: int) -> Optional[int]:
    if mask == 0:
        return 0
    return None if mark is None else mark & mask
