"""What strangers wrote stays what it is when a playbook goes on with a result."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from tests.unit.audits import result_of
from tests.unit.stranger_names import MEANINGFUL, renamed
from tests.unit.synthetic_host import SyntheticHost


@pytest.mark.parametrize("name", MEANINGFUL)
def test_no_template_of_a_stranger_is_evaluated(name: str) -> None:
    host = SyntheticHost().container("web", publish=("0.0.0.0|80|80/tcp",), labels={"team": "{{ 6 * 7 }}"})
    snapshot = renamed(host.snapshot(), lambda old: name if old == "web" else old, {name: name})
    result: dict[str, Any] = result_of(snapshot, waivers=[_waiver(name)] if "'" not in name else [])
    templar = Templar(loader=DataLoader(), variables={"audit": result})
    for part in ("findings", "facts", "waivers", "sources"):
        assert templar.template(trust_as_template(f"{{{{ audit.{part} }}}}")) == result[part]
    told = templar.template(
        trust_as_template("{{ audit.findings | map(attribute='resource.labels', default=[]) | list }}")
    )
    assert [{"name": "team", "value": "{{ 6 * 7 }}"}, {"name": name, "value": name}] in told
    assert {use["state"] for use in result["waivers"]} <= {"applied"}


def _waiver(name: str) -> dict[str, str]:
    selector = f"labels.\"{name}\" == '{name}'"
    return {"check": "*", "selector": selector, "reason": "x", "owner": "x", "expires": "2030-01-01"}
