"""The matrix of one generated host, cell by cell, and what it says is exposed, against what really happens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import LOOPBACK_LEAK, NOT_PUBLISHED
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    ANSWERED,
    CLOSED,
    NO_ANSWER,
    OUTSIDE,
    TIMED_OUT,
    UNKNOWN,
    UNREACHABLE,
    Packet,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import BadPacketError
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.exposure import denied_by_host
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.reachability import reachability_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.options import FULL

from tests.differential.answering import answer_of
from tests.differential.contract_case import Held, Scene, hold, modes_of
from tests.differential.matrix_book import Book
from tests.differential.matrix_denied import denied
from tests.differential.matrix_questions import (
    LISTENING,
    Inhabitant,
    Question,
    host_addresses,
    inhabitants,
    is_loopback,
    questions,
)
from tests.differential.matrix_trying import Tried, Trying
from tests.differential.nobody import leaves_for_nobody
from tests.differential.observing import Outcome
from tests.differential.reachability_probes import Outsider
from tests.lab.host import Host


@dataclass(frozen=True)
class Attempts:
    """What was tried on a host, and what its matrix says of it."""

    trying: Trying
    scene: Scene
    book: Book
    exposures: Sequence[Mapping[str, Any]]


@dataclass
class Judged:
    """What was asked of a matrix, and where it was wrong."""

    asked: int = 0
    complaints: list[str] = field(default_factory=list)
    unknown: int = 0
    several: int = 0
    """Questions that the matrix has more than one answer to, since it does not name what tells them apart."""
    apart: int = 0
    """Questions from outside that rules answer for the lab's machine otherwise than for any machine."""
    exposed: int = 0
    """Ports that the matrix says are exposed."""
    contract: Held = field(default_factory=Held)
    """Intents drawn at random, held against the same attempts."""
    attempts: Attempts | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return (
            f"{self.asked} tried, {len(self.complaints)} wrong, {self.unknown} unknown, {self.several} with several "
            f"answers, {self.apart} left out, {self.exposed} exposed; contract: {self.contract}"
        )


def judge(
    host: Host,
    outsiders: Sequence[Outsider],
    snapshot: HostSnapshot,
    names: Sequence[str],
    ports: Iterator[int],
    silent: frozenset[str] = frozenset(),
) -> Judged:
    """Try everything that the matrix of a host has a cell for. The servers of the host run meanwhile.

    ports: see source_ports(). silent: ports of containers without a server, as ``CONTAINER:PORT/PROTOCOL``.
    """
    everybody = inhabitants(host, names)
    addresses = host_addresses(host)
    context = AuditContext(snapshot, Settings())
    full = reachability_of(context.matrix, FULL)
    found = Judged(complaints=list(full["problems"]))
    fair: list[Question] = []
    apart: set[str] = set()
    by_uplink = {outsider.uplink: outsider for outsider in outsiders}
    for question in questions(list(by_uplink), everybody, addresses):
        if question.member in silent and not question.published_on:
            continue
        if question.origin.kind == OUTSIDE and _tells_apart(context, question, by_uplink[question.origin.name]):
            found.apart += 1
            apart.add(question.member)
        else:
            fair.append(question)
    untried = frozenset(apart)
    trying = Trying(host, outsiders, everybody, ports)
    tried = trying.all(fair)
    found.asked = len(tried)
    book = Book(full, everybody, addresses)
    wrong = []
    for question, outcome in tried:
        cells = book.cells(question)
        seen = {cell["observed"] for cell in cells}
        if any(cell["verdict"] == UNKNOWN for cell in cells):
            found.unknown += 1
            apart.add(question.member)
        found.several += len(seen) > 1
        if not _agree(question, cells, outcome) and not _is_for_nobody(context, question, outcome):
            wrong.append(question)
    host.run(["conntrack", "--flush"], check=False)
    repeated = dict(trying.again(wrong))
    # What was lost the first time on a busy machine is not said to be closed.
    tried = [(question, repeated.get(question, outcome)) for question, outcome in tried]
    for question, outcome in repeated.items():
        cells = book.cells(question)
        if not _agree(question, cells, outcome) and not _is_for_nobody(context, question, outcome):
            words = ", ".join(f"{cell['observed']} {cell['instead']} ({cell['reason']})" for cell in cells) or "nothing"
            found.complaints.append(f"{question}: the matrix says {words}; observed {outcome}")
    modes = modes_of((network.name, network.options) for network in snapshot.networks)
    scene = Scene(
        everybody,
        addresses,
        outsiders,
        tried,
        untried,
        modes,
        *_guests(snapshot, everybody),
        frozenset(_listening(everybody)) - silent,
        _are_routed(host, outsiders),
        frozenset(one for one, outcome in tried if not one.member and _is_for_nobody(context, one, outcome)),
    )
    found.contract = hold(snapshot, scene, f"{snapshot.hostname} {len(tried)}")
    found.complaints += found.contract.wrong
    found.exposed = sum(len(item["ports"]) for item in full["exposures"])
    found.complaints += _exposures(full["exposures"], tried, everybody, apart)
    found.attempts = Attempts(trying, scene, book, full["exposures"])
    return found


def denied_wrongly(host: Host, attempts: Attempts) -> list[str]:
    """What the matrix says wrongly of ports that the host's own rules deny. Removes all containers."""
    return denied(host, attempts.trying, attempts.scene.tried, attempts.book, attempts.exposures)


