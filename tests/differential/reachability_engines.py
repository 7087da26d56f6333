"""What may be drawn for an engine, by its release: options that it does not know would only keep it from starting.

Tags of moby in which each came: gateway mode routed 27.0, the others 28.0; ip6tables without "experimental" 27.0, and
in force unless switched off; allow-direct-routing and trusted interfaces 28.2; firewall-backend and
bridge-accept-fwmark 29.0.
"""

from __future__ import annotations

from dataclasses import dataclass

IPTABLES, NFTABLES = "iptables", "nftables"


@dataclass(frozen=True)
class EngineDraws:
    """One row: what engines have from a release on."""

    since: tuple[int, int]
    gateway_modes: tuple[str, ...] = ()
    """For networks that are not internal."""
    isolates: bool = False
    """Whether internal networks can do without the host's address (gateway mode isolated)."""
    ip6tables_by_default: bool = False
    direct_routing: bool = False
    """Whether packets for a container's own address can be let in: allow-direct-routing, or trusted interfaces."""
    accepts_mark: bool = False
    """Whether packets with a mark can be let through whatever else the engine's rules say."""
    backends: tuple[str, ...] = (IPTABLES,)


_MODES = ("routed", "nat-unprotected")
_TABLE = (
    EngineDraws((0, 0)),
    EngineDraws((27, 0), ("routed",), ip6tables_by_default=True),
    EngineDraws((28, 0), _MODES, isolates=True, ip6tables_by_default=True),
    EngineDraws((28, 2), _MODES, isolates=True, ip6tables_by_default=True, direct_routing=True),
    EngineDraws((29, 0), _MODES, True, True, True, True, (IPTABLES, NFTABLES)),
)


def draws_of(release: str) -> EngineDraws:
    """The row of a release such as ``28.5.2``."""
    major, minor = release.split(".")[:2]
    return next(row for row in reversed(_TABLE) if row.since <= (int(major), int(minor)))
