"""Real attempts for the questions to a matrix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import CONTAINER, OUTSIDE

from tests.differential.matrix_questions import Inhabitant, Question
from tests.differential.observing import Attempt, Outcome, observe, observe_patiently
from tests.differential.reachability_probes import Outsider
from tests.lab.host import Host

Tried = tuple[Question, Outcome]
FIRST_PORT = 20000


def source_ports(host: Host) -> Iterator[int]:
    """Ports that machines outside send from to one host, and to no other of the lab."""
    return count(FIRST_PORT + 1000 * host.host_name.place)


class Trying:
    """Makes attempts from everywhere on a host and from machines outside, each with a port of its own there."""

    def __init__(
        self, host: Host, outsiders: Sequence[Outsider], everybody: Sequence[Inhabitant], ports: Iterator[int]
    ) -> None:
        """ports: of machines outside, each for one attempt; see source_ports()."""
        self._host = host
        self._outsiders = {outsider.uplink: outsider for outsider in outsiders}
        self._paths = {somebody.name: somebody.path for somebody in everybody}
        self._ports = ports

    def all(self, asked: Sequence[Question]) -> list[Tried]:
        """Make all attempts."""
        return list(zip(asked, observe([self._attempt(question) for question in asked])))

    def again(self, asked: Sequence[Question]) -> list[Tried]:
        """Make attempts that came out otherwise than predicted once more, with patience."""
        return list(zip(asked, observe_patiently([self._attempt(question) for question in asked])))

    def _attempt(self, question: Question) -> Attempt:
        name, target = question.origin.kind, (question.protocol, question.address, question.port)
        if name == OUTSIDE:
            outsider = self._outsiders[question.origin.name]
            return Attempt(outsider.path, *target, outsider.mark, next(self._ports))
        return Attempt(self._paths[question.origin.name] if name == CONTAINER else self._host.path, *target)
