"""Bounded attempts to reach an address, made from whatever network namespace this program is started in.

Reads a JSON list of [protocol, address, port, seconds] from standard input, tries all of them at once and writes a list
of [outcome, detail, body] in the same order. Outcomes:

    answered     bytes came back
    refused      a reset, or an ICMP port unreachable: nothing listens there
    closed       the connection was made, then ended without a byte (docker-proxy before a dead server)
    timed out    nothing came back in time
    unreachable  no route, or an ICMP error, or the local firewall refused to send
"""

from __future__ import annotations

import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

MAX_BODY = 65536
MAX_AT_ONCE = 64


def attempt(target: tuple[str, str, int, float]) -> tuple[str, str, str]:
    protocol, address, port, seconds = target
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    connected = False
    try:
        with socket.socket(family, kind) as client:
            client.settimeout(seconds)
            client.connect((address, port))
            connected = protocol == "tcp"
            client.sendall(_request(protocol, address))
            body = _read(client, protocol)
    except socket.timeout:
        return "timed out", "connected" if connected else "", ""
    except ConnectionError as error:
        return "closed" if connected else "refused", str(error), ""
    except OSError as error:
        return "unreachable", str(error), ""
    return ("answered", "", body) if body else ("closed", "", "")


def _request(protocol: str, address: str) -> bytes:
    if protocol == "udp":
        return b"dockernet"
    host = f"[{address}]" if ":" in address else address
    return f"GET / HTTP/1.0\r\nHost: {host}\r\n\r\n".encode()


def _read(client: socket.socket, protocol: str) -> str:
    """What came back: for TCP the body of the answer (all of it if it is not HTTP), for UDP one datagram."""
    data = client.recv(MAX_BODY)
    while protocol == "tcp" and data and len(data) < MAX_BODY:
        more = client.recv(MAX_BODY)
        if not more:
            break
        data += more
    text = data.decode("utf-8", "replace")
    head, blank, body = text.partition("\r\n\r\n")
    return (body or head) if blank and head.startswith("HTTP/") else text


def main() -> None:
    targets = [tuple(target) for target in json.load(sys.stdin)]
    with ThreadPoolExecutor(MAX_AT_ONCE) as pool:
        json.dump(list(pool.map(attempt, targets)), sys.stdout)


if __name__ == "__main__":
    main()
