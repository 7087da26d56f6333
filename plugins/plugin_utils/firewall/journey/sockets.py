# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Which socket the kernel gives a packet to (inet_lookup_listener(), udp4_lib_lookup() and their IPv6 likes)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Listener
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import parse_address


class Sockets:
    """The sockets of one network namespace that wait."""

    def __init__(self, listeners: Iterable[Listener]) -> None:
        self._by_port: dict[tuple[str, int], list[tuple[Listener, int, int]]] = {}
        for listener in listeners:
            family, number = parse_address(listener.address)
            key = (listener.protocol, listener.port)
            self._by_port.setdefault(key, []).append((listener, family, number))

    def find(self, protocol: str, family: int, address: int, port: int, device: str) -> Optional[Listener]:
        """The one that a packet to this address and port gets, which came in by device; None when nobody waits.

        One that is bound to the address goes before one that takes every address, then one bound to the device.
        """
        best, best_score = None, -1
        for listener, own_family, number in self._by_port.get((protocol, port), ()):
            if listener.device not in ("", device):
                continue
            score = 1 if listener.device else 0
            if number:
                if own_family != family or number != address:
                    continue
                score += 4
            elif own_family != family:
                if own_family == 4 or listener.only_ipv6:
                    continue
            else:
                score += 2 if family == 4 else 0
            if score > best_score:
                best, best_score = listener, score
        return best
