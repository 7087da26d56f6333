"""Names that mean more to Ansible than a name, and secrets where people put them: audits are whole, and tell none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import MASK

from tests.integration.harden_runs import harden
from tests.lab.ansible_runs import ansible_module
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.scenario import NetworkSpec, Scenario, Workload
from tests.unit.planted_secrets import PLANTED, SECRET
from tests.unit.stranger_names import keys_of

NETCHECK = "dockernet.baseline.docker_netcheck"
DAEMON_JSON = "/etc/docker/daemon.json"
SNAPSHOT = "/root/docker-network.json"
NAMES = {
    "__ansible_type": "x",
    "__ansible_unsafe": "y",
    "_ansible_no_log": "1",
    "failed": "z",
    "{{6*7}}": "{{6*7}}",
}
BRIDGE = "__ansible_vault"
DUMMY = "_ansible_x"
STRANGE = Scenario(
    [NetworkSpec("ansible_facts", options={"com.docker.network.bridge.name": BRIDGE})],
    [
        Workload("invocation", ["ansible_facts"], publish=["8080:80"], labels=NAMES),
        Workload("failed", ["ansible_facts"], publish=["8081:80"], labels={"__ansible_type": "TaggedStr"}),
    ],
)


def modules(network: str, container: str) -> list[tuple[str, dict[str, Any]]]:
    """Every module of the collection that asks a host, with arguments that change nothing in check mode."""
    prefix = "dockernet.baseline."
    return [
        (NETCHECK, {"reachability": "full", "snapshot_path": SNAPSHOT}),
        (f"{prefix}packet_trace", {"from": "outside", "to": f"{container}:80/tcp"}),
        (f"{prefix}container_probe", {"from": container, "to": "gateway", "protocol": "icmp", "timeout": 1}),
        (f"{prefix}ip_forward", {}),
        (f"{prefix}bridge_hairpin", {"state": "enabled"}),
        (f"{prefix}userland_proxy", {"state": "disabled", "live_restore": "enabled", "on_disruption": "allow"}),
        (f"{prefix}daemon_config", {"config": {"debug": True}}),
        (
            f"{prefix}bridge_network",
            {"networks": [{"name": network, "mtu": 1400}], "recreate": "allow", "on_disruption": "allow"},
        ),
        (f"{prefix}baseline_rollback", {}),
        (f"{prefix}baseline_rollback", {"state": "purged", "keep_days": 0}),
    ]


def test_names_that_mean_something_to_ansible(fresh_host: Host, lab: Lab) -> None:
    fresh_host.run(["ip", "link", "add", DUMMY, "type", "bridge"])
    fresh_host.deploy(STRANGE)
    for module, arguments in modules("ansible_facts", "invocation"):
        done = ansible_module(fresh_host, module, arguments, check=module != NETCHECK, diff=True)
        assert not done.get("failed") or done.get("refused"), (module, done)
        own = {key: value for key, value in done.items() if key not in ("failed", "invocation", "_ansible_no_log")}
        strange = {*NAMES, "ansible_facts", BRIDGE, DUMMY} & set(keys_of(own))
        assert strange == set(), module
    audit = ansible_module(fresh_host, NETCHECK, {"reachability": "full", "facts": "full"})
    resources = [item["resource"] for item in audit["findings"]]
    labels = next(item["labels"] for item in resources if item.get("container") == "invocation" and "labels" in item)
    assert NAMES.items() <= {item["name"]: item["value"] for item in labels}.items()
    assert {BRIDGE, DUMMY} <= {item["name"] for item in audit["facts"]["forwarding"]["ipv4"]["interfaces"]}
    assert {"invocation", "failed"} <= {item["name"] for item in audit["facts"]["containers"]}
    # The same from a file, on the way of a snapshot.
    saved = ansible_module(fresh_host, NETCHECK, {"snapshot": "audit", "snapshot_path": SNAPSHOT, "facts": "full"})
    for topic in ("containers", "attachments", "forwarding"):
        assert saved["facts"][topic] == audit["facts"][topic]
    waiver = {"check": "publish.wildcard", "selector": "labels.\"__ansible_type\" == 'x'"}
    decided = {**waiver, "reason": "known", "owner": "ops", "expires": "2999-12-31"}
    weighed = ansible_module(fresh_host, NETCHECK, {"checks": ["publish.*"], "waivers": [decided]})
    assert weighed["waivers"][0]["state"] == "applied", weighed["waivers"]
    harden(lab, fresh_host)


@pytest.fixture
def leaky(fresh_host: Host) -> Host:
    """A host with secrets in labels, options, rules, daemon.json, and the command line and environment of dockerd."""
    labels = {f"l{number}": text for number, text in enumerate(PLANTED)}
    labels.update({"app.api_token": SECRET, "traefik.http.middlewares.a.basicauth.users": f"me:{SECRET}"})
    labels["com.docker.compose.service"] = "web"
    config = {
        "runtimes": {"other": {"path": "/usr/bin/runc", "runtimeArgs": [f"--token={SECRET}"]}},
        "userland-proxy": False,
    }
    fresh_host.write(DAEMON_JSON, json.dumps(config, indent=2))
    fresh_host.write(
        "/etc/systemd/system/docker.service.d/zz-test.conf",
        f'[Service]\nEnvironment="HTTPS_PROXY=http://me:{SECRET}@127.0.0.1:1"\nExecStart=\n'
        f"ExecStart=/usr/sbin/dockerd -H fd:// --label=api_token={SECRET} $DOCKER_OPTS\n",
    )
    fresh_host.run(["systemctl", "daemon-reload"])
    fresh_host.restart_docker()
    fresh_host.deploy(
        Scenario(
            [NetworkSpec("front", options={"com.example.password": SECRET})],
            [
                Workload(
                    "web",
                    ["front"],
                    publish=["8080:80"],
                    labels=labels,
                )
            ],
        )
    )
    comment = ["-m", "comment", "--comment", f'password={SECRET} of "me"', "-j", "RETURN"]
    fresh_host.run(["iptables", "-I", "DOCKER-USER", "-p", "tcp", "--dport", "80", *comment])
    return fresh_host


def test_no_secret_leaves_the_host(leaky: Host) -> None:
    for module, arguments in modules("front", "web"):
        done = ansible_module(leaky, module, arguments, check=module != NETCHECK, diff=True)
        assert not done.get("failed") or done.get("refused"), (module, done)
        assert SECRET not in json.dumps(done), module
    saved = leaky.read(SNAPSHOT)
    assert SECRET not in saved
    assert "com.docker.compose.service" in saved
    assert f"password={MASK}" in saved


def test_what_is_wanted_of_dockerd_is_not_written_into_logs(fresh_host: Host) -> None:
    other = {"path": "/usr/bin/runc", "runtimeArgs": [f"--token={SECRET}"]}
    config = {"labels": [f"password={SECRET}", "tier=web"], "runtimes": {"other": other}}
    fresh_host.run(["rm", "-f", DAEMON_JSON])
    done = ansible_module(fresh_host, "dockernet.baseline.daemon_config", {"config": config}, diff=True)
    assert done["changed"], done
    assert SECRET not in json.dumps(done)
    assert "tier=web" in json.dumps(done["diff"])
    assert SECRET in fresh_host.read(DAEMON_JSON)
    assert fresh_host.run(["stat", "-c", "%a", DAEMON_JSON]).out.strip() == "600"
    assert fresh_host.docker("info", "--format", "{{json .Labels}}").out.count("tier=web") == 1
    audit = ansible_module(fresh_host, NETCHECK, {"checks": ["daemon.permissions"]})
    assert [item["outcome"] for item in audit["findings"]] == ["pass"]
    refused = ansible_module(
        fresh_host, "dockernet.baseline.daemon_config", {"config": {"log-opts": {"dd-api-key": SECRET}}}
    )
    assert refused["failed"], refused
    assert SECRET not in json.dumps(refused)
    network = {"name": "shop", "labels": {"api_token": SECRET}, "options": {"com.example.x": f"password={SECRET}"}}
    made = ansible_module(fresh_host, "dockernet.baseline.bridge_network", {"networks": [network]}, diff=True)
    assert made["changed"], made
    assert SECRET not in json.dumps(made)
    logged = fresh_host.run("journalctl --no-pager -o cat | grep 'Invoked with'").out
    assert "daemon_config" in logged or "config=" in logged
    assert SECRET not in logged
    # A daemon.json that dockerd reads no more, and that somebody else has written meanwhile.
    fresh_host.write(DAEMON_JSON, json.dumps({"proxies": {"https-proxy": SECRET}, "log-opts": {"token": SECRET}}))
    back = ansible_module(
        fresh_host, "dockernet.baseline.baseline_rollback", {"on_conflict": "allow"}, check=True, diff=True
    )
    assert SECRET not in json.dumps(back)
