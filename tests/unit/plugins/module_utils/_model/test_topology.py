"""Modes are proved by namespace identity, and endpoints find their port without a look into the container."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import DaemonProcess
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import Endpoint, Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot, Source
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import attachments
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.mode import modes, sharers

HOST = 1
FRONT = Network(id="f" * 64, name="front", driver="bridge")
BACK = Network(id="b" * 64, name="back", driver="bridge", options={"com.docker.network.bridge.name": "back0"})
LAN = Network(id="c" * 64, name="lan", driver="macvlan")

WEB = Container(
    id="1" * 64,
    name="web",
    pid=100,
    network_mode="front",
    netns=10,
    nsid=0,
    endpoints=[Endpoint("front", FRONT.id, "10.0.1.2"), Endpoint("back", BACK.id, "10.0.2.2")],
)
SIDECAR = Container(id="2" * 64, name="sidecar", pid=101, network_mode=f"container:{WEB.id}", netns=10, nsid=0)
HOSTED = Container(id="3" * 64, name="hosted", pid=102, network_mode="host", netns=HOST)
LONELY = Container(id="4" * 64, name="lonely", pid=103, network_mode="none", netns=11, nsid=1)
ON_LAN = Container(
    id="5" * 64, name="on-lan", pid=104, network_mode="lan", netns=12, nsid=2, endpoints=[Endpoint("lan", LAN.id)]
)
STOPPED = Container(id="6" * 64, name="stopped", network_mode="front", endpoints=[Endpoint("front", FRONT.id)])

SNAPSHOT = HostSnapshot(
    hostname="host",
    taken_at="2026-01-01T00:00:00Z",
    sources={"links": Source(read=True), "namespaces": Source(read=True)},
    daemon=DaemonProcess(pid=1, argv=["dockerd"], started_at=0.0, netns=HOST),
    networks=[FRONT, BACK, LAN],
    containers=[WEB, SIDECAR, HOSTED, LONELY, ON_LAN, STOPPED],
    links=[
        Link(index=3, name="br-ffffffffffff", kind="bridge"),
        Link(index=4, name="back0", kind="bridge"),
        Link(index=6, name="veth1", kind="veth", master=3, peer_index=5, peer_nsid=0, hairpin=True),
        Link(index=8, name="veth2", kind="veth", master=4, peer_index=7, peer_nsid=0, hairpin=False),
    ],
)


def _proved(container: Container, snapshot: HostSnapshot = SNAPSHOT) -> tuple[str, str | None]:
    others = [item for item in snapshot.containers if item.id != container.id]
    mode = modes(replace(snapshot, containers=[*others, container]))[container.id]
    return mode.declared, mode.proved


def test_each_endpoint_finds_the_port_on_its_own_bridge() -> None:
    found = {(item.container.name, item.bridge): item.port.name for item in attachments(SNAPSHOT) if item.port}
    assert found == {("web", "br-ffffffffffff"): "veth1", ("web", "back0"): "veth2"}


def test_a_port_that_the_kernel_does_not_show_is_none() -> None:
    bare = replace(SNAPSHOT, links=[])
    assert [item.port for item in attachments(bare)] == [None, None]


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


def test_containers_in_one_namespace_are_named_together_without_the_host() -> None:
    also_hosted = replace(HOSTED, id="7" * 64, name="hosted-too")
    groups = sharers(replace(SNAPSHOT, containers=[*SNAPSHOT.containers, also_hosted]))
    assert [[container.name for container in group] for group in groups] == [["web", "sidecar"]]
