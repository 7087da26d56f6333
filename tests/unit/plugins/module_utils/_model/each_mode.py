"""A host with a container of each network mode."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import (
    Container,
    DaemonProcess,
    Endpoint,
    Network,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot, Source

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
