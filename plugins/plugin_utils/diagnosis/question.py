# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What is asked of connection_diagnosis: a question as packet_trace has it, or one about a host name or a service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.container_names import (
    NoSuchContainerError,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    CONTAINER,
    HOST,
    OUTSIDE,
    Origin,
    Packet,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.probe import FAILED, Probe
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.question import (
    PLACES,
    Question,
    QuestionError,
    TargetError,
    container_named,
    packet_of,
    problem_of,
    target_of,
)

_EMBEDDED = "127.0.0.11"
"""Where Docker's own resolver listens inside a container."""
SERVICES = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Inquiry:
    """A question, with the service that is meant to answer."""

    question: Question
    service: str = ""
    """``http`` or ``https``; empty for none in particular."""


def inquiry_of(options: Mapping[str, Any]) -> Inquiry:
    """The question in options of connection_diagnosis. Raises QuestionError for one that no host could answer."""
    options = _published(options)
    text, protocol, port = str(options.get("to") or ""), str(options.get("protocol") or ""), options.get("port")
    if not options.get("from") or not text:
        raise QuestionError("from and to are needed, or published, a port of the host that is asked from outside")
    service = text.partition("://")[0].lower() if is_url(text) else ""
    if service:
        place = as_place(text)
        text, port, protocol = place["to"], place.get("port", port), protocol or "tcp"
    text, port = split_name(text, port)
    question = Question(str(options["from"]), text, protocol, port, str(options.get("source") or ""))
    problem = problem_of(question)
    if problem:
        raise QuestionError(problem)
    return Inquiry(question, service)


def _published(options: Mapping[str, Any]) -> Mapping[str, Any]:
    port = options.get("published")
    if port is None:
        return options
    if options.get("to") or options.get("port"):
        raise QuestionError(f"published: it stands for to=host and port={port}, so neither can be given")
    return {**options, "from": options.get("from") or OUTSIDE, "to": HOST, "port": port}


def split_name(text: str, port: Any) -> tuple[str, Any]:
    """``example.com:443`` as name and port: a name with a dot is that of a host, and no published port is meant."""
    try:
        target = target_of(text)
    except TargetError:
        # problem_of() says what is wrong with it.
        return text, port
    is_host = "." in target.name and target.port is not None and not target.protocol
    return (target.name, target.port) if is_host and port is None else (text, port)


def is_url(text: str) -> bool:
    """Whether a target names a service, ``https://example.com/`` say."""
    return "://" in text and text.partition("://")[0].lower() in SERVICES


def as_place(text: str) -> dict[str, Any]:
    """``to`` and ``port`` of a URL, without its path and credentials. Raises QuestionError."""
    scheme, dummy, rest = text.partition("://")
    for end in "/?#":
        rest = rest.partition(end)[0]
    place = rest.rpartition("@")[2]
    try:
        has_port = target_of(place).port is not None
    except TargetError as error:
        raise QuestionError(f"to: {error}") from None
    return {"to": place} if has_port else {"to": place, "port": SERVICES[scheme.lower()]}


def host_name_in(snapshot: HostSnapshot, question: Question) -> str:
    """The host name that a question asks, which the sender's own resolver has to look up; empty for all others."""
    target = target_of(question.to)
    if target.address or target.name in PLACES or target.name.startswith(f"{CONTAINER} "):
        return ""
    try:
        container_named(snapshot, target.name)
    except NoSuchContainerError:
        return target.name
    return ""


def wanted_container(snapshot: HostSnapshot, question: Question) -> str:
    """Name of the container that a question asks; empty where it asks none by its name."""
    name = target_of(question.to.removeprefix(f"{CONTAINER} ")).name
    if name in ("", *PLACES) and not question.to.startswith(f"{CONTAINER} "):
        return ""
    try:
        return container_named(snapshot, name).name
    except NoSuchContainerError:
        return ""


def with_address(question: Question, address: str) -> Question:
    """The same question about the address that a name stands for."""
    target = target_of(question.to)
    place = f"[{address}]" if ":" in address else address
    port = f":{target.port}" if target.port is not None else ""
    text = f"{place}{port}" if port else address
    return replace(question, to=f"{text}/{target.protocol}" if target.protocol else text)


def resolver_packet(snapshot: HostSnapshot, question: Question, probe: Probe | None) -> Packet:
    """The question for a name server, where a name has no address, from where the probe found it to be asked.

    Raises QuestionError where the sender is not there.
    """
    asked = [item for item in probe.nameservers if item.server != _EMBEDDED] if probe is not None else []
    asked.sort(key=lambda item: item.outcome != FAILED)
    if asked:
        start = HOST if asked[0].place == HOST else question.start
        return packet_of(snapshot, Question(start, asked[0].server, "udp", 53))
    server = next((item for item in snapshot.nameservers if not item.startswith(("127.", "::1"))), "")
    server = server or next(iter(snapshot.nameservers), _EMBEDDED)
    return packet_of(snapshot, Question(question.start, server, "udp", 53))


def sleeping_ends(snapshot: HostSnapshot, question: Question) -> tuple[str, Packet] | None:
    """Name of a container at one end that does not run, and the packet in words; None where both run, or are others."""
    start = question.start.removeprefix(f"{CONTAINER} ")
    for name in (start, target_of(question.to.removeprefix(f"{CONTAINER} ")).name):
        if not name or name in PLACES or name.partition(" ")[0] in (OUTSIDE, HOST):
            continue
        try:
            container = container_named(snapshot, name)
        except NoSuchContainerError:
            continue
        if not container.running:
            target = target_of(question.to)
            origin = Origin(*question.start.split(" ", 1)) if start in (OUTSIDE, HOST) else Origin(CONTAINER, start)
            port = question.port if question.port is not None else target.port
            place = target.address or target.name
            return container.name, Packet(origin, place, question.protocol or target.protocol or "tcp", port or 0)
    return None
