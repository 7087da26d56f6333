# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Filters that systemd attaches to units' control groups, and what they drop of their processes' traffic.

Source: systemd.resource-control(5), and systemd's src/core/bpf-firewall.c: the lists of a unit and of all slices above
are one. An address of IPAddressAllow is let through, any other of IPAddressDeny is dropped, in both directions. Lists
of interfaces are not evaluated. Programs of BPF are not read.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from functools import cached_property

from ansible_collections.dockernet.baseline.plugins.module_utils._model.address_space import CIDR, contains
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import ServiceUnit

_ALLOW, _DENY = "IPAddressAllow", "IPAddressDeny"


class UnitFilters:
    """The filters of some units, as they hold for a process that is in all of them."""

    def __init__(self, settings: Mapping[str, Mapping[str, list[str]]], unread: str = "") -> None:
        """Take words of settings by unit and name; unread: what could not be read of them, as a sentence."""
        self._settings = settings
        self.unread = unread

    @classmethod
    def of_dockerd(cls, unit: ServiceUnit | None) -> UnitFilters:
        """Those of dockerd's unit and of the slices above it; None where there is no unit."""
        if unit is None:
            return cls({})
        no_slices = unit.manager == "systemd" and unit.slices is None
        unread = f"filters of the slices above {unit.name} were not read" if no_slices else ""
        return cls({unit.name: unit.filters, **(unit.slices or {})}, unread)

    @cached_property
    def _allowed(self) -> list[CIDR]:
        return [item for words in self._settings.values() for item in _networks(words.get(_ALLOW, []))]

    @cached_property
    def _denied(self) -> dict[str, list[CIDR]]:
        return {unit: _networks(words.get(_DENY, [])) for unit, words in self._settings.items()}

    @property
    def _names(self) -> list[tuple[str, str]]:
        return [(unit, name) for unit, settings in self._settings.items() for name in settings]

    def _text(self, unit: str, name: str) -> str:
        return f"{name}={' '.join(self._settings[unit][name])} of {unit}"

    @property
    def listed(self) -> list[str]:
        """All of them, as ``NAME=VALUE of UNIT``, which is how systemd shows them."""
        return [self._text(unit, name) for unit, name in self._names]

    @property
    def denials(self) -> list[str]:
        """Those that deny addresses."""
        return [self._text(unit, name) for unit, name in self._names if name == _DENY]

    @property
    def not_evaluated(self) -> list[str]:
        """Those of which it is not known what they drop."""
        return [self._text(unit, name) for unit, name in self._names if name not in (_ALLOW, _DENY)]

    def denied_by(self, *addresses: str) -> dict[str, str]:
        """``IPAddressDeny=... of UNIT`` by unit that denies some of these.

        Each is an address or a prefix in CIDR notation; what is neither is not denied.
        """
        asked = [item for item in _networks([*addresses]) if not any(contains(other, item) for other in self._allowed)]
        return {
            unit: self._text(unit, _DENY)
            for unit, denied in self._denied.items()
            if any(_overlap(item, other) for item in asked for other in denied)
        }

    def hindrance(self, *addresses: str) -> str:
        """What may drop packets that a process exchanges with these addresses, as a sentence; empty without one."""
        filtering = next(iter([*self.denied_by(*addresses).values(), *self.not_evaluated]), "")
        return f"{filtering} filters them" if filtering else self.unread


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
