"""The prober tells outcomes apart, and a change under its eyes costs no container. Times are not judged."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.prober.measure import OFF, WITH_PROXY_OFF, one_round, prepare
from tests.prober.paths import KNOCK, STRANGER
from tests.unit.patience import SECONDS

NO_LINGER = struct.pack("ii", 1, 0)


@pytest.mark.long
@pytest.mark.kinds("debian12", "debian13-docker28")
def test_a_round_of_restarts_costs_no_container(fresh_host: Host, lab: Lab) -> None:
    prepare(fresh_host)
    for sample in one_round(lab, fresh_host, 0):
        assert sample.count.sent > 0, sample
        if not (sample.way == STRANGER and sample.phase in WITH_PROXY_OFF):
            assert sample.count.outcomes["answered"] > 0, sample
        if sample.way == STRANGER and sample.phase == OFF:
            assert sample.count.outcomes["timed out"] > 0, sample


@contextlib.contextmanager
def server(behaviour: str) -> Iterator[int]:
    """A port of this machine that treats connections in one way."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if behaviour != "refused":
            listener.listen(64)
        threading.Thread(target=serve, args=(listener, behaviour), daemon=True).start()
        yield listener.getsockname()[1]


def serve(listener: socket.socket, behaviour: str) -> None:
    while behaviour not in ("refused", "timed out"):
        try:
            client = listener.accept()[0]
        except OSError:
            return
        with client:
            client.recv(4096)
            if behaviour == "answered":
                client.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
            else:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)


@pytest.mark.parametrize("outcome", ["answered", "refused", "timed out", "reset"])
def test_outcomes_are_told_apart(outcome: str) -> None:
    # What ends in another way ends so on a slow machine as well.
    patient = "" if outcome == "timed out" else f"knock.LIMIT = {SECONDS}; "
    program = f"import sys; sys.path.insert(0, {str(KNOCK.parent)!r}); import knock; {patient}knock.main(sys.argv[1:])"
    with (
        server(outcome) as port,
        subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", program, "127.0.0.1", str(port), "20", "0.5"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as knocking,
    ):
        assert knocking.stdout is not None
        said = json.loads(knocking.stdout.read())
    assert set(said["outcomes"]) == {outcome}, said
    assert len(said["losses"]) == (0 if outcome == "answered" else said["outcomes"][outcome])
