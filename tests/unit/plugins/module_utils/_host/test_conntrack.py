"""Flows in messages of ctnetlink, as Linux 6.18 sent them."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import conntrack, procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.conntrack import parse_flow, read_conntrack
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import attribute
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Conntrack, TrackedFlow

FIRST = bytes.fromhex(
    "1400018008000100c61203fe08000200c612030e1c0002800500010011000000060002009c4000000600030014e90000"
)
REPLY = bytes.fromhex(
    "1400018008000100ac12000208000200c61203fe1c00028005000100110000000600020000350000060003009c400000"
)
DST_NAT, SEEN = 0x1A8, 0x188


def message(first: bytes = FIRST, reply: bytes = REPLY, status: int = DST_NAT) -> bytes:
    """A flow from 198.18.3.254 to 198.18.3.14:5353 that goes to 172.18.0.2:53."""
    parts = (
        attribute(1, first),
        attribute(2, reply),
        attribute(3, status.to_bytes(4, "big")),
        attribute(7, bytes(3) + b"\x1b"),
    )
    return bytes((2, 0, 0, 0)) + b"".join(parts)


def test_a_translated_flow_of_udp() -> None:
    assert parse_flow(message()) == TrackedFlow("198.18.3.254", 40000, "198.18.3.14", 5353, "172.18.0.2", 53, 27)


def test_what_is_not_translated_or_no_udp_is_left_out() -> None:
    """As kernels before 5.8 list it, which do not filter."""
    assert parse_flow(message(status=SEEN)) is None
    assert parse_flow(message(first=FIRST.replace(b"\x01\x00\x11", b"\x01\x00\x06"))) is None


@pytest.mark.parametrize("count", ["0\n", None])
def test_where_no_connection_is_tracked_the_kernel_is_not_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, count: str | None
) -> None:
    if count is not None:
        (tmp_path / "sys/net/netfilter").mkdir(parents=True)
        (tmp_path / "sys/net/netfilter/nf_conntrack_count").write_text(count)
    monkeypatch.setattr(procfs, "PROC", tmp_path)
    monkeypatch.setattr(conntrack, "Netlink", None)
    assert read_conntrack() == Conntrack()


@pytest.mark.parametrize(("count", "families"), [("2000\n", [socket.AF_UNSPEC]), ("2001\n", [2, 10]), ("", [2, 10])])
def test_few_flows_are_asked_for_at_once_and_many_by_family(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, count: str, families: list[int]
) -> None:
    asked: list[int] = []

    class Kernel:
        def __init__(self, dummy_protocol: int) -> None:
            pass

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *dummy: object) -> None:
            pass

        def messages(self, dummy_kind: int, body: bytes) -> list[bytes]:
            asked.append(body[0])
            return [message()]

    (tmp_path / "sys/net/netfilter").mkdir(parents=True)
    (tmp_path / "sys/net/netfilter/nf_conntrack_count").write_text(count)
    monkeypatch.setattr(procfs, "PROC", tmp_path)
    monkeypatch.setattr(conntrack, "Netlink", Kernel)
    assert len(read_conntrack().flows) == len(families)
    assert asked == families
