# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Families of addresses and the checksum of packets, for what sends packets of its own. Pure."""

from __future__ import annotations

import socket
import struct


def family_of(address: str) -> socket.AddressFamily:
    """Return AF_INET or AF_INET6 of an address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def checksum(data: bytes) -> int:
    """Return the internet checksum (RFC 1071)."""
    padded = data + bytes(len(data) % 2)
    total = int(sum(struct.unpack(f">{len(padded) // 2}H", padded)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
