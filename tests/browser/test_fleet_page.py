# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a fleet as readers use it: filter, host, topology, matrix, phone, dark, keyboard, strangers' names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.fleet import Fleet, FleetHost
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_report import Audit
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Opening, written
from tests.unit.audits import audit_of
from tests.unit.docker_host import big_host
from tests.unit.synthetic_fleet import documents, fleet_host, host_name, synthetic_fleet, totals_of

_STRANGER = "</script><img src=x onerror=alert(1)><b>&amp;\u202e\x1b[31m\"'<!--"
_SHOWN = "</script><img src=x onerror=alert(1)><b>&amp;\\u202e\\x1b[31m\"'<!--"


def hosts_of(fleet: Fleet) -> dict[str, FleetHost]:
    """By name."""
    return {host.audit.host: host for host in fleet.hosts}


def with_topology(fleet: Fleet) -> FleetHost:
    """A host with several containers, and findings."""
    check = "bridge.route-localnet"
    return next(
        host
        for host in fleet.hosts
        if "Docker 29" in host.audit.label
        and host.closed
        and any(item.check == check and item.outcome == "fail" for item in host.audit.findings)
    )


def shown(page: Page) -> list[str]:
    """Names of the hosts in the list."""
    return page.locator(".hosts tbody th a").all_inner_texts()


def test_all_hosts_are_listed_worst_first(opened: Opening, page_file: Path, fleet: Fleet) -> None:
    page = opened(page_file)
    hosts = hosts_of(fleet)
    assert sorted(shown(page)) == sorted(hosts)
    order = ["unreachable", "failed", "high", "medium", "unknown", "low", "info", "well", "without docker"]
    states = [order.index(hosts[name].audit.state) for name in shown(page)]
    assert states == sorted(states)


def test_filters_narrow_the_list_and_are_in_the_address(opened: Opening, page_file: Path, fleet: Fleet) -> None:
    page = opened(page_file)
    count = page.locator(".list .count")
    page.get_by_label("Search").fill("WEB")
    named = [name for name in hosts_of(fleet) if "web" in name]
    assert sorted(shown(page)) == sorted(named)
    expect(count).to_have_text(f"{len(named)} of 60 hosts")
    assert page.url.endswith("#q=WEB")
    page.get_by_role("button", name="Clear").click()
    expect(count).to_have_text("60 hosts")

    page.get_by_label("State", exact=True).select_option("high")
    assert sorted(shown(page)) == sorted(name for name, host in hosts_of(fleet).items() if host.audit.state == "high")
    page.get_by_label("State", exact=True).select_option("")
    page.get_by_label("Check", exact=True).select_option("daemon.live-restore")
    failing = [
        name
        for name, host in hosts_of(fleet).items()
        if any(item.check == "daemon.live-restore" and item.outcome == "fail" for item in host.audit.findings)
    ]
    assert sorted(shown(page)) == sorted(failing)
    page.get_by_label("Check", exact=True).select_option("")
    page.get_by_label("Change", exact=True).select_option("new")
    new = [name for name, host in hosts_of(fleet).items() if any(age.status == "new" for age in host.ages.values())]
    assert sorted(shown(page)) == sorted(new)
    again = opened(page_file, page.url.partition("#")[1] + page.url.partition("#")[2])
    assert shown(again) == shown(page)


def test_tiles_filter_and_back_takes_it_back(opened: Opening, page_file: Path) -> None:
    page = opened(page_file)
    tile = page.locator(".tile.high")
    tile.click()
    assert tile.get_attribute("aria-pressed") == "true"
    expect(page.locator(".list .count")).to_have_text(re.compile(r"^\d+ of 60 hosts$"))
    page.go_back()
    expect(page.locator(".list .count")).to_have_text("60 hosts")
    assert tile.get_attribute("aria-pressed") == "false"


