# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A contract on a real engine: written, learned, held against the host, and each verdict against real connections."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.scenario import NetworkSpec, Scenario, Workload
from tests.unit.audits import problems

AUDIT = "dockernet.baseline.audit_docker_net"
LEARN = "dockernet.baseline.learn_contract_docker_net"
SHOP = Scenario(
    [NetworkSpec("front", "10.88.1.0/24"), NetworkSpec("back", "10.88.2.0/24")],
    [
        Workload("web", ["front"], publish=["8080:80"], labels={"tier": "front"}),
        Workload("api", ["front", "back"], serve=[8000]),
        Workload("db", ["back"], serve=[5432], labels={"tier": "data"}),
    ],
)
STRAY = Scenario(containers=[Workload("stray", ["back"], publish=["9090:80"], labels={"tier": "data"})])


def written(host: Host) -> dict[str, Any]:
    """A contract of which the host fulfils the first half."""

    def intent(name: str, origin: Any, to: Any, expect: str) -> dict[str, Any]:
        return {"name": name, "from": origin, "to": to, "expect": expect, "why": "it is so"}

    web, api, database = {"container": "web", "port": 80}, {"container": "api"}, {"label": {"tier": "data"}}
    return {
        "uncovered": {"outside": "forbid"},
        "groups": {"databases": database},
        "intents": [
            intent("the shop is public", "outside", web, "reached"),
            intent("data is private", "outside", "databases", "blocked"),
            intent("orders", api, {"group": "databases", "port": 5432}, "reached"),
            intent("apart", {"network": "front", "container": "web"}, "databases", "blocked"),
            intent("updates", {"container": "*"}, "outside", "reached"),
            intent("the shop is private", "outside", web, "blocked"),
            intent("the site asks the database", {"container": "web"}, {"container": "db", "port": 5432}, "reached"),
            intent("a closed port", api, {"container": "db", "port": 5433}, "reached"),
            intent("nothing at all", {"container": "wbe"}, web, "reached"),
            intent("elsewhere", "host", {"address": host.address, "port": 8080}, "reached"),
        ],
    }


def audit(lab: Lab, host: Host, folder: Path, contract: Path) -> tuple[int, dict[str, dict[str, str]]]:
    """The exit status, and outcomes by check and resource."""
    done = lab.ansible_playbook(
        AUDIT,
        limit=[host.name],
        extra_vars={
            "audit_contract": str(contract),
            "audit_checks": ["contract.*"],
            "audit_fail_on": "high",
            "audit_output_dir": str(folder),
        },
    )
    document = json.loads((folder / f"{host.name}.json").read_text())
    assert problems(document) == []
    found: dict[str, dict[str, str]] = {}
    for item in document["findings"]:
        found.setdefault(item["check"], {})[item["resource"]["name"]] = item["outcome"]
    return done.rc, found


def test_what_a_contract_says_of_a_host_is_what_connections_do(fresh_host: Host, lab: Lab, tmp_path: Path) -> None:
    fresh_host.deploy(SHOP)
    contract = tmp_path / "contract.yml"
    contract.write_text(yaml.safe_dump(written(fresh_host)))
    status, found = audit(lab, fresh_host, tmp_path / "audits", contract)
    assert status == 2
    assert found["contract.violated"] == dict.fromkeys(
        ["the shop is private", "the site asks the database", "a closed port"], "fail"
    )
    assert found["contract.unmatched"] == {"nothing at all": "fail"}
    assert set(found["contract.uncovered"].values()) == {"pass"}

    web, api, db = (fresh_host.container(name) for name in ("web", "api", "db"))
    assert lab.outside.tcp(fresh_host.address, 8080) == "answered"
    assert lab.outside.tcp(db.address("back"), 5432) != "answered"
    assert api.tcp(db.address("back"), 5432) == "answered"
    assert api.tcp(db.address("back"), 5433) == "refused"
    assert web.tcp(db.address("back"), 5432) != "answered"


def test_a_host_fulfils_what_was_learned_of_it_until_it_changes(fresh_host: Host, lab: Lab, tmp_path: Path) -> None:
    fresh_host.deploy(SHOP)
    contract = tmp_path / "contract.yml"
    learned = lab.ansible_playbook(LEARN, limit=[fresh_host.name], extra_vars={"contract": str(contract)})
    assert learned.rc == 0, learned.out
    intents = yaml.safe_load(contract.read_text())["intents"]
    assert len(intents) <= 8
    status, found = audit(lab, fresh_host, tmp_path / "audits", contract)
    assert {name for names in found.values() for name in names.values()} == {"pass"}, found
    assert status == 0

    fresh_host.deploy(STRAY)
    status, found = audit(lab, fresh_host, tmp_path / "audits", contract)
    assert status == 2
    assert found["contract.uncovered"] == {"stray:80/tcp": "fail"}
    assert lab.outside.tcp(fresh_host.address, 9090) == "answered"
