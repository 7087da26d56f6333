"""What a container's own settings make it drop is predicted, and so it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import Origin, Packet
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict

from tests.integration.outside import sends_to
from tests.integration.snapshots import install_readers, read_host
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.scenario import NetworkSpec, Scenario, Workload
from tests.lab.vantage import enough

SUBNETS = {"front": "10.88.1.0/24", "back": "10.88.2.0/24"}
TWO_NETWORKS = Scenario(
    [NetworkSpec(name, subnet) for name, subnet in SUBNETS.items()],
    [
        Workload("strict", ("front", "back"), options=("--sysctl", "net.ipv4.conf.all.rp_filter=1")),
        Workload("loose", ("front", "back"), options=("--sysctl", "net.ipv4.conf.all.rp_filter=0")),
        Workload("mute", ("front",), options=("--sysctl", "net.ipv4.icmp_echo_ignore_all=1")),
    ],
)


@pytest.fixture
def ways(fresh_host: Host, lab: Lab) -> Iterator[None]:
    """The outside client sends what is for containers to the host, and the host sends it on."""
    fresh_host.deploy(TWO_NETWORKS)
    for name in ("strict", "loose"):
        # The greater of this and that of all counts, and the machine's own, which they begin with, may be the loose 2.
        fresh_host.container(name).net(["sh", "-c", "echo 0 | tee /proc/sys/net/ipv4/conf/eth*/rp_filter"])
    fresh_host.run(["iptables", "--insert", "DOCKER-USER", "--jump", "ACCEPT"])
    with sends_to(lab, fresh_host, list(SUBNETS.values())):
        yield


@pytest.mark.kinds("debian13")
@pytest.mark.usefixtures("ways")
def test_a_container_that_checks_where_packets_come_from(fresh_host: Host, lab: Lab) -> None:
    install_readers(fresh_host)
    view = HostView.of(read_host(fresh_host))
    seen = {}
    for name in ("strict", "loose"):
        for network in SUBNETS:
            address = fresh_host.container(name).address(network)
            predicted = predict(view, Packet(Origin("outside"), address, "tcp", 80)).observed
            seen[name, network] = lab.outside.tcp(address, 80, enough(predicted))
            assert predicted == seen[name, network]
    # The default route of a container in two networks leads to one of them; what comes in by the other is not believed.
    assert sorted(seen["strict", network] for network in SUBNETS) == ["answered", "timed out"]
    assert {seen["loose", network] for network in SUBNETS} == {"answered"}
    address = fresh_host.container("mute").address("front")
    path = predict(view, Packet(Origin("host"), address, "icmp"))
    assert fresh_host.run(["ping", "-c", "1", "-W", "1", address], check=False).rc == 1
    assert (path.observed, path.reason.split(":")[0]) == ("timed out", "net.ipv4.icmp_echo_ignore_all is 1")
