"""Sockets in network namespaces of other processes, made by this one: no program is needed in there."""

from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CLONE_NEWNET = 0x40000000
# setns(2); os.setns exists from Python 3.12 on.
_LIBC = ctypes.CDLL(None, use_errno=True)


@contextmanager
def inside(path: str) -> Iterator[None]:
    """The calling thread is in the namespace at that path meanwhile; other threads stay where they are."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        there = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _setns(there)
        finally:
            os.close(there)
        try:
            yield
        finally:
            _setns(home)
    finally:
        os.close(home)


@contextmanager
def new_namespace() -> Iterator[str]:
    """The path of a new network namespace, which is gone once the block and this process have ended."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _LIBC.unshare(CLONE_NEWNET) != 0:
            error = ctypes.get_errno()
            raise OSError(error, f"unshare: {os.strerror(error)}")
        try:
            made = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            _setns(home)
    finally:
        os.close(home)
    try:
        yield f"/proc/{os.getpid()}/fd/{made}"
    finally:
        os.close(made)


def socket_in(path: str, family: int, kind: int, protocol: int = 0) -> socket.socket:
    """A socket that belongs to the namespace at that path (a socket keeps the namespace it was made in)."""
    with inside(path):
        return socket.socket(family, kind, protocol)


# How long the kernel waits before it asks again who has an address; it gives up after three questions (arp(7)).
NEIGHBOUR_MILLISECONDS = "250"


def answer_soon(path: str) -> None:
    """Make the kernel tell of every failure, and soon, since a probe waits for it.

    Lifts the limits on how many ICMP errors are sent from a namespace (icmp(7)), and shortens the time after which an
    address that nobody has cannot be reached.
    """
    with inside(path):
        for neighbours in Path("/proc/sys/net").glob("ipv?/neigh/*/retrans_time_ms"):
            neighbours.write_text(NEIGHBOUR_MILLISECONDS)
        Path("/proc/sys/net/ipv4/icmp_ratemask").write_text("0")
        Path("/proc/sys/net/ipv6/icmp/ratemask").write_text("127")
        Path("/proc/sys/net/ipv6/icmp/ratelimit").write_text("0")


def _setns(descriptor: int) -> None:
    if _LIBC.setns(descriptor, CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"setns: {os.strerror(error)}")
