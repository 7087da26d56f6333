# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws filters and queueing disciplines of tc(8) for the hosts of reachability_hosts.py.

Most let everything pass, and must change nothing. What can keep packets leaves open what becomes of them, so it is
drawn seldom, and for one container. Which filters and actions there are is up to the machine's kernel.
"""

from __future__ import annotations

from tests.differential.reachability_neighbours import Draw, End, pid_of

SHARE = 0.15
"""Of the hosts that have any."""
KEEPING = 0.15
"""Of these that can keep packets."""
_DIRECTIONS = ["ingress", "egress"]
_MATCHES = {
    "ip": ["u32 match ip protocol 6 0xff", "u32 match ip protocol 1 0xff", "u32 match ip dport 80 0xffff"],
    "ipv6": ["u32 match ip6 protocol 6 0xff", "u32 match ip6 dport 80 0xffff"],
    "all": ["u32 match u32 0 0"],
}
# What is copied, or led, to the loopback is for nobody there: it is not for the loopback's hardware address.
_HARMLESS = ["flowid 1:1", "action mirred egress mirror dev lo"]
_REDIRECT = "action mirred egress redirect dev lo"
# Those that a link can have by itself, as far as the kernel has them all.
_QUEUES = ["pfifo_fast", "fq_codel", "fq", "sfq"]
_LOSING = ["pfifo limit 0", "tbf rate 8bit burst 10 limit 10"]


def traffic_control(draw: Draw, ends: list[End]) -> list[tuple[str, str]]:
    """Some of it, as steps of a HostCase."""
    if not ends or draw.random() >= SHARE:
        return []
    if draw.random() < KEEPING:
        return [draw.choice([_redirecting, _redirecting, _losing])(draw, draw.choice(ends))]
    return [_passing(draw, draw.choice(ends)) for dummy in range(draw.choice([1, 2, 3]))]


def _passing(draw: Draw, end: End) -> tuple[str, str]:
    if draw.random() < 0.3:
        return _step("", draw.choice(["eth0", end.bridge]), f"qdisc replace dev DEVICE root {draw.choice(_QUEUES)}")
    protocol = draw.choice(list(_MATCHES))
    words = f"{draw.choice(_MATCHES[protocol])} {draw.choice(_HARMLESS)}"
    inside = draw.random() < 0.4
    device = _inner_device(end) if inside else draw.choice(["eth0", end.bridge])
    return _filter(_enter(end) if inside else "", device, draw.choice(_DIRECTIONS), f"{protocol} {words}")


def _redirecting(draw: Draw, end: End) -> tuple[str, str]:
    protocol = draw.choice(list(_MATCHES))
    words = f"{protocol} {draw.choice(_MATCHES[protocol])} {_REDIRECT}"
    return _filter(_enter(end), _inner_device(end), draw.choice(_DIRECTIONS), words)


def _losing(draw: Draw, end: End) -> tuple[str, str]:
    return _step(_enter(end), _inner_device(end), f"qdisc replace dev DEVICE root {draw.choice(_LOSING)}")


def _filter(enter: str, device: str, direction: str, words: str) -> tuple[str, str]:
    before, script = _step(enter, device, "qdisc replace dev DEVICE clsact")
    filtering, further = _step(enter, device, f"filter add dev DEVICE {direction} protocol {words}")
    return f"{before}; {filtering}", script + further


def _step(enter: str, device: str, words: str) -> tuple[str, str]:
    line = f"{enter}tc {words.replace('DEVICE', device)}"
    return line, f"{line}\n"


def _enter(end: End) -> str:
    return f"nsenter -n -t {pid_of(end)} "


def _inner_device(end: End) -> str:
    own = end.addresses[4] or end.addresses[6]
    return f"$({_enter(end)}ip -o address show to {own} | cut -d ' ' -f 2)"
