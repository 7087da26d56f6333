# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host of which one thing is not there, or is otherwise: all checks answer, in whole sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any, NamedTuple, get_type_hints

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import ConfiguredPool, Network, Subnet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import OUTCOMES
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, Route
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.audit import judged
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings

from tests.unit.random_docker_host import random_docker_host
from tests.unit.synthetic_host import SyntheticHost, identity

NOT_THIS = ("schema", "sources", "defects", "gaps")


class Change(NamedTuple):
    """Another value for one field of one kind of thing."""

    kind: str
    name: str
    text: str
    snapshot: HostSnapshot


def whole() -> HostSnapshot:
    """A host with something of each kind that the checks look at."""
    host = SyntheticHost().daemon_json(b'{"live-restore": true, "mtu": 1500, "labels": ["a=b"], "metrics-addr": "x:9"}')
    host.engine["address_pools"] = [ConfiguredPool("10.200.0.0/16", 24)]
    host.engine["settings"] = {"labels": ["a=b"]}
    host.container("web", publish=("0.0.0.0|8080|80/tcp", "::|8080|80/tcp", "127.0.0.1|53|53/udp"))
    host.container("side", networks=(), mode="container:web", netns=4026540000, nsid=0)
    host.container("old", networks=("bridge",), mode="default", publish=("192.0.2.10|90|90/tcp",))
    host.networks.append(Network(identity("far"), "far", "overlay", scope="swarm", subnets=[Subnet("10.7.0.0/24")]))
    host.link(Link(40, "eth1", up=True, addresses=["198.51.100.10/24"], mtu=1400))
    host.routes += [
        Route("0.0.0.0/0", 254, gateways=["192.0.2.1"], interfaces=[2], source="192.0.2.10"),
        Route("192.0.2.0/24", 254, interfaces=[2], source="192.0.2.10"),
        Route("10.88.1.0/24", 254, interfaces=[4], source="10.88.1.1"),
    ]
    return host.snapshot()


def others(hint: Any, value: Any, default: Any) -> list[Any]:
    """Values of another kind that the field can have; what has no default is there always."""
    found: list[Any] = [None] if "None" in str(hint) or "Optional" in str(hint) else []
    if isinstance(value, bool):
        return [*found, not value]
    if isinstance(value, int):
        return [*found, 0]
    if isinstance(value, (list, dict)):
        return [*found, type(value)()]
    return [*found, ""] if default == "" else found


def changes(node: Any, seen: set[tuple[str, str]]) -> Iterator[tuple[str, str, Any, Any]]:
    """The thing as it is with one field changed, for each kind of thing and field that was not met yet."""
    hints = get_type_hints(type(node))
    for field in fields(node):
        if field.name in NOT_THIS:
            continue
        kind, value = type(node).__name__, getattr(node, field.name)
        if (kind, field.name) not in seen:
            seen.add((kind, field.name))
            for other in others(hints[field.name], value, field.default):
                if other != value:
                    yield kind, field.name, other, replace(node, **{field.name: other})
        for place, item in enumerate(value if isinstance(value, list) else [value]):
            if is_dataclass(item):
                for name, inner, other, changed in changes(item, seen):
                    inside = [*value[:place], changed, *value[place + 1 :]] if isinstance(value, list) else changed
                    yield name, inner, other, replace(node, **{field.name: inside})


MET: set[tuple[str, str]] = set()
HOSTS = [whole(), random_docker_host(4).snapshot()]
CHANGES = [Change(kind, name, repr(other), new) for host in HOSTS for kind, name, other, new in changes(host, MET)]


@pytest.mark.parametrize("change", CHANGES, ids=[f"{one.kind}.{one.name}={one.text}" for one in CHANGES])
def test_all_checks_answer(change: Change) -> None:
    context = AuditContext(change.snapshot, Settings())
    result = judged(context, "full")
    assert result["defects"] == []
    assert result["findings"]
    for finding in result["findings"]:
        assert finding.outcome in OUTCOMES
        assert not re.search(r"\bNone\b|  |^ ", finding.summary), finding
