# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks trace_docker_net and facts_docker_net: over a saved host, and on a lab host with its own answers."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.ansible_runs import PLAYBOOK_LIMIT, PlaybookResult, ansible_playbook
from tests.lab.host import Host
from tests.lab.identity import ROOT
from tests.lab.scenario import NetworkSpec, Scenario, Workload
from tests.unit.operators_host import operators_host

TRACE = "dockernet.baseline.trace_docker_net"
FACTS = "dockernet.baseline.facts_docker_net"
PAGE = ROOT / "docs" / "operators.md"
PROGRAM = str(Path(sys.executable).with_name("ansible-playbook"))
SCENARIO = Scenario(
    [NetworkSpec("front", "10.88.1.0/24"), NetworkSpec("back", "10.88.2.0/24", internal=True)],
    [
        Workload("web", ["front"], publish=["8080:80"]),
        Workload("db", ["back"], serve=[5432]),
        Workload("sidecar", network_mode="container:web", serve=[9000]),
        Workload("agent", network_mode="host", serve=[9100]),
    ],
)


def saved(folder: Path, book: str, *words: str, **variables: Any) -> subprocess.CompletedProcess[str]:
    """Run a playbook over two names of the host of tests/unit/operators_host.py, with Ansible as it is shipped."""
    snapshot = folder / "edge1.json"
    snapshot.write_text(operators_host().to_json())
    common = {
        "ansible_connection": "local",
        "ansible_become": False,
        "ansible_python_interpreter": sys.executable,
        "trace_snapshot_path": str(snapshot),
        "facts_snapshot_path": str(snapshot),
        **variables,
    }
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"vars": common, "hosts": {"edge1": {}, "edge2": {}}}}))
    (folder / "ansible.cfg").write_text("")
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    environment = {
        **kept,
        "ANSIBLE_HOME": str(ROOT / ".build" / "ansible-home"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".build"),
        "ANSIBLE_NOCOLOR": "1",
    }
    return subprocess.run(
        [PROGRAM, "--inventory", "hosts.yml", book, *words],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=PLAYBOOK_LIMIT, check=False,
    )  # fmt: skip


def blocks_of(page: Path) -> dict[str, str]:
    """The transcripts of a page by the command above each."""
    text = page.read_text(encoding="utf-8")
    found = re.findall(r"```shell\nansible-playbook -i hosts.yml ([^\n]+)\n```\n+```text\n(.*?)\n```", text, re.DOTALL)
    # A trace asks the kernel of a real host: test_traced_paths.py.
    return {command: shown for command, shown in found if "trace=dry" not in command}


@pytest.mark.parametrize("command", blocks_of(PAGE))
def test_the_transcripts_of_the_page_are_what_the_playbooks_print(tmp_path: Path, command: str) -> None:
    done = saved(tmp_path, *command.split(), "--limit", "edge1", "--check")
    assert blocks_of(PAGE)[command] in done.stdout, done.stdout + done.stderr


def test_the_page_has_a_transcript_of_each() -> None:
    books = [command.split()[0] for command in blocks_of(PAGE)]
    assert (set(books), books.count(TRACE)) == ({TRACE, FACTS}, 3)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["-e", "from=web"], "to is missing"),
        *(
            pytest.param(words, problem, marks=pytest.mark.long)
            for words, problem in (
                (["-e", "from=web", "-e", "to=203.0.113.9", "-e", "port=0"], "port: '0' is no port"),
                (
                    ["-e", "from=web", "-e", "to=203.0.113.9:443", "-e", "protocol=sctp"],
                    "protocol: 'sctp' is not one of",
                ),
                (["-e", "published=8080", "-e", "to=web"], "published: it stands for"),
            )
        ),
    ],
)
def test_a_wrong_question_is_one_error_before_any_host_is_asked(tmp_path: Path, words: list[str], problem: str) -> None:
    # A host that was asked would be unreachable, and end the run with 4.
    gone = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    done = saved(tmp_path, TRACE, *words, **gone)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout.count(f'"msg": "{problem}') == 1
    assert "unreachable=1" not in done.stdout


