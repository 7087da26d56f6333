"""What answers on the lab's internet and LAN machines: HTTP on TCP, an echo on UDP. Standard library only.

The body of an HTTP answer is `NAME saw SOURCE port PORT at DESTINATION`, so that a test sees which address a request
came from (masquerading) and which one it was sent to. An UDP datagram comes back with the same line before it.
Usage: server.py NAME [TCP-PORT ...] -- [UDP-PORT ...]
"""

from __future__ import annotations

import socket
import sys
import threading

BACKLOG = 1024
REQUEST_SECONDS = 5.0
IPV6_FREEBIND = 78  # ipv6(7)


def main(argv: list[str]) -> None:
    name, split = argv[0], argv.index("--")
    for port in argv[split + 1 :]:
        threading.Thread(target=_echo, args=(name, int(port)), daemon=True).start()
    listeners = [threading.Thread(target=_accept, args=(name, int(port))) for port in argv[1:split]]
    for listener in listeners:
        listener.start()


def _accept(name: str, port: int) -> None:
    with socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=BACKLOG) as server:
        while True:
            connection, peer = server.accept()
            threading.Thread(target=_answer, args=(name, connection, peer), daemon=True).start()


def _answer(name: str, connection: socket.socket, peer: tuple[str, int]) -> None:
    with connection:
        connection.settimeout(REQUEST_SECONDS)
        try:
            connection.recv(65536)
            body = _seen(name, peer, connection.getsockname()[0])
            connection.sendall(
                b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
            )
        except OSError:
            return


def _echo(name: str, port: int) -> None:
    """Answers from the address that was asked, which a plain socket would not do for a whole range of addresses."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as server:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        # A whole range of IPv6 addresses is the machine's own by a route alone, not enough to send from one of them.
        server.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
        server.bind(("::", port))
        while True:
            data, ancillary, dummy, peer = server.recvmsg(65536, 64)
            info = [item for item in ancillary if item[1] == socket.IPV6_PKTINFO]
            asked = socket.inet_ntop(socket.AF_INET6, info[0][2][:16]) if info else "?"
            source = [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, info[0][2][:16] + bytes(4))] if info else []
            try:
                server.sendmsg([_seen(name, peer, asked) + data], source, 0, peer)
            except OSError:
                continue


def _seen(name: str, peer: tuple[str, int], asked: str) -> bytes:
    source, destination = (text.removeprefix("::ffff:") for text in (peer[0], asked))
    return f"{name} saw {source} port {peer[1]} at {destination}\n".encode()


if __name__ == "__main__":
    main(sys.argv[1:])
