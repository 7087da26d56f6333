"""Hosts whose names are a stranger's: of containers, networks, interfaces, labels and whatever else has one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import from_plain, to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import DaemonConfig, KeyPosition
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot, Source

MEANINGFUL = (
    "__ansible_type",
    "__ansible_unsafe",
    "__ansible_vault",
    "__ansible_no_log",
    "_ansible_no_log",
    "_ansible_facts_gathered",
    "ansible_facts",
    "ansible_connection",
    "failed",
    "changed",
    "skipped",
    "unreachable",
    "invocation",
    "msg",
    "exception",
    "warnings",
    "named",
    "name",
    "{{ 6 * 7 }}",
    "{% for x in range(9) %}x{% endfor %}",
    "{{ lookup('pipe', 'id') }}",
    "!unsafe",
)
"""Names that are more than names to Ansible, to Jinja, or to the codec."""


def renamed(snapshot: HostSnapshot, name: Callable[[str], str], more: Mapping[str, str]) -> HostSnapshot:
    """The host with each name that somebody chose exchanged, in rules and sysctls as well; more: labels of all.

    name gives the new one for the old.
    """
    chosen = sorted({item for item in _names(snapshot) if item}, key=len, reverse=True)
    fresh = {old: name(old) for old in chosen}
    pattern = re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, chosen)) or '(?!)'})(?![\w-])")
    plain = _mapped(to_plain(snapshot), lambda text: pattern.sub(lambda found: fresh[found.group()], text))
    host = from_plain(HostSnapshot, plain)
    config = host.daemon_config or DaemonConfig("/etc/docker/daemon.json", exists=True)
    return replace(
        host,
        sources={**snapshot.sources, **{text: Source(read=False, reason=text) for text in more}},
        containers=[replace(item, labels={**item.labels, **more}) for item in host.containers],
        networks=[
            replace(item, labels={**item.labels, **more}, options={**item.options, **more}) for item in host.networks
        ],
        sysctls={**host.sysctls, **{f"net.ipv4.conf.{text}.forwarding": "0" for text in more}},
        daemon_config=replace(
            config,
            values={**config.values, **more, "features": dict(more), "runtimes": {text: dict(more) for text in more}},
            positions={**config.positions, **{text: KeyPosition(1, 1) for text in more}},
        ),
    )


def _names(snapshot: HostSnapshot) -> Iterator[str]:
    for container in snapshot.containers:
        yield container.name
        yield container.image
        yield from container.labels
    for network in snapshot.networks:
        yield network.name
        yield from network.labels
    yield from (link.name for link in snapshot.links if link.name != "lo")


def _mapped(data: Any, change: Callable[[str], str]) -> Any:
    if isinstance(data, str):
        return change(data)
    if isinstance(data, dict):
        return {key: _mapped(item, change) for key, item in data.items()}
    return [_mapped(item, change) for item in data] if isinstance(data, list) else data


def keys_of(data: Any) -> Iterator[str]:
    """All keys of plain data."""
    if isinstance(data, dict):
        yield from map(str, data)
    if isinstance(data, (dict, list)):
        for item in data.values() if isinstance(data, dict) else data:
            yield from keys_of(item)