def test_host_page_has_what_its_document_has(opened: Opening, page_file: Path, fleet: Fleet) -> None:
    page = opened(page_file)
    host = with_topology(fleet)
    page.get_by_role("link", name=host.audit.host).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(host.audit.host)
    assert f"#host={host.audit.host}" in page.url
    wanted = [item for item in host.audit.findings if item.outcome in ("fail", "unknown")]
    assert page.locator(".finding").count() == len(wanted)
    entry = page.locator('.finding[data-check="bridge.route-localnet"]').first
    summary = entry.locator(".summary").inner_text()
    finding = next(item for item in wanted if item.summary == summary)
    if entry.get_attribute("open") is None:
        entry.locator("summary").click()
    expect(entry.locator(".body")).to_be_visible()
    text = entry.inner_text()
    assert finding.remediation is not None
    for part in (finding.summary, finding.impact, finding.remediation.text, "bridge_hairpin", "state: auto"):
        assert part in text
    assert page.locator(".standing .closing").inner_text() == host.closed
    page.go_back()
    expect(page.locator(".list .count")).to_have_text("60 hosts")
    assert page.evaluate("document.activeElement.textContent").startswith(host.audit.host)


def test_first_run_calls_nothing_new(opened: Opening, fleet: Fleet, tmp_path: Path) -> None:
    hosts = [with_topology(fleet)]
    totals = totals_of(hosts)
    page = opened(written(Fleet(hosts, totals, [totals]), tmp_path / "first.html"))
    page.locator(".hosts tbody th a").click()
    expect(page.locator(".finding").first).to_be_visible()
    assert page.locator(".fresh").count() == 0


def test_host_that_was_not_audited_says_why(opened: Opening, page_file: Path, fleet: Fleet) -> None:
    host = next(host for host in fleet.hosts if host.audit.error_kind)
    page = opened(page_file, f"#host={host.audit.host}")
    assert host.audit.error in page.inner_text("main")


def test_unknown_host_is_said(opened: Opening, page_file: Path) -> None:
    page = opened(page_file, "#host=nowhere")
    expect(page.get_by_role("heading", level=1)).to_have_text("No host nowhere in this run")
    page.get_by_role("link", name="All hosts").click()
    expect(page.locator(".list .count")).to_have_text("60 hosts")


def test_topology_draws_networks_containers_and_ports(opened: Opening, page_file: Path, fleet: Fleet) -> None:
    host = with_topology(fleet)
    page = opened(page_file, f"#host={host.audit.host}")
    drawing = page.locator("svg.topology")
    facts = host.audit.document["facts"]
    texts = drawing.locator("text").all_text_contents()
    drawn = "\n".join(texts)
    for container in facts["containers"]:
        assert container["name"] in drawn or f"shared by {container['name']}" in drawn
    for item in facts["attachments"]:
        assert f"{item['address']} · {item['port']}" in drawn
        assert f"bridge {item['bridge']}" in drawn
    assert "eth0" in texts
    assert "0.0.0.0:8080 → 80/tcp" in drawn
    assert drawing.locator(".wires path").count() >= len(facts["attachments"])
    page.get_by_text("The topology as a table").click()
    assert page.locator("#section-topology tbody tr").count() >= len(facts["attachments"])


def test_path_of_a_finding_is_drawn_hop_by_hop(opened: Opening, tmp_path: Path) -> None:
    document = json.loads(documents()[0])
    document["host"]["inventory_name"] = "shop"
    host = fleet_host(Audit.from_document("shop", document), {})
    page = opened(
        written(Fleet([host], totals_of([host])), tmp_path / "shop.html"), "#host=shop&check=contract.violated"
    )
    finding = next(item for item in host.audit.findings if item.check == "contract.violated")
    hops = page.locator('.finding[data-check="contract.violated"]').first.locator("ol.path").first.locator("li")
    assert hops.all_inner_texts() == finding.evidence["path"]["request"].split(" -> ")


