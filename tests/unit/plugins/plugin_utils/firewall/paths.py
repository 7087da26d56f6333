"""Paths to write out, made by hand."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    OUTSIDE,
    Origin,
    Packet,
    Path,
    PathStep,
)

PACKET = Packet(Origin(OUTSIDE), "192.0.2.10", port=8080)
_CLIENT = "198.51.100.7:40000"
_HOST = "192.0.2.10:8080"
_WEB = "10.88.1.2:80"
_JUMP = "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER"
_DNAT = "-A DOCKER ! -i br-front -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.88.1.2:80"
_DROP = "-A DOCKER-USER -i eth0 -j DROP"

STEPS = [
    PathStep("request", "wire", "receive", _CLIENT, _HOST, incoming="eth0"),
    PathStep("request", "prerouting", "jump", _CLIENT, _HOST, "eth0", "", "ip nat", "PREROUTING", _JUMP, 1, 7),
    PathStep("request", "prerouting", "dnat", _CLIENT, _WEB, "eth0", "", "ip nat", "DOCKER", _DNAT, 2, 12),
    PathStep("request", "routing", "route", _CLIENT, _WEB, "eth0", "br-front", note="10.88.1.0/24 is on br-front"),
    PathStep("request", "forward", "drop", _CLIENT, _WEB, "eth0", "br-front", "ip filter", "DOCKER-USER", _DROP, 1, 44),
]
DROPPED = Path("dropped", "timed out", "dropped by ip filter DOCKER-USER rule 1", STEPS, decided_at=4)
DELIVERED = Path(
    "delivered",
    "answered",
    "web answers, and the answer comes back",
    [
        *STEPS[:4],
        PathStep("request", "socket", "deliver", _CLIENT, _WEB, note="web listens"),
        PathStep("reply", "socket", "answer", _WEB, _CLIENT),
        PathStep("reply", "postrouting", "accept", _HOST, _CLIENT, "br-front", "eth0"),
    ],
    answered_by="container web",
    translated_source="198.51.100.7",
    decided_at=6,
)
OPEN = Path(
    "unknown", "unknown", "it cannot be told", STEPS[:4], undetermined=["-m recent in ip filter DOCKER-USER rule 3"]
)


def with_text(text: str) -> tuple[Packet, Path]:
    """A packet and a path in which every name is this text."""
    steps = [replace(step, rule=text, note=text, chain=text, incoming=text, place=text) for step in STEPS]
    packet = Packet(Origin("container", text), "192.0.2.10", port=8080)
    return packet, Path("dropped", "timed out", text, steps, answered_by=text, decided_at=4)