def test_files_are_one_a_table_and_host_and_for_their_owner_alone(tmp_path: Path) -> None:
    done = saved(tmp_path, FACTS, "-e", "facts_output_dir=out", "--check")
    assert done.returncode == 0, done.stdout + done.stderr
    tables = ("containers", "forwarding", "networks", "ports", "proxy", "shared_namespaces")
    files = sorted((tmp_path / "out").iterdir())
    assert [file.name for file in files] == [f"{host}.{table}.csv" for host in ("edge1", "edge2") for table in tables]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert done.stdout.count("changed=0") == 2


def lines_of(done: PlaybookResult) -> list[list[str]]:
    """The cells of each line that was printed."""
    return [re.split(r" {2,}", line.strip()) for line in done.out.splitlines()]


def run_on(host: Host, book: str, **variables: Any) -> PlaybookResult:
    done = ansible_playbook(book, host.identity, limit=[host.name], extra_vars=variables, check=True)
    assert (done.rc, done.stats[host.name]["changed"]) == (0, 0), done.out + done.err
    return done


@pytest.mark.kinds("debian11", "debian13")
def test_both_say_of_a_host_what_it_says_itself(fresh_host: Host, tmp_path: Path) -> None:
    fresh_host.deploy(SCENARIO)
    check_facts(fresh_host, tmp_path)
    check_traces(fresh_host)


def check_facts(host: Host, folder: Path) -> None:
    """The cells, by what docker and the kernel say."""
    run_on(host, FACTS, facts_output_dir=str(folder))
    found = {
        name: list(csv.DictReader((folder / f"{host.name}.{name}.csv").read_text(encoding="utf-8").splitlines()))
        for name in ("containers", "shared_namespaces", "ports", "networks", "proxy", "forwarding")
    }
    modes = {row["container"]: row["mode"] for row in found["containers"]}
    assert modes == {"web": "bridge", "db": "bridge", "sidecar": "container:web", "agent": "host"}
    assert [set(row["containers"].split(", ")) for row in found["shared_namespaces"]] == [{"web", "sidecar"}]
    ports = {row["container"]: row for row in found["ports"]}
    assert set(ports) == {"web", "db"}
    for name, network in (("web", "front"), ("db", "back")):
        row = ports[name]
        assert row["network"] == network
        assert host.exists(f"/sys/class/net/{row['bridge']}/brif/{row['port']}")
        hairpin = host.run(["cat", f"/sys/class/net/{row['bridge']}/brif/{row['port']}/hairpin_mode"]).out.strip()
        assert row["hairpin"] == {"0": "off", "1": "on"}[hairpin]
    networks = {row["network"]: row for row in found["networks"]}
    assert (networks["front"]["subnets"], networks["front"]["internal"]) == ("10.88.1.0/24", "no")
    assert (networks["back"]["subnets"], networks["back"]["internal"]) == ("10.88.2.0/24", "yes")
    assert [networks[name]["gateways"] for name in ("front", "back")] == ["10.88.1.1", "10.88.2.1"]
    (proxy,) = found["proxy"]
    assert proxy["processes"] == host.run(["pgrep", "--count", "--exact", "docker-proxy"]).out.strip()
    assert (proxy["default"], proxy["configured"], proxy["effective"]) == ("on", "on", "on")
    assert found["forwarding"][0]["now"] == "on"


def check_traces(host: Host) -> None:
    """The ends of packets, and the devices of one."""
    way = run_on(host, TRACE, **{"from": "container:sidecar", "to": "203.0.113.9:443", "protocol": "tcp"})
    cells = {line[0]: line[1] for line in lines_of(way) if len(line) == 2}
    hops = cells["request"].split(" -> ")
    assert hops[0] == "sidecar"
    assert host.exists(f"/sys/class/net/{hops[2]}/brif/{hops[1]}")
    assert hops[3].startswith("host (source becomes ")
    assert hops[4:] == ["eth0", "outside"]
    assert cells["verdict"] == "delivered, the sender sees: answered"
    closed = run_on(host, TRACE, **{"from": "web", "to": "db", "port": 5432})
    assert ["verdict", "dropped, the sender sees: timed out"] in lines_of(closed)
    assert [line for line in lines_of(closed) if line[0] == "=>" and line[3] == "drop"]
    published = run_on(host, TRACE, published=8080)
    assert result_of(published).startswith("answered by container web, which sees ")


def result_of(done: PlaybookResult) -> str:
    (line,) = [line for line in lines_of(done) if line[0] == "result"]
    return line[1]
