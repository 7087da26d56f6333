"""Namespaces of containers for which no time is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import container_namespaces, procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import deadline
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import ContainerNamespace


def test_what_no_time_is_left_for_is_a_gap_and_the_rest_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def visit(pids: Mapping[int, int], read: Callable[[int], None]) -> None:
        first, second = pids
        read(first)
        with deadline(0):
            read(second)

    monkeypatch.setattr(procfs, "namespace", lambda pid, kind: 1)
    monkeypatch.setattr(container_namespaces, "nftables_is_there", lambda: False)
    monkeypatch.setattr(container_namespaces, "read_in_namespaces", visit)
    monkeypatch.setattr(container_namespaces, "_read", lambda inode, *dummy, **dummy2: ContainerNamespace(inode))
    containers = [Container(str(number), f"c{number}", pid=number, netns=number) for number in (2, 3)]
    found = container_namespaces.read_container_namespaces(containers)
    assert found.namespaces == [ContainerNamespace(2)]
    (gap,) = found.gaps
    assert gap.name == "c3"
    assert gap.reason.endswith("the time limit was reached")
