# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Conditions on sets of ipset(8): ``-m set --match-set NAME src,dst``. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.iptables_match import (
    Asked,
    Condition,
    undecidable,
)


class IpSets:
    """The sets of a host by name."""

    def condition(self, asked: Sequence[Asked], _family: int, text: str) -> Condition:
        """What ``-m set`` with these options asks."""
        return undecidable("depends on a set whose content is not known", text)
