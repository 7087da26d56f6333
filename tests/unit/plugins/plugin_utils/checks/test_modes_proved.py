"""Modes are proved by the identity of namespaces."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot, Source
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.mode import modes, sharers

from tests.unit.plugins.module_utils._model.each_mode import (
    HOST,
    HOSTED,
    LONELY,
    ON_LAN,
    SIDECAR,
    SNAPSHOT,
    STOPPED,
    WEB,
)


def _proved(container: Container, snapshot: HostSnapshot = SNAPSHOT) -> tuple[str, str | None]:
    others = [item for item in snapshot.containers if item.id != container.id]
    mode = modes(replace(snapshot, containers=[*others, container]))[container.id]
    return mode.declared, mode.proved


def test_the_four_modes_and_another_driver_are_proved() -> None:
    assert _proved(WEB) == ("bridge", "bridge")
    assert _proved(HOSTED) == ("host", "host")
    assert _proved(LONELY) == ("none", "none")
    assert _proved(SIDECAR) == ("container:web", "container:web")
    assert _proved(ON_LAN) == ("macvlan", "macvlan")


def test_a_label_that_the_namespace_belies_is_seen() -> None:
    assert _proved(replace(WEB, netns=HOST)) == ("bridge", "host")
    assert _proved(replace(LONELY, nsid=0)) == ("none", "bridge")
    assert _proved(replace(SIDECAR, netns=99, nsid=9)) == ("container:web", "own")


def test_a_link_on_no_bridge_joins_a_container_to_the_host_all_the_same() -> None:
    loose = [replace(link, master=None) for link in SNAPSHOT.links]
    mode = modes(replace(SNAPSHOT, links=loose))[WEB.id]
    assert mode.proved == "bridge"
    assert mode.detail.startswith("net:[10] ")
    assert mode.detail.endswith(" veth1, veth2")


def test_what_could_not_be_read_is_not_proved() -> None:
    assert _proved(STOPPED) == ("bridge", None)
    assert _proved(replace(WEB, netns=None)) == ("bridge", None)
    assert _proved(WEB, replace(SNAPSHOT, daemon=None)) == ("bridge", None)
    for source in SNAPSHOT.sources:
        sources = {**SNAPSHOT.sources, source: Source(read=False, kind="library")}
        assert _proved(WEB, replace(SNAPSHOT, sources=sources, links=[])) == ("bridge", None)


def test_what_stopped_is_told_from_what_could_not_be_read() -> None:
    found = modes(replace(SNAPSHOT, containers=[STOPPED, replace(WEB, netns=None)]))
    assert "running" in found[STOPPED.id].detail
    assert "namespace" in found[WEB.id].detail


def test_containers_in_one_namespace_are_named_together_without_the_host() -> None:
    also_hosted = replace(HOSTED, id="7" * 64, name="hosted-too")
    groups = sharers(replace(SNAPSHOT, containers=[*SNAPSHOT.containers, also_hosted]))
    assert [[container.name for container in group] for group in groups] == [["web", "sidecar"]]
