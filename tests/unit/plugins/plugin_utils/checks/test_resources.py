"""What a finding is about, as waivers choose by it."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources

from tests.unit.synthetic_host import SyntheticHost

SNAPSHOT = (
    SyntheticHost()
    .container("web", publish=("0.0.0.0|80|80/tcp", "::|80|80/tcp", "192.0.2.1|53|5353/udp"))
    .container("job")
    .snapshot()
)
WEB = next(item for item in SNAPSHOT.containers if item.name == "web")
JOB = next(item for item in SNAPSHOT.containers if item.name == "job")


def test_a_container_and_its_ports_name_the_sockets_of_the_host_that_lead_to_them() -> None:
    assert resources.container(WEB).published == ["0.0.0.0:80/tcp", "[::]:80/tcp", "192.0.2.1:53/udp"]
    assert resources.port(WEB, 80, "tcp").published == ["0.0.0.0:80/tcp", "[::]:80/tcp"]
    assert resources.port(WEB, 5353, "udp").published == ["192.0.2.1:53/udp"]
    assert resources.port(WEB, 5353, "tcp").published == []
    assert resources.host_port("192.0.2.1:53", "udp").published == ["192.0.2.1:53/udp"]
    assert resources.container(JOB).published == []


def test_what_is_published_does_not_tell_two_findings_of_one_resource_apart() -> None:
    assert resources.port(WEB, 80, "tcp") == resources.port(WEB, 80, "tcp").__class__("port", "web:80/tcp")
