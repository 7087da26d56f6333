"""Forwarding, carried out on folders that stand for the kernel's and /etc."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding import ip_forward
from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.forward_policy_plan import (
    PolicyPlan,
    PolicyRequest,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.ip_forward import (
    ForwardingChange,
    WholePlan,
    advertised_interfaces,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.ip_forward_plan import (
    ForwardingPlan,
    ForwardingRequest,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import Journal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed, Outline
from ansible_collections.dockernet.baseline.plugins.module_utils._change.sysctl_plan import OwnFile
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import BootSysctls

from tests.unit.plugins.module_utils._change.hosts import HOST

ZEROS = "0" * 32
# As the kernel prints a default route from an advertisement, a static one, and an advertised prefix.
ROUTES = f"""\
{ZEROS} 00 {ZEROS} 00 fe80000000000000000000fffe000001 00000400 00000002 00000000 00450003     eth0
{ZEROS} 00 {ZEROS} 00 fe80000000000000000000fffe000001 00000400 00000001 00000000 00000003     eth1
20010db8{"0" * 24} 40 {ZEROS} 00 {ZEROS} 00000100 00000002 00000000 00480001     eth2
"""
KNOB = "net.ipv4.ip_forward"


def test_advertised_interfaces() -> None:
    assert advertised_interfaces(ROUTES.encode()) == ["eth0"]
    assert advertised_interfaces(b"") == []
    # A name is any bytes: of another encoding, or with what Python takes for the end of a line in text.
    for name in ("bré".encode(), b"br\xe9", b"e\x1cf", "e\u2028f".encode()):
        line = ROUTES.encode().replace(b"eth0", name)
        assert advertised_interfaces(line) == [name.decode("utf-8", "replace")]


@pytest.fixture
def change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ForwardingChange:
    monkeypatch.setattr(ip_forward, "FOLDER", str(tmp_path))
    monkeypatch.setattr(ip_forward, "unit_path", lambda name: str(tmp_path / name))
    monkeypatch.setattr(ip_forward, "read_boot", lambda: BootSysctls("systemd-sysctl"))
    request = ForwardingRequest(present=True, families=["ipv4"])
    journal = Journal("ip_forward", tmp_path / "journal")
    return ForwardingChange(request, PolicyRequest(["ipv4"]), lambda dummy: (1, "", ""), lambda: HOST, journal)


def whole(forwarding: ForwardingPlan) -> WholePlan:
    return WholePlan(forwarding.outline, forwarding, PolicyPlan())


def test_a_file_that_does_not_win_is_taken_back(change: ForwardingChange, tmp_path: Path) -> None:
    path = tmp_path / "99-dockernet-baseline.conf"
    plan = ForwardingPlan(Outline(["write"]), files=[OwnFile(str(path), "x\n")], promised={KNOB: "1"})
    with pytest.raises(ChangeFailed, match=r"set net\.ipv4\.ip_forward to None.*was restored"):
        change.apply(whole(plan))
    assert not path.exists()


def test_what_was_there_comes_back(change: ForwardingChange, tmp_path: Path) -> None:
    path = tmp_path / "99-dockernet-baseline.conf"
    path.write_text("mine\n")
    plan = ForwardingPlan(Outline(["remove"]), files=[OwnFile(str(path), None)], promised={KNOB: "1"})
    with pytest.raises(ChangeFailed):
        change.apply(whole(plan))
    assert path.read_text() == "mine\n"


def test_success(change: ForwardingChange, tmp_path: Path) -> None:
    path = tmp_path / "99-dockernet-baseline.conf"
    change.apply(whole(ForwardingPlan(Outline(["write"]), files=[OwnFile(str(path), "x\n")])))
    assert path.read_text() == "x\n"