def test_many_containers_are_drawn_as_groups(opened: Opening, tmp_path: Path) -> None:
    document = audit_of(big_host(2, 100).snapshot(), detail="full")
    document["host"]["inventory_name"] = "crowd"
    host = fleet_host(Audit.from_document("crowd", document), {})
    page = opened(written(Fleet([host], totals_of([host])), tmp_path / "crowd.html"), "#host=crowd")
    boxes = page.locator("svg.topology .box.container")
    assert boxes.count() == 2
    assert "app \N{MULTIPLICATION SIGN} 50" in boxes.locator("text").all_text_contents()
    page.get_by_role("button", name="Draw each container").click()
    assert boxes.count() == 100


def test_matrix_shows_each_answer_and_why(opened: Opening, page_file: Path, fleet: Fleet) -> None:
    host = with_topology(fleet)
    found = host.audit.document["reachability"]
    page = opened(page_file, f"#host={host.audit.host}")
    cells = page.locator(".matrix td.cell")
    heads = page.locator(".matrix thead th").all_inner_texts()[1:]
    assert heads == [item["name"].replace("outside, by ", "outside by ") for item in found["origins"]]
    for sign, how in (("good", {"answered"}), ("unsure", {"unknown"})):
        wanted = any(cell["observed"] in how for cell in found["cells"])
        assert bool(page.locator(f".matrix .sign.{sign}").count()) == wanted
    bad = page.locator(".matrix td.cell.bad").first
    bad.click()
    detail = page.locator(".celldetail")
    origin, destination = int(bad.get_attribute("data-origin") or ""), bad.locator("xpath=..").get_attribute("data-at")
    first = int((destination or "").split()[0])
    cell = next(item for item in found["cells"] if (item["origin"], item["destination"]) == (origin, first))
    assert cell["reason"][:200] in detail.inner_text()
    assert detail.locator("ol.path li").count() >= 3
    page.get_by_label("Shows").select_option("good")
    assert page.locator(".matrix tbody tr:not(.kind)").count() < cells.count()
    assert all(page.locator(".matrix tbody tr:not(.kind)").nth(0).locator(".sign.good").all())


def test_checks_that_the_map_leaves_out_are_named_and_can_be_added(opened: Opening, tmp_path: Path) -> None:
    few = synthetic_fleet(3)
    (host, *rest) = few.hosts
    failed = next(item for item in host.audit.findings if item.outcome == "fail")
    findings = [replace(failed, check=f"made.up{number:02}") for number in range(47)]
    hosts = [replace(host, audit=replace(host.audit, findings=findings)), *rest]
    page = opened(written(replace(few, hosts=hosts, totals=totals_of(hosts)), tmp_path / "wide.html"))
    heads = page.locator(".hosts thead th.heat")
    expect(heads).to_have_count(40)
    said = page.locator(".mapped")
    expect(said).to_contain_text(re.compile("Columns: 40 of [0-9]+ checks that failed or are unknown on some host"))
    more = said.get_by_role("button", name=re.compile("^Add the other"))
    assert "made.up46" in str(more.get_attribute("title"))
    more.click()
    assert heads.count() == page.locator(".hosts tbody tr").first.locator("td.heat").count() > len(findings)
    expect(said).to_contain_text("Columns: all")


def test_keyboard_alone_is_enough(opened: Opening, page_file: Path, fleet: Fleet) -> None:
    page = opened(page_file)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("/")
    expect(page.get_by_label("Search")).to_be_focused()
    page.keyboard.type("shop")
    page.keyboard.press("ArrowDown")
    first, second = shown(page)[:2]
    assert page.evaluate("document.activeElement.textContent").startswith(first)
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.closest('tr').textContent").startswith(second)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(second)
    page.keyboard.press("Escape")
    expect(page.locator(".list .count")).to_have_text(re.compile(r"of 60 hosts"))
    assert page.evaluate("document.activeElement.textContent").startswith(second)

    host = with_topology(fleet)
    page = opened(page_file, f"#host={host.audit.host}")
    page.locator(".matrix td.cell").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".celldetail h4")).to_be_visible()


