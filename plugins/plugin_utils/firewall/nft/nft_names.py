# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The names that ``nft -j`` prints instead of numbers (nftables, src/datatype.c, src/ct.c, src/proto.c)."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.values import CT_ESTABLISHED, CT_INVALID, CT_NEW, CT_RELATED, CT_UNTRACKED
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.protocols import ACK, FIN, PSH, RST, SYN, URG

_FAMILIES: Mapping[str, int] = {"ipv4": 4, "ip": 4, "ipv6": 6, "ip6": 6, "arp": 0}
_ARP_OPERATIONS: Mapping[str, int] = {"request": 1, "reply": 2}

_ICMP_TYPES: Mapping[str, int] = {
    "echo-reply": 0,
    "destination-unreachable": 3,
    "source-quench": 4,
    "redirect": 5,
    "echo-request": 8,
    "router-advertisement": 9,
    "router-solicitation": 10,
    "time-exceeded": 11,
    "parameter-problem": 12,
    "timestamp-request": 13,
    "timestamp-reply": 14,
    "info-request": 15,
    "info-reply": 16,
    "address-mask-request": 17,
    "address-mask-reply": 18,
}

_ICMP_CODES: Mapping[str, int] = {
    "net-unreachable": 0,
    "host-unreachable": 1,
    "prot-unreachable": 2,
    "port-unreachable": 3,
    "frag-needed": 4,
    "net-prohibited": 9,
    "host-prohibited": 10,
    "admin-prohibited": 13,
}

_ICMPV6_TYPES: Mapping[str, int] = {
    "destination-unreachable": 1,
    "packet-too-big": 2,
    "time-exceeded": 3,
    "parameter-problem": 4,
    "echo-request": 128,
    "echo-reply": 129,
    "mld-listener-query": 130,
    "mld-listener-report": 131,
    "mld-listener-done": 132,
    "mld-listener-reduction": 132,
    "nd-router-solicit": 133,
    "nd-router-advert": 134,
    "nd-neighbor-solicit": 135,
    "nd-neighbor-advert": 136,
    "nd-redirect": 137,
    "router-renumbering": 138,
    "ind-neighbor-solicit": 141,
    "ind-neighbor-advert": 142,
    "mld2-listener-report": 143,
}

_ICMPV6_CODES: Mapping[str, int] = {
    "no-route": 0,
    "admin-prohibited": 1,
    "addr-unreachable": 3,
    "port-unreachable": 4,
    "policy-fail": 5,
    "reject-route": 6,
}

_TCP_FLAG_BITS: Mapping[str, int] = {
    "fin": FIN,
    "syn": SYN,
    "rst": RST,
    "psh": PSH,
    "ack": ACK,
    "urg": URG,
    "ecn": 64,
    "cwr": 128,
}

_CT_STATES: Mapping[str, int] = {
    "invalid": CT_INVALID,
    "established": CT_ESTABLISHED,
    "related": CT_RELATED,
    "new": CT_NEW,
    "untracked": CT_UNTRACKED,
}

_CT_STATUSES: Mapping[str, int] = {
    "expected": 1,
    "seen-reply": 2,
    "assured": 4,
    "confirmed": 8,
    "snat": 16,
    "dnat": 32,
    "dying": 512,
}

_CT_DIRECTIONS: Mapping[str, int] = {"original": 0, "reply": 1}
