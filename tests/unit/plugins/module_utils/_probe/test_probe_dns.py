# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages of DNS: what is asked, and what hostile nameservers answer."""

from __future__ import annotations

import random
import socket
import struct
import threading
from collections.abc import Callable, Iterator

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._probe import dns

from tests.unit.patience import SECONDS

NUMBER = 0x1234
QUESTION = dns.encode(NUMBER, "web.example.", dns.A)
ASKED = QUESTION[12:]
# Points to the name in the question.
OWNER = b"\xc0\x0c"


def answer(records: bytes, count: int, *, flags: int = 0x8180, number: int = NUMBER, asked: bytes = ASKED) -> bytes:
    return struct.pack("!HHHHHH", number, flags, 1, count, 0, 0) + asked + records


def record(data: bytes, kind: int = dns.A, owner: bytes = OWNER, of_class: int = 1) -> bytes:
    return owner + struct.pack("!HHIH", kind, of_class, 60, len(data)) + data


FOUND = record(socket.inet_aton("192.0.2.7"))


def test_a_question_has_one_name_and_wants_recursion() -> None:
    assert QUESTION == b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\0\x03web\x07example\0\0\x01\0\x01"
    assert dns.encode(0, ".", dns.AAAA)[12:] == b"\0\0\x1c\0\x01"
    assert b"\x0axn--bcher-" in dns.encode(0, "b\u00fccher.example.", dns.A) or b"xn--bcher-kva" in dns.encode(
        0, "b\u00fccher.example.", dns.A
    )