def test_dark_and_light_are_readable(opened: Opening, page_file: Path, fleet: Fleet) -> None:
    host = with_topology(fleet)
    papers = set()
    for scheme in ("light", "dark"):
        for place in ("", f"#host={host.audit.host}"):
            page = opened(page_file, place, color_scheme=scheme)
            papers.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
            poor = page.evaluate(_CONTRAST)
            assert poor == []
    assert len(papers) == 2


# Contrast of the text of each element against what is behind it, as WCAG 2 has it.
_CONTRAST = """() => {
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const paper = numbers(getComputedStyle(at).backgroundColor);
      if (paper.length < 4 || paper[3] > 0) return paper;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const element of document.body.querySelectorAll('*')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || element.closest('svg, script, noscript, :disabled') || !element.checkVisibility()) continue;
    const [a, b] = [numbers(getComputedStyle(element).color), behind(element)].map(light);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push([ratio.toFixed(2), element.className, element.textContent.slice(0, 60)].join(' '));
  }
  return [...new Set(poor)].slice(0, 10);
}"""


def test_everything_to_use_has_a_name(opened: Opening, page_file: Path, fleet: Fleet) -> None:
    host = with_topology(fleet)
    for place in ("", f"#host={host.audit.host}"):
        page = opened(page_file, place)
        session = page.context.new_cdp_session(page)
        nodes = session.send("Accessibility.getFullAXTree")["nodes"]
        seen = [node for node in nodes if not node.get("ignored")]
        nameless = [node for node in seen if _role(node) in _NAMED and not _name(node)]
        assert nameless == []
        roles = [_role(node) for node in seen]
        assert roles.count("main") == 1
        assert roles.count("banner") == 1
        assert "grid" in roles
        headings = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map((e) => +e.tagName[1])")
        assert headings[0] == 1
        assert all(after - before <= 1 for before, after in zip(headings, headings[1:]))
        assert page.locator("[aria-live]").count() >= 1


_NAMED = (
    "button",
    "link",
    "textbox",
    "searchbox",
    "combobox",
    "gridcell",
    "grid",
    "image",
    "img",
    "navigation",
    "region",
)


def _role(node: dict[str, Any]) -> str:
    return str(node.get("role", {}).get("value", ""))


def _name(node: dict[str, Any]) -> str:
    return str(node.get("name", {}).get("value", ""))


def test_phone_needs_no_scrolling_sideways(opened: Opening, page_file: Path, fleet: Fleet) -> None:
    host = with_topology(fleet)
    for place in ("", f"#host={host.audit.host}"):
        page = opened(page_file, place, viewport=PHONE, has_touch=True, is_mobile=True)
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    page.get_by_label("From", exact=True).select_option("1")
    assert page.locator(".matrix thead th").all_inner_texts()[1] == "host"
    page.locator(".matrix td.cell").first.tap()
    expect(page.locator(".celldetail h4")).to_be_visible()


def stranger_host() -> FleetHost:
    """A host whose names, labels and evidence are hostile, from its name in the inventory on."""
    text = documents()[1].replace('"web', f'"{json.dumps(_STRANGER)[1:-1]}')
    document = json.loads(text)
    document["host"] |= {"inventory_name": _STRANGER, "hostname": _STRANGER, "kernel": _STRANGER}
    for finding in document["findings"]:
        finding["summary"] = _STRANGER + finding["summary"]
        finding["evidence"] = [
            {"name": _STRANGER, "value": _STRANGER},
            {"name": "label", "value": "x" * 10_000},
            {
                "name": "packets",
                "value": {"named": [{"name": f"container {_STRANGER} to 10.0.0.1:80/tcp", "value": _STRANGER}]},
            },
        ]
    host = fleet_host(Audit.from_document(_STRANGER, document), {})
    return replace(host, closed=_STRANGER, reachability_changes=[_STRANGER])


