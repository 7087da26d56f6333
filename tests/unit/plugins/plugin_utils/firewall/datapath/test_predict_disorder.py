"""Hosts in disorder: links, routes, namespaces and settings that are gone. A prediction is made all the same."""

from __future__ import annotations

import random
from dataclasses import fields, replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model import path as words
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    CONTAINER,
    HOST,
    OUTSIDE,
    Origin,
    Packet,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot, Source
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import (
    BadPacketError,
    predict,
)

from tests.unit.random_docker_host import random_docker_host

VERDICTS = {words.DELIVERED, words.DROPPED, words.REFUSED, words.UNREACHABLE, words.NO_ANSWER, words.UNKNOWN}
SEEN = {words.ANSWERED, words.REFUSED, words.CLOSED, words.TIMED_OUT, words.UNREACHABLE, words.NO_ANSWER, words.UNKNOWN}


def thinned(dice: random.Random, items: list[Any]) -> list[Any]:
    return [item for item in items if dice.random() < 0.85]


def in_disorder(dice: random.Random, snapshot: HostSnapshot) -> HostSnapshot:
    """Without some of what was read, as after a change between two readings."""
    lists = ("links", "routes", "policy_rules", "listeners", "container_namespaces", "proxies", "networks")
    changes: dict[str, Any] = {name: thinned(dice, getattr(snapshot, name)) for name in dice.sample(lists, 3)}
    if dice.random() < 0.3:
        changes["links"] = [broken(dice, link) for link in snapshot.links]
    if dice.random() < 0.3:
        changes["sysctls"] = {key: dice.choice((value, "", "x", "7")) for key, value in snapshot.sysctls.items()}
    if dice.random() < 0.3:
        unread = Source(read=False, kind="denied", reason="run with become")
        changes["sources"] = {name: dice.choice((own, unread)) for name, own in snapshot.sources.items()}
    changes["containers"] = [
        replace(item, netns=None, nsid=None) if dice.random() < 0.1 else item for item in snapshot.containers
    ]
    return replace(snapshot, **changes)


def broken(dice: random.Random, link: Link) -> Link:
    name = dice.choice([field.name for field in fields(Link)])
    other: dict[str, Any] = {
        "master": 999,
        "peer_index": 1,
        "peer_nsid": 3,
        "up": False,
        "addresses": [],
        "kind": "dummy",
    }
    return replace(link, **{name: other[name]}) if name in other else link


def question(dice: random.Random, snapshot: HostSnapshot) -> Packet:
    names = [container.name for container in snapshot.containers]
    origin = dice.choice([Origin(HOST), Origin(OUTSIDE), *(Origin(CONTAINER, name) for name in names)])
    addresses = [text.partition("/")[0] for link in snapshot.links for text in link.addresses]
    addresses += [endpoint.address or "10.0.0.1" for item in snapshot.containers for endpoint in item.endpoints]
    destination = dice.choice([*addresses, "203.0.113.9", "127.0.0.1", "::1", "2001:db8::9", "0.0.0.1"])
    protocol = dice.choice(("tcp", "udp", "icmp"))
    ports = [80, 8080, 22, *(port.host_port for item in snapshot.containers for port in item.published)]
    return Packet(origin, destination, protocol, 0 if protocol == "icmp" else dice.choice(ports))


@pytest.mark.parametrize("seed", range(40))
def test_prediction_is_made_in_words_that_are_known(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311
    snapshot = in_disorder(dice, random_docker_host(seed).snapshot())
    view = HostView.of(snapshot)
    for dummy in range(25):
        packet = question(dice, snapshot)
        try:
            path = predict(view, packet)
        except BadPacketError:
            continue
        assert path.verdict in VERDICTS, packet
        assert path.observed in SEEN, packet
        assert path.reason, packet
        assert bool(path.undetermined) == (path.verdict == words.UNKNOWN), packet
