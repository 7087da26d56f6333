# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Filters that systemd attaches to a unit's control group, and what they drop of its processes' traffic.

Source: systemd.resource-control(5). An address of IPAddressAllow is let through, any other of IPAddressDeny is dropped,
in both directions. Lists of interfaces are not evaluated. Programs of BPF, and filters of slices above, are not read.
"""

from __future__ import annotations

import ipaddress
from functools import cached_property

from ansible_collections.dockernet.baseline.plugins.module_utils._model.address_space import CIDR, contains
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import ServiceUnit

_ALLOW, _DENY = "IPAddressAllow", "IPAddressDeny"


class UnitFilters:
    """The filters of one unit."""

    def __init__(self, unit: ServiceUnit | None) -> None:
        """Take the unit of dockerd; None where none was found."""
        self._name = unit.name if unit else ""
        self._settings = unit.filters if unit else {}

    @cached_property
    def _denied(self) -> list[CIDR]:
        return _networks(self._settings.get(_DENY, []))

    @cached_property
    def _allowed(self) -> list[CIDR]:
        return _networks(self._settings.get(_ALLOW, []))

    @property
    def denial(self) -> str:
        """``IPAddressDeny=... of UNIT``, as systemd shows it."""
        return f"{_DENY}={' '.join(self._settings.get(_DENY, []))} of {self._name}"

    @property
    def not_evaluated(self) -> list[str]:
        """Those of which it is not known what they drop, as ``NAME=VALUE of UNIT``."""
        return [
            f"{name}={' '.join(words)} of {self._name}"
            for name, words in self._settings.items()
            if name not in (_ALLOW, _DENY)
        ]

    def denies(self, addresses: str) -> bool:
        """Whether some of these are denied, an address or a prefix in CIDR notation; not where it is neither."""
        return any(
            any(_overlap(asked, item) for item in self._denied)
            and not any(contains(item, asked) for item in self._allowed)
            for asked in _networks([addresses])
        )

    def hindrance(self, *addresses: str) -> str:
        """The filter that may drop what a process of the unit exchanges with these addresses; empty without one."""
        if not self._settings:
            return ""
        if any(map(self.denies, addresses)):
            return self.denial
        return next(iter(self.not_evaluated), "")


def _networks(words: list[str]) -> list[CIDR]:
    found = []
    for word in words:
        try:
            found.append(ipaddress.ip_network(word, strict=False))
        except ValueError:
            # systemctl shows numbers, whichever word was written.
            continue
    return found


def _overlap(one: CIDR, other: CIDR) -> bool:
    return one.version == other.version and one.overlaps(other)
