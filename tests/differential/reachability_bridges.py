# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws states of bridge ports, and links without ARP, for the hosts of reachability_hosts.py.

All else that keeps frames from passing, VLANs and entries of forwarding databases among it, is left open.
"""

from __future__ import annotations

from tests.differential.reachability_neighbours import Draw, End, pid_of

SHARE = 0.12
"""Of the hosts that have any."""
# Of the states all but "disabled" (0) are left out, since without a spanning tree the kernel ends them by itself
# (br_make_forwarding(), br_forward_delay_timer_expired()).


def bridge_settings(draw: Draw, ends: list[End]) -> list[tuple[str, str]]:
    """Some of them, as steps of a HostCase."""
    if not ends or draw.random() >= SHARE:
        return []
    return [_blocked(draw.choice(ends)) for dummy in range(draw.choice([1, 1, 2]))]


ARP_SHARE = 0.06
"""Of the hosts that have a link on which it is off."""


def arp_off(draw: Draw, ends: list[End]) -> list[tuple[str, str]]:
    """One such link, as steps of a HostCase: a bridge, one inside a container, or its port on the host.

    The kernel forgets fixed entries of a link whose ARP is turned off.
    """
    if not ends or draw.random() >= ARP_SHARE:
        return []
    end = draw.choice(ends)
    inside = f"nsenter -n -t {pid_of(end)} ip"
    link = f"$({inside} -o link | sed -n 's/^[0-9]*: \\([^@]*\\)@.* {end.mac} .*/\\1/p')"
    words, script = draw.choice(
        [
            (end.bridge, f"ip link set {end.bridge} arp off\n"),
            (f"LINK-OF-{end.container}-TO-{end.bridge}", f"{inside} link set {link} arp off\n"),
            (f"PORT-OF-{end.container}-ON-{end.bridge}", f"{_port_of(end)}\nip link set $port arp off\n"),
        ]
    )
    return [(f"ip link set {words} arp off", script)]


def _blocked(end: End) -> tuple[str, str]:
    # What was learnt before would hold for minutes.
    flush = f"ip link set {end.bridge} type bridge fdb_flush"
    script = f"{_port_of(end)}\nbridge link set dev $port state 0\n{flush}\n"
    return f"bridge link set dev PORT-OF-{end.container}-ON-{end.bridge} state 0", script


def _port_of(end: End) -> str:
    """Finds the port that a container's link with that hardware address is the other end of."""
    inside = f"nsenter -n -t {pid_of(end)} ip -o link"
    return (
        f"index=$({inside} | sed -n 's/.*@if\\([0-9]*\\):.* {end.mac} .*/\\1/p')\n"
        'port=$(ip -o link | sed -n "s/^$index: \\([^@]*\\)@.*/\\1/p")'
    )
