# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Announcements, held against frames that were written down by hand from the RFCs."""

from __future__ import annotations

import struct

from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_connection import frame

MAC = "02:aa:bb:cc:dd:01"


def test_arp_announcement() -> None:
    assert frame(MAC, "10.77.0.50").hex(" ", 2).replace(" ", "") == (
        "ffffffffffff02aabbccdd010806000108000604000102aabbccdd010a4d00320000000000000a4d0032"
    )


def test_neighbour_advertisement() -> None:
    found = frame(MAC, "fd00:77::50")
    ethernet, header, message = found[:14], found[14:54], found[54:]
    assert ethernet.hex() == "33330000000102aabbccdd0186dd"
    assert header[:8].hex() == "6000000000203aff"
    assert (message[0], message[4:8].hex(), message[24:].hex()) == (136, "20000000", "020102aabbccdd01")
    # With its checksum in it, the sum over pseudo-header and message is all ones (RFC 1071).
    words = header[8:] + struct.pack("!II", len(message), 58) + message
    total = sum(struct.unpack(f"!{len(words) // 2}H", words))
    assert (total & 0xFFFF) + (total >> 16) == 0xFFFF
