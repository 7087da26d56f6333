"""What the matrix says of ports that the host's own rules deny and Docker opens, tried once Docker opens them no more.

All containers are removed, a program of the host takes each of their ports, and the machine outside asks again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import DENIED_BY_HOST
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import DELIVERED, OUTSIDE, UNKNOWN, Packet
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict

from tests.differential.answering import Server, Servers, answer_of
from tests.differential.matrix_book import Book
from tests.differential.matrix_questions import Question, family_of, is_loopback
from tests.differential.matrix_trying import Tried, Trying
from tests.integration.snapshots import read_host
from tests.lab.host import Host

# Addresses at which ports are denied, and at which they are not, by uplink, port and family.
Places = dict[tuple[str, str, int], tuple[Sequence[str], Sequence[str]]]


def denied(
    host: Host, trying: Trying, tried: Sequence[Tried], book: Book, told: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Sentences about ports that a program of the host would not have as the matrix says. Removes all containers."""
    open_ = open_ports(tried, book)
    places: Places = {
        (item["uplink"], port, family_of(item["example"]["destination"])): (item["at"], item["not_at"])
        for item in told
        if item["kind"] == DENIED_BY_HOST
        for port in item["ports"]
    }
    if not open_:
        return []
    names = host.docker("ps", "--quiet", "--all").out.split()
    host.docker("rm", "--force", *names)
    wanted = {(question.address, question.protocol, question.port) for question in open_}
    with Servers(Server(host.path, "host", protocol, port, address) for address, protocol, port in wanted):
        host.run(["conntrack", "--flush"], check=False)
        let_in = [(question, outcome, _answers("host", outcome.body)) for question, outcome in trying.all(open_)]
        if all(inside != _is_told(question, places) for question, dummy, inside in let_in):
            return []
        view = HostView.of(read_host(host))
    found = []
    for question, outcome, inside in let_in:
        is_told = _is_told(question, places)
        if inside == is_told and (is_told or not _is_lost_elsewhere(view, question)):
            words = "denied" if is_told else "not denied"
            found.append(f"{question}: the matrix says {words} to a program of the host; observed {outcome}")
    return found


def open_ports(tried: Sequence[Tried], book: Book) -> list[Question]:
    """Questions from outside that were answered, and that the matrix says of what the host's own rules deny.

    It says nothing of a port where it does not know if that is open.
    """
    open_ = [
        question
        for question, outcome in tried
        if _is_open(question) and _answers(question.owner, outcome.body) and not _is_undetermined(question, book)
    ]
    # What is told of a container's port is told of all ports of the host that lead to it.
    ports: dict[tuple[str, str, int], set[int]] = {}
    for question in open_:
        ports.setdefault(_key(question), set()).add(question.port)
    return [question for question in open_ if len(ports[_key(question)]) == 1]


def _is_undetermined(question: Question, book: Book) -> bool:
    return any(cell["verdict"] == UNKNOWN for cell in book.cells(question))


def _is_told(question: Question, places: Places) -> bool | None:
    """Whether a port is told as denied at the address; None at a gateway, which is told by which one it is."""
    at, not_at = places.get(_key(question), ([], [question.address]))
    return question.address in at if question.address in (*at, *not_at) else None


def _key(question: Question) -> tuple[str, str, int]:
    return question.origin.name, question.member, question.family


def _is_lost_elsewhere(view: HostView, question: Question) -> bool:
    """Whether something else than INPUT keeps a program of the host from being heard: its answer is lost, say."""
    path = predict(view, Packet(question.origin, question.address, question.protocol, question.port))
    return path.decided_at is not None and path.verdict != DELIVERED and path.steps[path.decided_at].place != "input"


def _is_open(question: Question) -> bool:
    """Whether it is one from outside to a port that is published for machines outside."""
    loopback = is_loopback(question.published_on) or is_loopback(question.address)
    return question.origin.kind == OUTSIDE and bool(question.published_on) and not loopback


def _answers(name: str, body: str) -> bool:
    return bool(body) and answer_of(body)[0] == name
