# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IPsec policies as the kernel writes them into messages (linux/xfrm.h), and kernels that have none."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Sequence
from typing import Optional

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import ipsec
from ansible_collections.dockernet.baseline.plugins.module_utils._host.ipsec import parse_policy, read_ipsec
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import attribute
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Ipsec, IpsecPolicy, IpsecTemplate
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import UnreadableError

IN, OUT, FORWARDED, SOCKET = 0, 1, 2, 3
ANY = bytes(16)


def four(text: str) -> bytes:
    return socket.inet_aton(text) + bytes(12)


def message(
    direction: int, *, action: int = 0, flags: int = 0, ports: Sequence[int] = (0, 0, 0, 0), attributes: bytes = b""
) -> bytes:
    """For what 10.1.0.0/16 sends to 10.2.0.0/24; ports: destination, its mask, source, its mask."""
    selector = four("10.2.0.0") + four("10.1.0.0") + struct.pack(">4H", *ports)
    selector += struct.pack("=HBBB3xiI", socket.AF_INET, 24, 16, 6 if any(ports) else 0, 0, 0)
    return selector + bytes(96) + struct.pack("=IIBBBB4x", 7, 81, direction, action, flags, 0) + attributes


def template(source: str, destination: str, mode: int, optional: int = 0) -> bytes:
    ends = [four(end) if end else ANY for end in (destination, source)]
    return struct.pack("=16sIB3xH2x16sIBBBx3I", ends[0], 0, 50, 2, ends[1], 1, mode, 0, optional, 0, 0, 0)


def test_what_a_policy_says() -> None:
    templates = template("192.0.2.1", "192.0.2.2", 1) + template("", "", 0, optional=1)
    attributes = attribute(5, templates) + attribute(21, struct.pack("=II", 5, 0xFF)) + attribute(31, b"\x07\0\0\0")
    assert parse_policy(message(OUT, ports=(443, 0xFFFF, 0, 0), attributes=attributes)) == IpsecPolicy(
        "out", 4, "10.1.0.0/16", "10.2.0.0/24", "allow", 7, 81, 6, 0, 0, 443, 0xFFFF, 0, 5, 0xFF, 7,
        [IpsecTemplate("tunnel", False, "192.0.2.1", "192.0.2.2"), IpsecTemplate("transport", True)],
    )  # fmt: skip
    assert parse_policy(message(FORWARDED, action=1)) == IpsecPolicy(
        "fwd", 4, "10.1.0.0/16", "10.2.0.0/24", "block", 7, 81
    )


def test_a_policy_for_icmp_errors() -> None:
    # include/uapi/linux/xfrm.h: XFRM_POLICY_LOCALOK is 1, XFRM_POLICY_ICMP is 2.
    for flags, icmp in ((0, False), (1, False), (2, True), (3, True)):
        found = parse_policy(message(OUT, flags=flags))
        assert found is not None
        assert found.icmp is icmp


def test_policies_of_single_sockets_are_left_out() -> None:
    """As daemons of IKE give them to their own sockets, for packets from anywhere to anywhere."""
    assert parse_policy(message(SOCKET)) is None
    assert parse_policy(message(IN)) is not None


@pytest.mark.parametrize(("number", "text"), [(errno.EPERM, "become"), (errno.ENOBUFS, "did not list the IPsec")])
def test_a_kernel_that_refuses(monkeypatch: pytest.MonkeyPatch, number: int, text: str) -> None:
    monkeypatch.setattr(ipsec, "Netlink", refusing(number))
    with pytest.raises(UnreadableError, match=text):
        read_ipsec()


@pytest.mark.parametrize("number", [errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT])
def test_a_kernel_without_ipsec_has_no_policies(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr(ipsec, "Netlink", refusing(number))
    assert read_ipsec() == Ipsec()


def refusing(number: int) -> object:
    def make(dummy_protocol: int) -> Optional[object]:
        raise OSError(number, os.strerror(number))

    return make


class Kernel:
    """Answers with these policies and defaults; None for a kernel that does not know the question about those."""

    def __init__(self, messages: list[bytes], defaults: Optional[bytes]) -> None:
        self._messages, self._defaults = messages, defaults

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *dummy: object) -> None:
        pass

    def dump(self, dummy_kind: int, dummy_body: bytes) -> list[bytes]:
        return self._messages

    def ask(self, dummy_kind: int, dummy_body: bytes) -> bytes:
        if self._defaults is None:
            raise OSError(errno.EINVAL, "Invalid argument")
        return self._defaults


def test_they_come_in_the_order_in_which_the_kernel_asks_them(monkeypatch: pytest.MonkeyPatch) -> None:
    first = message(IN)[:152] + struct.pack("=II", 3, 99) + message(IN)[160:]
    monkeypatch.setattr(ipsec, "Netlink", lambda dummy: Kernel([message(OUT), first], None))
    found = read_ipsec()
    assert [policy.priority for policy in found.policies] == [3, 7]
    # Every host has this.
    assert "net.ipv4.conf.lo.disable_xfrm" in found.exempt


def test_what_is_blocked_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ipsec, "Netlink", lambda dummy: Kernel([], b"\x02\x01\x02"))
    assert read_ipsec().blocked == ["fwd"]
    monkeypatch.setattr(ipsec, "Netlink", lambda dummy: Kernel([], b"\x02\x02\x02"))
    assert read_ipsec() == Ipsec()