def _guests(snapshot: HostSnapshot, everybody: Sequence[Inhabitant]) -> tuple[list[str], dict[str, str]]:
    """Containers in the host's namespace, and those in another's with its name."""
    own = snapshot.daemon.netns if snapshot.daemon else None
    names = {somebody.name for somebody in everybody}
    running = [item for item in snapshot.containers if item.running and item.netns is not None]
    owners = {item.netns: item.name for item in running if item.name in names}
    others = [item for item in running if item.name not in names]
    return (
        [item.name for item in others if item.netns == own],
        {item.name: owners[item.netns] for item in others if item.netns in owners},
    )


def _are_routed(host: Host, outsiders: Sequence[Outsider]) -> bool:
    asked = [(address, machine.uplink) for machine in outsiders for address in machine.addresses]
    shown = ((host.run(["ip", "route", "get", address], check=False), uplink) for address, uplink in asked)
    return all(result.rc == 0 and f" dev {uplink} " in result.out for result, uplink in shown)


def _listening(everybody: Sequence[Inhabitant]) -> Iterator[str]:
    for somebody in everybody:
        yield from (f"{somebody.name}:{port}/{protocol}" for port, protocol in LISTENING if somebody.addresses)


def _agree(question: Question, cells: Sequence[Mapping[str, Any]], outcome: Outcome) -> bool:
    """Whether one of the cells says what happened."""
    return any(_says(question, cell, outcome) for cell in cells)


def _says(question: Question, cell: Mapping[str, Any], outcome: Outcome) -> bool:
    """Whether a cell says what happened. In the lab nobody outside has an address of a container."""
    lost = (TIMED_OUT, UNREACHABLE)
    if cell["instead"] == OUTSIDE or (question.is_elsewhere and cell["observed"] in lost):
        return outcome.seen in lost
    if cell["observed"] == NO_ANSWER:
        # docker-proxy closes what it accepted once its own connection has failed.
        return outcome.seen in (*lost, CLOSED)
    if cell["verdict"] != UNKNOWN and cell["observed"] == UNKNOWN:
        # It surely does not arrive, and nothing is said of what whoever asks is told.
        return outcome.seen != ANSWERED
    return cell["observed"] in (outcome.seen, UNKNOWN)


def _is_for_nobody(context: AuditContext, question: Question, outcome: Outcome) -> bool:
    """Whether it was lost as it must be in the lab, where nobody has the address that it leaves the host for."""
    packet = Packet(question.origin, question.address, question.protocol, question.port)
    return outcome.seen in (TIMED_OUT, UNREACHABLE) and leaves_for_nobody(context.path(packet))


def _tells_apart(context: AuditContext, question: Question, outsider: Outsider) -> bool:
    """Whether rules treat a machine of the lab otherwise than the one that the matrix asks for."""
    source = outsider.address_like(question.address)
    packet = Packet(question.origin, question.address, question.protocol, question.port)
    packets = (packet, replace(packet, source=source))
    try:
        ways = [context.path(item) for item in packets]
    except BadPacketError:
        return True
    denied_to = {bool(denied_by_host(context.view, item)) for item in packets}
    return len({(way.verdict, way.observed) for way in ways}) > 1 or len(denied_to) > 1


# ---- exposures


def _exposures(
    told: Sequence[Mapping[str, Any]], tried: Sequence[Tried], everybody: Sequence[Inhabitant], apart: set[str]
) -> list[str]:
    """What was reached from outside and is not told, and what is told and was not reached.

    `apart`: ports that not everything was tried of, or is known of.
    """
    listed = {(item["uplink"], port, item["kind"]) for item in told if item["kind"] in _KINDS for port in item["ports"]}
    reached = set(_reached(tried, everybody))
    listed, reached = ({more for more in some if more[1] not in apart} for some in (listed, reached))
    words = "{1} is {2} by {0}"
    return [
        *(f"{words.format(*more)}, which the matrix does not tell" for more in sorted(reached - listed)),
        *(f"the matrix tells that {words.format(*more)}, and it is not" for more in sorted(listed - reached)),
    ]


_KINDS = (NOT_PUBLISHED, LOOPBACK_LEAK)


def _reached(tried: Sequence[Tried], everybody: Sequence[Inhabitant]) -> Iterator[tuple[str, str, str]]:
    """Ports that answered a machine outside and were not meant for it: its uplink, the port, the kind of exposure."""
    bound: dict[str, list[str]] = {}
    routed = {f"{somebody.name}:{port}" for somebody in everybody for port in somebody.routed}
    for somebody in everybody:
        for host_ip, dummy, port, protocol in somebody.bindings:
            bound.setdefault(f"{somebody.name}:{port}/{protocol}", []).append(host_ip)
    for question, outcome in tried:
        if question.origin.kind != OUTSIDE or outcome.seen != ANSWERED:
            continue
        if question.member.partition(":")[0] != answer_of(outcome.body)[0]:
            continue
        on = [question.published_on] if question.published_on else bound.get(question.member, [])
        if not question.published_on and question.member in routed:
            continue
        if not on:
            yield question.origin.name, question.member, NOT_PUBLISHED
        elif all(is_loopback(address) for address in on):
            yield question.origin.name, question.member, LOOPBACK_LEAK
