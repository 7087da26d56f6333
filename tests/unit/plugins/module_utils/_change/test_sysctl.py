"""Values are written, read back from the kernel, and taken back."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed, SysctlChange
from ansible_collections.dockernet.baseline.plugins.module_utils._change.running_values import (
    read_sysctl,
    reset_sysctls,
    set_sysctls,
    sysctl_path,
)

KEY = "net.ipv4.conf.eth0/5.forwarding"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = sysctl_path(KEY, tmp_path)
    path.parent.mkdir(parents=True)
    path.write_text("0\n")
    return tmp_path


def test_a_dot_in_an_interface_name(root: Path) -> None:
    assert sysctl_path(KEY, root) == root / "net/ipv4/conf/eth0.5/forwarding"


def test_set_and_reset(root: Path) -> None:
    change = SysctlChange(KEY, "0", "1")
    set_sysctls([change], root)
    assert read_sysctl(KEY, root) == "1"
    assert reset_sysctls([change], root) == []
    assert read_sysctl(KEY, root) == "0"


def test_a_kernel_that_does_not_take_it(root: Path) -> None:
    # Two changes of one key: the first is not what the kernel says in the end.
    with pytest.raises(ChangeFailed, match="the kernel shows 2"):
        set_sysctls([SysctlChange(KEY, "0", "1"), SysctlChange(KEY, "1", "2")], root)


def test_a_key_that_is_gone(root: Path) -> None:
    gone = SysctlChange("net.ipv4.conf.gone0.forwarding", "0", "1")
    assert read_sysctl(gone.key, root) is None
    with pytest.raises(ChangeFailed, match="gone0"):
        set_sysctls([gone], root)
    assert reset_sysctls([gone], root) == [gone.key]
