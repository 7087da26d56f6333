"""Looks a question up in what docker_netcheck returns with `reachability: full`, as a person would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import BEYOND, INNER_PORT
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import CONTAINER, OUTSIDE

from tests.differential.matrix_questions import HostAddress, Inhabitant, Question


class Book:
    """A matrix as plain data, with what is needed to read it."""

    def __init__(
        self, full: Mapping[str, Any], everybody: Sequence[Inhabitant], addresses: Sequence[HostAddress]
    ) -> None:
        self._full = full
        self._everybody = {somebody.name: somebody for somebody in everybody}
        self._addresses = {item.text: item for item in addresses}
        self._cells: dict[tuple[int, int, str], list[dict[str, Any]]] = {}
        for cell in full["cells"]:
            self._cells.setdefault((cell["origin"], cell["destination"], cell["relation"]), []).append(cell)

    def cells(self, question: Question) -> list[dict[str, Any]]:
        """The cells that speak of a question: more than one where the matrix does not name what tells them apart."""
        return [
            cell
            for source in self._sources(question)
            for destination in self._destinations(question)
            for cell in self._cells.get((source, destination, question.relation), ())
        ]

    def _sources(self, question: Question) -> list[int]:
        origin = question.origin
        return [
            number
            for number, source in enumerate(self._full["origins"])
            if source["kind"] == origin.kind
            and (origin.kind != CONTAINER or origin.name in source["members"])
            and (origin.kind != OUTSIDE or source["name"].endswith(f" {origin.name}"))
        ]

    def _destinations(self, question: Question) -> list[int]:
        return [number for number, item in enumerate(self._full["destinations"]) if self._is(item, question)]

    def _is(self, item: Mapping[str, Any], question: Question) -> bool:
        if not question.member:
            return bool(item["kind"] == BEYOND and item["name"].endswith(f"(IPv{question.family})"))
        if question.member not in item["members"]:
            return False
        if not question.published_on:
            return item["kind"] == INNER_PORT and item["at"] in self._own_names(question)
        address = question.published_on
        endings = (f"{address})", f" {address}:{question.port})", f" [{address}]:{question.port})")
        asked = (question.member, question.port) in zip(item["members"], item["host_ports"])
        return asked and item["name"].endswith(endings) and item["at"] in self._host_names(question)

    def _own_names(self, question: Question) -> list[str]:
        """What the matrix may call a container's own address."""
        own = f"their own IPv{question.family} address"
        networks = self._everybody[question.owner].networks
        names = [name for name, addresses in networks.items() if question.address in addresses]
        if len(networks) < 2:
            return [question.address, own]
        several = [item["at"] for item in self._full["destinations"] if item["at"].endswith(" more")]
        return [question.address, *(f"{own} on {name}" for name in names), *several]

    def _host_names(self, question: Question) -> list[str]:
        """What the matrix may call the host's address."""
        if not self._addresses[question.address].is_gateway:
            return [question.address]
        if self._is_gateway_of(question.owner, question):
            return [question.address, "the gateway of its network"]
        if self._is_gateway_of(question.origin.name, question):
            return [question.address, "the gateway of the asking network"]
        return [question.address, "gateways of other networks"]

    def _is_gateway_of(self, name: str, question: Question) -> bool:
        """Whether the address is the host's on a network that this container is on."""
        somebody = self._everybody.get(name)
        network = self._addresses[question.address].network
        return somebody is not None and any(ip_address(address) in network for address in somebody.addresses)
