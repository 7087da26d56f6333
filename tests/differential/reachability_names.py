"""What the drawn firewall rules of reachability_iptables.py and reachability_nft.py can be about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

DISCOVERED = 0.9
"""On how many hosts neighbour discovery is let through; on the others it cannot be known what happens."""


@dataclass(frozen=True)
class Names:
    """What rules can be about on one host, for one family."""

    family: int
    networks: Sequence[str]
    """Subnets."""
    bridges: Sequence[str]
    containers: Sequence[str]
    """Addresses."""
    host: str
    outside: str
    ports: Sequence[int]
    """Published and inner ports."""
    uplinks: Sequence[tuple[str, str]]
    """Devices with the next hop on each."""
    own: Sequence[str] = ()
    """Further addresses of the host."""
    others: Sequence[str] = ()
    """Those of further machines outside."""

    @property
    def devices(self) -> list[str]:
        """Names of the uplinks."""
        return list(dict.fromkeys(device for device, dummy in self.uplinks))
