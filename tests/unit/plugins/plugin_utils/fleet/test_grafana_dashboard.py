# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The dashboard for Grafana asks for metrics and labels that the Prometheus text of a fleet has."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.fleet_files import write_fleet_files
from prometheus_client.parser import text_string_to_metric_families

from tests.unit.fleets import GATE, document, fleet_in, lost, write_run

DASHBOARD = Path(__file__).parents[5] / "docs/grafana-dashboard.json"


def load() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return found


def queries() -> list[str]:
    board = load()
    variables = [item["query"]["query"] for item in board["templating"]["list"] if item["type"] == "query"]
    return [target["expr"] for panel in board["panels"] for target in panel["targets"]] + variables


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, set[str]]]:
    """By metric, its labels with the values that they have."""
    folder = tmp_path_factory.mktemp("fleet")
    write_run(folder, [document("web1"), lost("web2")], "a")
    with fleet_in(folder) as fleet:
        path = write_fleet_files(fleet, GATE, folder / "out", ["prometheus"])["prom"]
    found: dict[str, dict[str, set[str]]] = {}
    for family in text_string_to_metric_families(path.read_text()):
        values = found.setdefault(family.name, {})
        for sample in family.samples:
            for name, value in sample.labels.items():
                values.setdefault(name, set()).add(value)
    return found


def test_each_metric_and_label_that_is_asked_for_exists(labels: dict[str, dict[str, set[str]]]) -> None:
    asked = [name for query in queries() for name in re.findall(r"\bdockernet_\w+", query)]
    assert set(asked) <= set(labels)
    assert len(set(asked)) >= 7
    for query in queries():
        for metric, selector in re.findall(r"(dockernet_\w+)\{([^}]*)\}", query):
            for name, value in re.findall(r'(\w+)=~?"([^"]*)"', selector):
                known = labels[metric]
                assert name in known
                # Values of a variable are asked of Prometheus itself.
                assert value.startswith("$") or set(value.split("|")) & known[name]
        grouped = [name.strip() for part in re.findall(r" by \(([^)]*)\)", query) for name in part.split(",")]
        assert all(any(name in labels[metric] for metric in re.findall(r"dockernet_\w+", query)) for name in grouped)


def test_the_panels_lie_side_by_side() -> None:
    board = load()
    places = [panel["gridPos"] for panel in board["panels"]]
    cells = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, dummy in cells) < 24
    assert len({panel["id"] for panel in board["panels"]}) == len(places)
    sources = {json.dumps(panel["datasource"]) for panel in board["panels"]}
    assert sources == {json.dumps({"type": "prometheus", "uid": "${datasource}"})}
