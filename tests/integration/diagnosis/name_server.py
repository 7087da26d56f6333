# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A name server outside that knows one name."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.differential.answering import ANY4
from tests.differential.namespaces import socket_in
from tests.integration.diagnosis.scene import Scene

NAME = "shop.example"
PORT = 53
A, IN = 1, 1
ANSWER = 0x8180
"""Flags: a response, recursion desired and available."""
UNKNOWN_NAME = 3


class NameServer:
    """Answers the one name with one address."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.silent = False
        """Whether it receives questions and says nothing."""

    def answer(self, question: bytes) -> bytes:
        """The answer to a query (RFC 1035, section 4)."""
        number, dummy_flags = struct.unpack_from(">HH", question)
        labels, end = _labels(question)
        kind = struct.unpack_from(">H", question, end)[0]
        known = ".".join(labels).lower() == NAME
        answers = [self.address] if known and kind == A else []
        head = struct.pack(">HHHHHH", number, ANSWER | (0 if known else UNKNOWN_NAME), 1, len(answers), 0, 0)
        record = b"".join(
            b"\xc0\x0c" + struct.pack(">HHIH", A, IN, 60, 4) + socket.inet_aton(address) for address in answers
        )
        return head + question[12 : end + 4] + record


@contextmanager
def name_server(scene: Scene, address: str) -> Iterator[NameServer]:
    """Runs on the lab's internet machine for as long as the block lasts, at an address of this host's own."""
    table = f"names{scene.host.host_name.place}"
    server, ended = NameServer(address), threading.Event()
    with socket_in(scene.lab.internet.path, socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind((ANY4, 0))
        listening.settimeout(0.2)
        # The port of names is taken there by a server that echoes.
        redirect = f"ip daddr {scene.resolver} udp dport {PORT} redirect to :{listening.getsockname()[1]}"
        chain = f"chain c {{ type nat hook prerouting priority -100; {redirect}; }}"
        scene.lab.internet.net(["nft", f"table ip {table} {{ {chain}; }}"])
        thread = threading.Thread(target=_serve, args=(server, listening, ended), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            ended.set()
            thread.join()
            scene.lab.internet.net(["nft", "delete", "table", "ip", table])


def look_up(path: str, server: str, name: str, seconds: float) -> str:
    """The address that a name server has for a name when it is asked from a namespace; the error's word, or "".

    The word is one of tests/lab/probe.py.
    """
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    query = struct.pack(">HHHHHH", 0x2A2A, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", A, IN)
    with socket_in(path, socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(seconds)
        try:
            asking.connect((server, PORT))
            asking.send(query)
            answer = asking.recv(4096)
        except socket.timeout:
            return "timed out"
        except ConnectionError:
            return "refused"
        except OSError:
            return "unreachable"
    return socket.inet_ntoa(answer[-4:]) if struct.unpack_from(">H", answer, 6)[0] else ""


def _serve(server: NameServer, listening: socket.socket, ended: threading.Event) -> None:
    while not ended.is_set():
        try:
            question, peer = listening.recvfrom(4096)
        except socket.timeout:
            continue
        if not server.silent:
            listening.sendto(server.answer(question), peer)


def _labels(message: bytes) -> tuple[list[str], int]:
    """The name of the first question, and where it ends."""
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1 : at + 1 + message[at]].decode("ascii", "replace"))
        at += 1 + message[at]
    return labels, at + 1