def test_names_of_strangers_stay_text(opened: Opening, tmp_path: Path) -> None:
    host = stranger_host()
    fleet = Fleet([host], totals_of([host]), problems=[_STRANGER], title=_STRANGER)
    page = opened(written(fleet, tmp_path / "fleet.html"))
    assert shown(page) == [_SHOWN]
    assert page.locator("img, b, iframe, [onerror]").count() == 0
    page.locator(".hosts tbody th a").click()
    # The fleet's own heading is the same.
    expect(page.locator(".finding").first).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text(_SHOWN)
    for finding in page.locator(".finding:not([open]) > summary").all()[:5]:
        finding.click()
    page.locator(".matrix td.cell").first.click()
    assert page.locator(".body").first.inner_text().count(_SHOWN) >= 2
    assert page.locator("img, b, iframe, [onerror]").count() == 0
    assert not re.search("[\u202e\x1b]", page.inner_text("body"))
    more = page.get_by_role("button", name="Show all 10,000 characters").first
    more.click()
    assert "x" * 10_000 in page.locator(".body").first.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_without_a_script_the_worst_hosts_are_a_table(opened: Opening, page_file: Path) -> None:
    page = opened(page_file, java_script_enabled=False, ready="noscript")
    rows = page.locator("noscript tbody tr")
    assert rows.count() == 50
    assert "failed" in rows.first.inner_text() or "unreachable" in rows.first.inner_text()


def test_page_that_was_cut_off_says_so(opened: Opening, page_file: Path, fleet: Fleet, tmp_path: Path) -> None:
    text = page_file.read_text(encoding="utf-8")
    at = text.index('class="details">') + 400
    (tmp_path / "cut.html").write_text(text[:at], encoding="utf-8")
    page = opened(tmp_path / "cut.html", f"#host={with_topology(fleet).audit.host}")
    expect(page.locator(".notice")).to_contain_text("could not be read from the page")


def test_it_prints_without_controls(opened: Opening, page_file: Path) -> None:
    page = opened(page_file)
    page.emulate_media(media="print")
    assert not page.locator(".filters").is_visible()
    assert page.locator(".hosts tbody tr").first.is_visible()


class _Repeated:
    """Many hosts out of a few, so that making them takes no time."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._few = [host for host in synthetic_fleet(40).hosts if "26.1" in host.audit.label]

    def __iter__(self) -> Iterator[FleetHost]:
        for number in range(self._count):
            host = self._few[number % len(self._few)]
            yield replace(host, audit=replace(host.audit, host=host_name(number)))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    few = totals_of(_Repeated(100))
    totals = replace(few, hosts=10_000, states={state: 100 * count for state, count in few.states.items()})
    return written(Fleet(_Repeated(10_000), totals), tmp_path_factory.mktemp("large") / "fleet.html")


def test_ten_thousand_hosts_can_be_used(opened: Opening, large: Path) -> None:
    page = opened(large)
    count = page.locator(".list .count")
    expect(count).to_have_text("10,000 hosts")
    assert page.locator(".hosts tbody tr").count() == 100
    page.get_by_role("button", name="Last").click()
    expect(page.locator(".pager")).to_contain_text("9,901 to 10,000 of 10,000")
    page.get_by_label("Search").fill(host_name(9_876))
    expect(count).to_have_text("1 of 10,000 hosts")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(host_name(9_876))
    assert page.locator("main h2").count() >= 2


def test_arrow_down_goes_on_to_the_next_page(opened: Opening, large: Path) -> None:
    page = opened(large)
    page.locator(".hosts tbody tr").last.locator("th").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator(".pager")).to_contain_text("101 to 200")
    assert page.evaluate("document.activeElement.closest('tr').dataset.at") == "100"
