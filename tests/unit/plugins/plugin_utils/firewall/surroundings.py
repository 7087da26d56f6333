"""A host around the rules that says of addresses what it is told."""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight

UNROUTED_MARK = 1
"""Packets with this mark have no way back, where the mark counts."""


@dataclass
class FixedSurroundings:
    local: frozenset[int] = frozenset()
    devices: dict[int, str] = field(default_factory=dict)
    """Device that the route to an address leads to."""
    own: dict[str, int] = field(default_factory=dict)
    """Address of a device."""

    def address_type(self, family: int, address: int, device: str) -> str | None:
        if address in self.local and (not device or self.own.get(device) == address):
            return "local"
        return "unicast"

    def fib_type(self, flight: Flight, address: int, peer: int, device: str, mark: int | None) -> str | None:
        return "unreachable" if mark == UNROUTED_MARK else self.address_type(flight.family, address, device)

    def device_towards(self, family: int, address: int, source: int, incoming: str, mark: int | None) -> str | None:
        return self.devices.get(address, "") if mark != UNROUTED_MARK else ""

    def own_address(self, family: int, device: str, towards: int) -> int | None:
        return self.own.get(device)

    def first_address(self, family: int, device: str, asking: int) -> int | None:
        return self.own.get(device)
