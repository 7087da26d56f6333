"""Whether the kernel has nftables ready, so that asking it loads nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import nftables


@pytest.mark.parametrize(
    ("loaded", "built_in", "there"),
    [
        ("nf_tables 1 0 - Live 0x0\n", "", True),
        ("bridge 1 0 - Live 0x0\n", "kernel/net/netfilter/nf_tables.ko\n", True),
        ("bridge 1 0 - Live 0x0\n", "kernel/net/bridge/bridge.ko\n", False),
        ("nf_tables_set 1 0 - Live 0x0\n", "kernel/net/netfilter/xnf_tables.ko\n", False),
        # What lists no modules loads none.
        (None, "", True),
        ("bridge 1 0 - Live 0x0\n", None, True),
    ],
)
def test_a_kernel_that_would_load_it_is_not_asked(
    loaded: str | None, built_in: str | None, there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modules = tmp_path / "modules" / os.uname().release / "modules.builtin"
    for path, text in ((tmp_path / "loaded", loaded), (modules, built_in)):
        if text is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    monkeypatch.setattr(nftables, "_LOADED", tmp_path / "loaded")
    monkeypatch.setattr(nftables, "_MODULES", tmp_path / "modules")
    assert nftables.nftables_is_there() is there
