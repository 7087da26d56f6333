"""Paths to write out, made by hand."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import OUTSIDE, Origin, Packet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import Hop, Path

PACKET = Packet(Origin(OUTSIDE), "192.0.2.10", port=8080)
_CLIENT = "198.51.100.7:40000"
_HOST = "192.0.2.10:8080"
_WEB = "10.88.1.2:80"
_JUMP = "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER"
_DNAT = "-A DOCKER ! -i br-front -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.88.1.2:80"
_DROP = "-A DOCKER-USER -i eth0 -j DROP"

HOPS = [
    Hop("request", "wire", "receive", _CLIENT, _HOST, incoming="eth0"),
    Hop("request", "prerouting", "jump", _CLIENT, _HOST, "eth0", "", "ip nat", "PREROUTING", _JUMP, 1, 7),
    Hop("request", "prerouting", "dnat", _CLIENT, _WEB, "eth0", "", "ip nat", "DOCKER", _DNAT, 2, 12),
    Hop("request", "routing", "route", _CLIENT, _WEB, "eth0", "br-front", note="10.88.1.0/24 is on br-front"),
    Hop("request", "forward", "drop", _CLIENT, _WEB, "eth0", "br-front", "ip filter", "DOCKER-USER", _DROP, 1, 44),
]
DROPPED = Path("dropped", "timed out", "dropped by ip filter DOCKER-USER rule 1", HOPS, decided_at=4)
DELIVERED = Path(
    "delivered",
    "answered",
    "web answers, and the answer comes back",
    [
        *HOPS[:4],
        Hop("request", "socket", "deliver", _CLIENT, _WEB, note="web listens"),
        Hop("reply", "socket", "answer", _WEB, _CLIENT),
        Hop("reply", "postrouting", "accept", _HOST, _CLIENT, "br-front", "eth0"),
    ],
    answered_by="container web",
    source_at_end="198.51.100.7",
    decided_at=6,
)
OPEN = Path("unknown", "unknown", "it cannot be told", HOPS[:4], doubts=["-m recent in ip filter DOCKER-USER rule 3"])


def with_text(text: str) -> tuple[Packet, Path]:
    """A packet and a path in which every name is this text."""
    hops = [replace(hop, rule=text, note=text, chain=text, incoming=text, place=text) for hop in HOPS]
    packet = Packet(Origin("container", text), "192.0.2.10", port=8080)
    return packet, Path("dropped", "timed out", text, hops, answered_by=text, decided_at=4)
