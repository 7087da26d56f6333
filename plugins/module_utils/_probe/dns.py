# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Questions to nameservers (RFC 1035): one name, one type, over UDP, and over TCP where the answer is cut short.

Who answers is a stranger: the message is bounded, and the number of records and of jumps in a name with it.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from dataclasses import dataclass, field

from ansible_collections.dockernet.baseline.plugins.module_utils._host.internet_protocol import family_of
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.attempt import (
    TIMEOUT,
    error_name,
    socket_address,
)

A = 1
AAAA = 28
TYPES = {A: "A", AAAA: "AAAA"}
PORT = 53

NXDOMAIN = "NXDOMAIN"
NODATA = "NODATA"
"""There is such a name, and no address of that type."""
MALFORMED = "MALFORMED"
_CODES = {0: "", 1: "FORMERR", 2: "SERVFAIL", 3: NXDOMAIN, 4: "NOTIMP", 5: "REFUSED"}

_CNAME = 5
_INTERNET = 1
_HEADER = struct.Struct("!HHHHHH")
_QUESTION = struct.Struct("!HH")
_RECORD = struct.Struct("!HHIH")
_LENGTH = struct.Struct("!H")
_RECURSION_WANTED = 0x0100
_IS_ANSWER = 0x8000
_IS_CUT = 0x0200
_CODE = 0x000F
_POINTER = 0xC0
_LONGEST_NAME = 255
_LONGEST_LABEL = 63
_MOST_JUMPS = 32
_MOST_RECORDS = 200
_MOST_ADDRESSES = 32
_LARGEST = 1 << 16
_TRIES = 2


class DnsError(ValueError):
    """A name that cannot be asked for, or a message that is none."""


@dataclass(frozen=True)
class DnsAnswer:
    """What a nameserver said."""

    error: str = ""
    """``TIMEOUT``, the name of an errno, the code of the answer, ``NODATA`` or ``MALFORMED``; empty for addresses."""
    addresses: list[str] = field(default_factory=list)
    milliseconds: float = 0.0

    @property
    def answered(self) -> bool:
        """Whether it said anything that is a message of DNS."""
        return self.error in ("", NODATA, MALFORMED, *_CODES.values()) or self.error.startswith("RCODE")

    @property
    def is_answer(self) -> bool:
        """Whether it says what there is, or that there is none."""
        return self.error in ("", NXDOMAIN, NODATA)


def ask(server: str, name: str, kind: int, seconds: float, port: int = PORT) -> DnsAnswer:
    """Ask a nameserver for the addresses of an absolute name, within so many seconds. Raises DnsError for a bad name.

    From the network namespace of this thread. The question is sent twice at most.
    """
    began = time.monotonic()
    number = int.from_bytes(os.urandom(2), "big")
    question = encode(number, name, kind)
    try:
        message = _over_udp(server, port, question, seconds)
        if _cut_short(message):
            message = _over_tcp(server, port, question, max(0.1, seconds - (time.monotonic() - began)))
        error, addresses = decode(message, question)
    except socket.timeout:
        error, addresses = TIMEOUT, []
    except OSError as problem:
        error, addresses = error_name(problem), []
    except DnsError:
        error, addresses = MALFORMED, []
    return DnsAnswer(error, addresses, round(1000 * (time.monotonic() - began), 3))


def _over_udp(server: str, port: int, question: bytes, seconds: float) -> bytes:
    until = time.monotonic() + seconds
    family = family_of(server)
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        # Connected: the kernel lets in nothing but what this nameserver sends, and says where it is unreachable.
        asking.connect(socket_address(server, port))
        for left in range(_TRIES, 0, -1):
            asking.send(question)
            end = min(until, time.monotonic() + (until - time.monotonic()) / left)
            while (wait := end - time.monotonic()) > 0:
                asking.settimeout(wait)
                try:
                    message = asking.recv(_LARGEST)
                except socket.timeout:
                    break
                if _belongs(message, question):
                    return message
    raise socket.timeout


def _over_tcp(server: str, port: int, question: bytes, seconds: float) -> bytes:
    until = time.monotonic() + seconds
    family = family_of(server)
    with socket.socket(family, socket.SOCK_STREAM) as asking:
        asking.settimeout(seconds)
        asking.connect(socket_address(server, port))
        asking.sendall(_LENGTH.pack(len(question)) + question)
        (length,) = _LENGTH.unpack(_exactly(asking, _LENGTH.size, until))
        message = _exactly(asking, length, until)
    if not _belongs(message, question):
        raise DnsError("it answers another question")
    return message


