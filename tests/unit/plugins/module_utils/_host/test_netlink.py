"""Messages of netlink: what is read of them, whole, cut off, and while the kernel's list changes."""

from __future__ import annotations

import errno
import os
import socket
import struct

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import netlink
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import (
    ROUTE,
    Netlink,
    address,
    attribute,
    attributes,
    text,
)
from hypothesis import given
from hypothesis import strategies as st

ERROR, DONE = 2, 3
MULTI, INTERRUPTED = 0x2, 0x10
KIND = 16


def message(kind: int, payload: bytes, flags: int = MULTI, sequence: int = 1) -> bytes:
    header = struct.pack("=IHHII", 16 + len(payload), kind, flags, sequence, 0)
    return header + payload + bytes(-len(payload) % 4)


def status(number: int) -> bytes:
    return struct.pack("=i", -number)


class Kernel:
    """A socket whose other end answers each request with the next of some datagrams."""

    def close(self) -> None:
        pass

    def __init__(self, *answers: list[bytes]) -> None:
        self._answers = list(answers)
        self._waiting: list[bytes] = []
        self.requests = 0

    def send(self, data: bytes) -> None:
        self.requests += 1
        self._waiting += self._answers.pop(0)

    def recvmsg_into(self, buffers: list[bytearray]) -> tuple[int, list[object], int, None]:
        (room,) = buffers
        data = self._waiting.pop(0)
        size = min(len(data), len(room))
        memoryview(room)[:size] = data[:size]
        return size, [], socket.MSG_TRUNC if len(data) > size else 0, None


def asking(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> Netlink:
    made = Netlink(ROUTE)
    made._socket.close()
    monkeypatch.setattr(made, "_socket", kernel)
    return made


def test_a_list_in_several_datagrams(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel([message(KIND, b"one!") + message(KIND, b"two"), message(KIND, b"3"), message(DONE, status(0))])
    assert asking(kernel, monkeypatch).dump(KIND, b"") == [b"one!", b"two", b"3"]


def test_a_list_that_changes_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    changing = [message(KIND, b"old", MULTI | INTERRUPTED) + message(DONE, status(0))]
    kernel = Kernel(
        changing,
        [message(KIND, b"late", sequence=1) + message(KIND, b"new", sequence=2), message(DONE, status(0), sequence=2)],
    )
    assert asking(kernel, monkeypatch).dump(KIND, b"") == [b"new"]
    always = [
        [message(KIND, b"x", INTERRUPTED, number) + message(DONE, status(0), 0, number)] for number in range(1, 99)
    ]
    kernel = Kernel(*always)
    with pytest.raises(OSError, match="each of 10 attempts"):
        asking(kernel, monkeypatch).dump(KIND, b"")
    assert kernel.requests == 10


@pytest.mark.parametrize("kind", [ERROR, DONE])
def test_what_the_kernel_refuses_is_an_error_with_its_number(kind: int, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel([message(KIND, b"x") + message(kind, status(errno.EPERM))])
    with pytest.raises(PermissionError):
        asking(kernel, monkeypatch).dump(KIND, b"")
    with pytest.raises(OSError, match=os.strerror(errno.ENODEV)):
        asking(Kernel([message(ERROR, status(errno.ENODEV))]), monkeypatch).ask(KIND, b"")


def test_a_message_that_is_too_large_is_not_taken_for_a_whole_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netlink, "_RECEIVED", 32)
    with pytest.raises(OSError, match="more than 32 bytes"):
        asking(Kernel([message(KIND, bytes(100))]), monkeypatch).ask(KIND, b"")


def test_what_is_not_understood_is_an_error_of_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel([message(KIND, b"x") + message(DONE, status(0))])
    with pytest.raises(OSError, match="malformed") as caught, asking(kernel, monkeypatch) as asked:
        struct.unpack("=I", asked.dump(KIND, b"")[0])
    assert caught.value.errno == errno.EBADMSG
    with pytest.raises(RuntimeError), asking(kernel, monkeypatch):
        raise RuntimeError


def test_a_kernel_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netlink, "TIME_LIMIT", 0.01)
    # An acknowledgement that was not asked for does not come.
    with Netlink(ROUTE) as asked, pytest.raises(TimeoutError):
        asked.ask(0, b"")


@given(st.dictionaries(st.integers(1, 0x3FFF), st.binary(max_size=40)))
def test_attributes_come_back(values: dict[int, bytes]) -> None:
    data = b"head" + b"".join(attribute(kind, value) for kind, value in values.items())
    assert attributes(data, 4) == values


@given(st.binary(max_size=200))
def test_any_bytes_are_read_to_their_end(data: bytes) -> None:
    found = attributes(data)
    assert sum(map(len, found.values())) <= len(data)


def test_flags_of_a_type_are_no_part_of_its_number() -> None:
    assert attributes(attribute(18 | 0x8000, b"x")) == {18: b"x"}


def test_names_and_addresses() -> None:
    assert [text(value) for value in (None, b"eth0\0", b"\xff\0rest")] == ["", "eth0", "\ufffd"]
    assert [address(value) for value in (None, bytes(4), bytes(15) + b"\1")] == ["", "0.0.0.0", "::1"]  # noqa: S104
