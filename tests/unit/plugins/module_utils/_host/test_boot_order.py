"""The place of a unit in the order of boot, on the graphs that operators make of it."""

from __future__ import annotations

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import Run
from ansible_collections.dockernet.baseline.plugins.module_utils._host.firewall import in_a_cycle, read_boot_order
from ansible_collections.dockernet.baseline.plugins.module_utils._model.firewall import BootOrder

# As systemd 257 shows it on Debian 13.
STOCK = {
    "network-online.target": "network.target",
    "network.target": "network-pre.target",
    "network-pre.target": "nftables.service ufw.service",
    "docker.service": "network-online.target docker.socket firewalld.service",
    "local-fs.target": "local-fs-pre.target",
    "nftables.service": "system.slice systemd-journald.socket",
}
BOTH = ["network-pre.target", "docker.service"]


def systemctl(after: dict[str, str], enabled: str = "") -> Run:
    def run(argv: list[str]) -> tuple[int, str, str]:
        names = argv[argv.index("--") + 1 :]
        shown = [
            f"After={after.get(name, '')}\nActiveState=inactive\nUnitFileState={'enabled' if name in enabled else ''}\n"
            for name in names
        ]
        return 0, "\n".join(shown), ""

    return run


def order(after: dict[str, str], enabled: str = "") -> BootOrder:
    found = read_boot_order(systemctl(after, enabled))
    assert found is not None
    return found


def test_loaders_that_come_before_the_network_are_waited_for() -> None:
    found = order(STOCK, "nftables.service")
    assert found.before == BOTH
    assert {"local-fs.target", "nftables.service", "ufw.service", "firewalld.service"} <= set(found.after)
    assert found.late == []


LATE = {**STOCK, "nftables.service": "network-online.target", "network-pre.target": "ufw.service"}
LAST = {**LATE, "nftables.service": "docker.service"}


@pytest.mark.parametrize(("graph", "before"), [(LATE, ["docker.service"]), (LAST, [])])
def test_behind_a_loader_that_comes_late_nothing_is_promised_to_come_later(
    graph: dict[str, str], before: list[str]
) -> None:
    found = order(graph, "nftables.service")
    assert found.before == before
    assert found.late == ["nftables.service"]
    assert "nftables.service" in found.after


def test_a_late_loader_that_is_off_counts_for_nothing() -> None:
    found = order(LATE)
    assert found.before == BOTH
    assert "nftables.service" not in found.after


def test_units_of_ours_do_not_decide_where_they_stand() -> None:
    placed = {
        **STOCK,
        "network-pre.target": "dockernet-forward-policy.service",
        "dockernet-forward-policy.service": "x",
    }
    assert order({**placed, "x": "network-online.target"}).before == BOTH


def test_what_systemd_does_not_tell_is_not_known() -> None:
    assert read_boot_order(lambda dummy: (1, "", "no bus")) is None
    assert read_boot_order(lambda dummy: (0, "After=\n", "")) is None
    endless = {f"u{number}.service": f"u{number + 1}.service" for number in range(500)}
    assert read_boot_order(systemctl({**endless, "ufw.service": "u0.service"})) is None


def test_a_cycle_through_the_unit_is_seen() -> None:
    unit = "dockernet-forward-policy.service"
    early = {**LATE, unit: "nftables.service", "network-pre.target": unit}
    assert in_a_cycle(systemctl(early), unit) is True
    assert in_a_cycle(systemctl({**STOCK, unit: "nftables.service", "network-pre.target": unit}), unit) is False
    assert in_a_cycle(lambda dummy: (1, "", ""), unit) is None
