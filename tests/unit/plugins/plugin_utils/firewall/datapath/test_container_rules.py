"""Rules inside a container: dockerd's own for its name server are known, others leave the fate of packets open."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import Origin, Packet
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict

from tests.unit.docker_host import DockerHost

NAMES = {"ip nat OUTPUT": 1, "ip nat POSTROUTING": 1, "ip nat DOCKER_OUTPUT": 2, "ip nat DOCKER_POSTROUTING": 2}


@pytest.mark.parametrize(
    ("tables", "chains", "known"),
    [
        ([], {}, True),
        (["ip nat"], NAMES, True),
        (["ip nat"], {"ip nat": 10}, True),
        # Once more for each restart of dockerd under live-restore.
        (["ip nat"], {name: 3 * count for name, count in NAMES.items()}, True),
        (["ip nat"], {"ip nat": 22}, True),
        (["ip docker-dns"], {"ip docker-dns dns-dnat": 2, "ip docker-dns dns-snat": 2}, True),
        # dockerd went from one backend of iptables to the other.
        (["ip nat", "ip nat"], {**NAMES, "ip nat": 10}, True),
        (["ip nat", "ip nat"], {**NAMES, "ip nat": 11}, False),
        (["ip nat", "ip nat"], {**NAMES, "ip nat PREROUTING": 1, "ip nat": 10}, False),
        # Snapshots of releases that counted no rules.
        (["ip nat"], {}, True),
        (["ip filter"], {}, False),
        (["ip nat"], {**NAMES, "ip nat PREROUTING": 1}, False),
        (["ip nat"], {**NAMES, "ip nat OUTPUT": 2}, False),
        (["ip nat"], {"ip nat": 11}, False),
        (["ip nat", "ip nat2"], {**NAMES, "ip nat2 c": 1}, False),
        (["ip filter"], {"ip filter INPUT": 0}, False),
    ],
)
def test_rules_of_others_are_a_doubt(tables: list[str], chains: dict[str, int], known: bool) -> None:
    host = DockerHost()
    container = host.container("web", [host.network()], listen=[("tcp", 80)])
    host.container_namespaces[0] = replace(host.container_namespaces[0], tables=tables, chains=chains)
    address = str(container.endpoints[0].address)
    path = predict(HostView.of(host.snapshot()), Packet(Origin("host"), address, "tcp", 80))
    assert (path.verdict, path.seen) == (("delivered", "answered") if known else ("unknown", path.seen))
    assert known or "container web has rules of its own" in path.reason
