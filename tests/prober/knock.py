"""Opens TCP connections at a steady rate, asks each for a page, and counts how that ends. Standard library only.

Usage: knock.py ADDRESS PORT PER_SECOND MOST_SECONDS, in whatever network namespace the connections shall come from. It
ends when its standard input is closed, at the latest after MOST_SECONDS, and writes outcomes, losses and late as JSON:

    answered   bytes came back
    refused    nothing listens there, or a firewall rejects: RST or ICMP error instead of a connection
    timed out  no answer within LIMIT
    reset      the connection was made, and broken off without a byte

LIMIT is shorter than the second after which TCP sends a lost SYN again (RFC 6298), so that a lost packet counts as lost
and is not made good. late counts connections that this program, on a busy machine, began more than a tenth of a second
after their time.
"""

from __future__ import annotations

import collections
import errno
import json
import select
import selectors
import socket
import sys
import time

LIMIT = 0.9
LATE = 0.1
ANSWERED, REFUSED, TIMED_OUT, RESET = "answered", "refused", "timed out", "reset"


class Knocker:
    """The connections under way and the counts of those that have ended."""

    def __init__(self, address: str, port: int) -> None:
        self.outcomes: collections.Counter[str] = collections.Counter()
        self.losses: list[tuple[float, str]] = []
        self._target = (address, port)
        self._request = f"GET / HTTP/1.0\r\nHost: {address}\r\n\r\n".encode()
        self._open = selectors.DefaultSelector()
        self._begun: collections.OrderedDict[socket.socket, float] = collections.OrderedDict()

    def start(self, now: float) -> None:
        client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        client.setblocking(False)
        self._begun[client] = now
        code = client.connect_ex(self._target)
        if code not in (0, errno.EINPROGRESS):
            self._end(client, REFUSED)
            return
        self._open.register(client, selectors.EVENT_WRITE)

    def wait(self, seconds: float) -> None:
        """Go on with whatever can go on, and give up what takes too long."""
        for key, mask in self._open.select(max(0.0, seconds)):
            client = key.fileobj
            assert isinstance(client, socket.socket)
            if mask & selectors.EVENT_WRITE:
                self._connected(client)
            else:
                self._answered(client)
        expired = time.monotonic() - LIMIT
        while self._begun and next(iter(self._begun.values())) < expired:
            self._finish(next(iter(self._begun)), TIMED_OUT)

    @property
    def under_way(self) -> bool:
        return bool(self._begun)

    def _connected(self, client: socket.socket) -> None:
        if client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._finish(client, REFUSED)
            return
        try:
            client.send(self._request)
        except OSError:
            self._finish(client, RESET)
            return
        self._open.modify(client, selectors.EVENT_READ)

    def _answered(self, client: socket.socket) -> None:
        try:
            data = client.recv(4096)
        except OSError:
            data = b""
        self._finish(client, ANSWERED if data else RESET)

    def _finish(self, client: socket.socket, outcome: str) -> None:
        self._open.unregister(client)
        self._end(client, outcome)

    def _end(self, client: socket.socket, outcome: str) -> None:
        self.outcomes[outcome] += 1
        begun = self._begun.pop(client)
        if outcome != ANSWERED:
            self.losses.append((round(time.time() - time.monotonic() + begun, 3), outcome))
        client.close()


def main(argv: list[str]) -> None:
    address, port, rate, most = argv[0], int(argv[1]), float(argv[2]), float(argv[3])
    knocker = Knocker(address, port)
    due = began = time.monotonic()
    late = 0
    while due < began + most and not select.select([sys.stdin], [], [], 0)[0]:
        knocker.wait(due - time.monotonic())
        now = time.monotonic()
        if now >= due:
            late += now - due > LATE
            knocker.start(now)
            due += 1 / rate
    while knocker.under_way:
        knocker.wait(LATE)
    json.dump({"outcomes": knocker.outcomes, "losses": knocker.losses, "late": late}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
