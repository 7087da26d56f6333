"""Endpoints find their port without a look into the container."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import attachments

from tests.unit.plugins.module_utils._model.each_mode import SNAPSHOT


def test_each_endpoint_finds_the_port_on_its_own_bridge() -> None:
    found = {(item.container.name, item.bridge): item.port.name for item in attachments(SNAPSHOT) if item.port}
    assert found == {("web", "br-ffffffffffff"): "veth1", ("web", "back0"): "veth2"}


def test_a_port_that_the_kernel_does_not_show_is_none() -> None:
    bare = replace(SNAPSHOT, links=[])
    assert [item.port for item in attachments(bare)] == [None, None]