@pytest.mark.parametrize("name", ["a..b", ".a", "x" * 64, ".".join(["abcdefghi"] * 30), "\ud800"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(dns.DnsError):
        dns.encode(0, name, dns.A)


def test_an_answer_has_addresses_of_the_name_and_of_its_other_names() -> None:
    assert dns.decode(answer(FOUND, 1), QUESTION) == ("", ["192.0.2.7"])
    other = b"\x05other\0"
    alias = record(other, kind=5)
    assert dns.decode(answer(alias + record(socket.inet_aton("192.0.2.8"), owner=other), 2), QUESTION) == (
        "",
        ["192.0.2.8"],
    )
    assert dns.decode(answer(record(socket.inet_aton("192.0.2.9"), owner=other), 1), QUESTION) == (dns.NODATA, [])
    assert dns.decode(answer(record(bytes(16), kind=dns.AAAA), 1), QUESTION) == (dns.NODATA, [])
    assert dns.decode(answer(record(socket.inet_aton("192.0.2.9"), of_class=3), 1), QUESTION) == (dns.NODATA, [])


@pytest.mark.parametrize(
    ("code", "name"), [(1, "FORMERR"), (2, "SERVFAIL"), (3, "NXDOMAIN"), (4, "NOTIMP"), (5, "REFUSED"), (9, "RCODE9")]
)
def test_a_code_has_a_name(code: int, name: str) -> None:
    assert dns.decode(answer(b"", 0, flags=0x8180 | code), QUESTION) == (name, [])


HOSTILE = {
    "another number": answer(FOUND, 1, number=NUMBER + 1),
    "another name": answer(FOUND, 1, asked=dns.encode(0, "bad.example.", dns.A)[12:]),
    "another type": answer(FOUND, 1, asked=dns.encode(0, "web.example.", dns.AAAA)[12:]),
    "a question": answer(FOUND, 1, flags=0x0100),
    "nothing": b"",
    "half a head": QUESTION[:7],
    "no record": answer(b"", 3),
    "half a record": answer(FOUND[:-2], 1),
    "a circle": answer(b"\xc0" + bytes([12 + len(ASKED)]) + FOUND[2:], 1),
    "two that point to each other": answer(b"\xc0\x1f\xc0\x1d" + FOUND[2:], 1),
    "a pointer beyond": answer(b"\xff\xff" + FOUND[2:], 1),
    "a label of another kind": answer(b"\x40" + FOUND, 1),
    "a label beyond the end": answer(b"\x3fabc", 1),
    "a name without an end": answer(b"\x3f" + b"a" * 63 + (b"\x3f" + b"b" * 63) * 4 + b"\0" + FOUND[2:], 1),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_answer_is_refused(name: str) -> None:
    with pytest.raises(dns.DnsError):
        dns.decode(HOSTILE[name], QUESTION)


def test_random_bytes_raise_nothing_else() -> None:
    chance = random.Random(1)  # noqa: S311
    for dummy in range(3000):
        message = bytearray(answer(FOUND * 3, 3))
        for dummy2 in range(chance.randrange(1, 6)):
            message[chance.randrange(12, len(message))] = chance.randrange(256)
        try:
            dns.decode(bytes(message[: chance.randrange(len(message) + 1)]), QUESTION)
        except dns.DnsError:
            continue


def test_so_many_addresses_are_kept_and_no_more() -> None:
    records = b"".join(record(struct.pack("!I", number)) for number in range(1, 150))
    assert len(dns.decode(answer(records, 149), QUESTION)[1]) == 32


@pytest.fixture
def nameserver() -> Iterator[Callable[[Callable[[bytes], list[bytes]]], int]]:
    """Starts a nameserver on loopback that sends what a function makes of a question, and returns its port."""
    sockets: list[socket.socket] = []

    def start(replies: Callable[[bytes], list[bytes]]) -> int:
        serving = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sockets.append(serving)
        serving.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                try:
                    question, sender = serving.recvfrom(2000)
                except OSError:
                    return
                for reply in replies(question):
                    serving.sendto(reply, sender)

        threading.Thread(target=serve, daemon=True).start()
        return int(serving.getsockname()[1])

    yield start
    for each in sockets:
        each.close()


def answered(question: bytes, records: bytes = FOUND, count: int = 1, flags: int = 0x8180) -> bytes:
    return struct.pack("!HHHHHH", *struct.unpack_from("!H", question), flags, 1, count, 0, 0) + question[12:] + records


def test_only_the_answer_to_the_question_counts(nameserver: Callable[..., int]) -> None:
    def replies(question: bytes) -> list[bytes]:
        forged = bytes([question[0] ^ 1]) + answered(question, record(socket.inet_aton("203.0.113.66")))[1:]
        return [forged, b"", answered(question)]

    found = dns.ask("127.0.0.1", "web.example.", dns.A, SECONDS, nameserver(replies))
    assert (found.error, found.addresses) == ("", ["192.0.2.7"])


def test_a_lost_question_is_asked_again(nameserver: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []
    waits: list[float] = []

    def replies(question: bytes) -> list[bytes]:
        seen.append(question)
        return [answered(question)] if len(seen) > 1 else []

    class Socket(socket.socket):
        """Its first wait passes at once."""

        def recv(self, *args: int) -> bytes:
            waits.append(self.gettimeout() or 0.0)
            if len(waits) == 1:
                raise socket.timeout
            return super().recv(*args)

    port = nameserver(replies)
    monkeypatch.setattr(socket, "socket", Socket)
    assert dns.ask("127.0.0.1", "web.example.", dns.A, SECONDS, port).error == ""
    assert len(seen) == 2
    # Half of the time is for the second question.
    assert 0 < waits[0] <= SECONDS / 2 < waits[1]


def test_silence_and_refusal_are_told_apart(nameserver: Callable[..., int]) -> None:
    assert dns.ask("127.0.0.1", "web.", dns.A, 0.3, nameserver(lambda dummy: [])).error == "TIMEOUT"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    assert dns.ask("127.0.0.1", "web.", dns.A, SECONDS, port).error == "ECONNREFUSED"


def test_what_is_cut_short_is_asked_by_tcp() -> None:
    with socket.socket() as listening, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as serving:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        serving.bind(listening.getsockname())

        def serve() -> None:
            question, sender = serving.recvfrom(2000)
            serving.sendto(answered(question, b"", 0, flags=0x8380), sender)
            connected, dummy = listening.accept()
            with connected:
                whole = answered(question)
                connected.sendall(struct.pack("!H", len(whole)) + whole[:5])
                connected.sendall(whole[5:])

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        found = dns.ask("127.0.0.1", "web.example.", dns.A, SECONDS, listening.getsockname()[1])
        thread.join()
    assert found.addresses == ["192.0.2.7"]
