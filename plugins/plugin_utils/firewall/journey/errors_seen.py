# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What a program sees of an error that comes back to it (icmp_err_convert of net/ipv4/icmp.c, net/ipv6/icmp.c)."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import REFUSED, TIMED_OUT, UNREACHABLE

_RESET = "reset"
_PORT = "port-unreach"
# Errors that the kernel takes for passing ones: a connected UDP socket does not hear of them (__udp4_lib_err()).
_PASSING = ("net-unreach", "host-unreach", "no-route", "addr-unreach")


def is_reset(error: str) -> bool:
    """Whether it is a TCP reset; all others are ICMP errors."""
    return _RESET in error


def seen_as(error: str, protocol: str) -> str:
    """``refused``, ``unreachable`` or ``timed out``, for an error in the words of reject (nft(8))."""
    if is_reset(error):
        return REFUSED
    if _PORT in error:
        return REFUSED
    if protocol == "udp" and any(word in error for word in _PASSING):
        return TIMED_OUT
    return UNREACHABLE
