"""docker-proxy processes without a port to serve, and ports without a process."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Listener, ProxyProcess
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.runner import run_checks

from tests.unit.docker_host import ADDRESS, DockerHost

WEB = PublishedPort("tcp", 80, ADDRESS, 8080)
STRAY = ProxyProcess(9000, 1, "tcp", ADDRESS, 7000, "172.18.0.99", 80)


def published(*ports: PublishedPort, proxy: bool = True) -> DockerHost:
    host = DockerHost(proxy=proxy)
    host.container("web", [host.network()], ports, [("tcp", 80)])
    return host


def judge(snapshot: HostSnapshot, check: str) -> list[Finding]:
    return run_checks(AuditContext(snapshot, Settings(checks=(check,))))


def test_each_docker_proxy_of_a_published_port_is_fine() -> None:
    (finding,) = judge(published(WEB, PublishedPort("tcp", 80, "::", 8081)).snapshot(), "proxy.orphan")
    assert (finding.outcome, finding.evidence, "2" in finding.summary) == ("pass", {"processes": 2}, True)


def test_only_what_serves_a_port_is_counted() -> None:
    host = published(WEB)
    host.proxies.append(STRAY)
    assert judge(host.snapshot(), "proxy.orphan")[0].evidence == {"processes": 1}
    (finding,) = judge(published(WEB, proxy=False).snapshot(), "proxy.orphan")
    assert (finding.outcome, finding.evidence, "0" in finding.summary) == ("pass", {"processes": 0}, False)


def test_a_docker_proxy_that_no_container_publishes() -> None:
    host = published(WEB)
    host.proxies.append(STRAY)
    host.listeners.append(Listener("tcp", ADDRESS, 7000, owner="docker-proxy", pid=9000))
    (finding,) = judge(host.snapshot(), "proxy.orphan")
    assert (finding.outcome, finding.resource.name) == ("fail", f"{ADDRESS}:7000/tcp")
    assert "process 9000" in finding.summary
    assert "no running container publishes that" in finding.summary


def test_a_docker_proxy_that_has_ended_since_it_was_read_is_none() -> None:
    """It was read before the containers, the listeners after them."""
    host = published(WEB)
    host.proxies.append(STRAY)
    assert judge(host.snapshot(), "proxy.orphan")[0].outcome == "pass"


def test_a_docker_proxy_that_leads_to_the_address_of_somebody_else() -> None:
    host = published(WEB)
    host.proxies[0] = replace(host.proxies[0], container_ip="172.18.0.99")
    (finding,) = judge(host.snapshot(), "proxy.orphan")
    assert f"has {host.containers[0].endpoints[0].address}" in finding.summary


def test_a_docker_proxy_of_a_dockerd_that_is_gone() -> None:
    host = published(WEB)
    host.proxies[0] = replace(host.proxies[0], ppid=1)
    (finding,) = judge(host.snapshot(), "proxy.orphan")
    assert finding.evidence["dockerd"] == 700
    assert finding.evidence["process 200000"].endswith("child of 1")
    assert "(process 700)" in finding.summary


def test_every_binding_is_held_by_docker_proxy_or_without_it_by_dockerd() -> None:
    for proxy in (True, False):
        (finding,) = judge(published(WEB, proxy=proxy).snapshot(), "proxy.missing")
        assert (finding.outcome, finding.evidence) == ("pass", {"bindings": 1})


def test_a_socket_for_both_families_holds_ipv4_too() -> None:
    host = published(PublishedPort("tcp", 80, "", 8080))
    host.listeners[:] = [Listener("tcp", "::", 8080, owner="docker-proxy", pid=host.proxies[0].pid)]
    assert judge(host.snapshot(), "proxy.missing")[0].outcome == "pass"
    host.listeners[0] = replace(host.listeners[0], only_ipv6=True)
    assert judge(host.snapshot(), "proxy.missing")[0].outcome == "fail"


def test_a_binding_that_nobody_holds_names_the_container() -> None:
    host = published(WEB, PublishedPort("tcp", 80, ADDRESS, 8081))
    host.listeners.pop()
    (finding,) = judge(host.snapshot(), "proxy.missing")
    assert (finding.outcome, finding.resource.name, finding.resource.container) == ("fail", "web:80/tcp", "web")
    assert f"{ADDRESS}:8081" in finding.summary
    assert f"{ADDRESS}:8080" not in finding.summary


def test_a_binding_that_another_program_holds_names_it() -> None:
    host = published(WEB)
    host.listeners[-1] = replace(host.listeners[-1], owner="nginx", pid=4711)
    (finding,) = judge(host.snapshot(), "proxy.missing")
    assert "held by nginx, process 4711" in finding.summary


def test_a_stranger_that_calls_itself_docker_proxy_holds_nothing() -> None:
    host = published(WEB)
    host.proxies[0] = replace(host.proxies[0], ppid=1)
    assert judge(host.snapshot(), "proxy.missing")[0].outcome == "fail"


def test_a_container_that_ended_while_the_host_was_read_misses_nothing() -> None:
    host = published(WEB)
    host.listeners.pop()
    snapshot = replace(host.snapshot(), container_namespaces=[])
    assert judge(snapshot, "proxy.missing")[0].outcome == "not_applicable"