def _exactly(asking: socket.socket, size: int, until: float) -> bytes:
    found = b""
    while len(found) < size:
        wait = until - time.monotonic()
        if wait <= 0:
            raise socket.timeout
        asking.settimeout(wait)
        part = asking.recv(size - len(found))
        if not part:
            raise DnsError("it ends too early")
        found += part
    return found


def encode(number: int, name: str, kind: int) -> bytes:
    """Return the message that asks for an absolute name. Raises DnsError where it is none."""
    labels = [] if name == "." else name.rstrip(".").split(".")
    encoded = b""
    for label in labels:
        try:
            octets = label.encode("ascii")
        except UnicodeEncodeError:
            octets = _by_idna(label)
        if not 1 <= len(octets) <= _LONGEST_LABEL:
            raise DnsError("each part of a name between dots has 1 to 63 characters")
        encoded += bytes([len(octets)]) + octets
    if len(encoded) >= _LONGEST_NAME:
        raise DnsError("a name has at most 253 characters")
    head = _HEADER.pack(number, _RECURSION_WANTED, 1, 0, 0, 0)
    return head + encoded + b"\0" + _QUESTION.pack(kind, _INTERNET)


def _by_idna(label: str) -> bytes:
    try:
        return label.encode("idna")
    except UnicodeError as error:
        raise DnsError("it has characters that no name has") from error


def _belongs(message: bytes, question: bytes) -> bool:
    """Whether a message answers this question: the same number, and the same name and type (RFC 5452, section 9)."""
    if len(message) < _HEADER.size:
        return False
    number, flags, questions, *dummy = _HEADER.unpack_from(message)
    asked = question[_HEADER.size :]
    repeated = message[_HEADER.size : _HEADER.size + len(asked)]
    same = repeated.lower() == asked.lower()
    # A server that does not understand a question need not repeat it.
    without = questions == 0 and flags & _CODE != 0
    return number == _HEADER.unpack_from(question)[0] and bool(flags & _IS_ANSWER) and (same or without)


def _cut_short(message: bytes) -> bool:
    return bool(_HEADER.unpack_from(message)[1] & _IS_CUT)


def decode(message: bytes, question: bytes) -> tuple[str, list[str]]:
    """Return code and addresses of an answer to a question. Raises DnsError for what is no message of DNS."""
    if not _belongs(message, question):
        raise DnsError("it answers another question")
    try:
        dummy, flags, questions, answers, *dummy2 = _HEADER.unpack_from(message)
        code = flags & _CODE
        if code:
            return _CODES.get(code, f"RCODE{code}"), []
        at = _HEADER.size
        wanted = ""
        for dummy3 in range(min(questions, 1)):
            wanted, at = _name_at(message, at)
            at += _QUESTION.size
        (kind,) = _LENGTH.unpack_from(question, len(question) - _QUESTION.size)
        found = _addresses(message, at, min(answers, _MOST_RECORDS), wanted, kind)
    except (struct.error, IndexError) as error:
        raise DnsError("it ends too early") from error
    return ("" if found else NODATA), found


def _addresses(message: bytes, at: int, records: int, wanted: str, kind: int) -> list[str]:
    """Addresses of a name, its other names followed."""
    names = {wanted}
    found: list[str] = []
    for dummy in range(records):
        owner, at = _name_at(message, at)
        of_kind, of_class, dummy2, length = _RECORD.unpack_from(message, at)
        at += _RECORD.size
        data = message[at : at + length]
        if len(data) < length:
            raise DnsError("it ends too early")
        if of_class == _INTERNET and owner in names:
            if of_kind == _CNAME:
                names.add(_name_at(message, at)[0])
            elif of_kind == kind and length == (4 if kind == A else 16) and len(found) < _MOST_ADDRESSES:
                found.append(socket.inet_ntop(socket.AF_INET if kind == A else socket.AF_INET6, data))
        at += length
    return list(dict.fromkeys(found))


def _name_at(message: bytes, at: int) -> tuple[str, int]:
    """The name at a place, in lower case, and where what follows it begins."""
    labels: list[str] = []
    after = None
    size = jumps = 0
    while length := message[at]:
        if length & _POINTER == _POINTER:
            after = at + 2 if after is None else after
            at = _LENGTH.unpack_from(message, at)[0] & 0x3FFF
            jumps += 1
            if jumps > _MOST_JUMPS:
                raise DnsError("its names lead in a circle")
            continue
        if length & _POINTER:
            raise DnsError("it has a label of no known kind")
        size += length + 1
        if size > _LONGEST_NAME or at + 1 + length > len(message):
            raise DnsError("it has a name that is too long")
        labels.append(message[at + 1 : at + 1 + length].decode("latin-1").lower())
        at += 1 + length
    return ".".join(labels), at + 1 if after is None else after
