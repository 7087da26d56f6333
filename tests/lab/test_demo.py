"""The demo, `make harden` without an inventory: it ends well, and README shows what it prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.lab.demo import Demo, without_empty_tasks
from tests.lab.host import Host
from tests.lab.identity import ROOT
from tests.lab.lab import Lab

# What differs from run to run, and how wide a column of it is.
VOLATILE = {
    r"veth[0-9a-f]{7}": "VETH",
    r"br-[0-9a-f]{12}": "BRIDGE",
    r"\b172\.\d+\.\d+\.\d+": "ADDRESS",
    r"198\.18\.\d+\.": "198.18.N.",
    r"2001:db8:1ab:[0-9a-f]+::": "2001:db8:1ab:N::",
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ": "TIME",
    r"\[ *\d+\.\d s\]": "[SECONDS]",
    r"lab-[a-z0-9-]+/|LAB=[a-z0-9-]+": "LAB",
    r"-{3,}": "---",
}
CUT = "..."


def steady(text: str) -> str:
    """The text in one line, as it is in every run."""
    for pattern, word in VOLATILE.items():
        text = re.sub(pattern, word, text)
    return " ".join(text.split())


def shown_by_readme() -> list[str]:
    """The pieces of the demo's end that README has, between marks of what is left out."""
    readme = Path(ROOT / "README.md").read_text(encoding="utf-8")
    sample = re.search(r"The end of `make harden`.*?```text\n(.*?)```", readme, re.DOTALL)
    assert sample, "README has no sample of the demo"
    pieces: list[list[str]] = [[]]
    for line in sample[1].splitlines():
        if line.strip() == CUT:
            pieces.append([])
        else:
            pieces[-1].append(line)
    return [steady("\n".join(piece)) for piece in pieces if piece]


@pytest.mark.kinds("debian13")
def test_the_demo_ends_as_readme_shows_it(engine_host: Host, lab: Lab, capfd: pytest.CaptureFixture[str]) -> None:
    status = Demo(lab.identity, engine_host.name).show()
    out = capfd.readouterr().out
    assert status == 0, out
    printed, at = steady(out), 0
    for piece in shown_by_readme():
        found = printed.find(piece, at)
        assert found >= 0, (
            f"README has what the demo does not print, or in another order:\n{piece}\n\nIt prints:\n{out}"
        )
        at = found + len(piece)
    assert at == len(printed), f"README leaves out the end:\n{printed[at:]}"
    assert max(len(line) for line in out.splitlines()) <= 120


def test_tasks_below_which_no_host_has_a_line_are_left_out() -> None:
    lines = [
        *("", "PLAY [x] ****", "", "TASK [a : included] ***", "", "\x1b[0;32mTASK [b : Change] ***", ""),
        *("\x1b[0;33mchanged: [web]\x1b[0m", "", "TASK [c : included] ***", "", "web: before and after", ""),
        *("TASK [d : Fail] ***", "fatal: [web]: FAILED!", "", "", "PLAY RECAP ***"),
    ]
    assert list(without_empty_tasks(lines)) == [
        *("", "PLAY [x] ****", "", "\x1b[0;32mTASK [b : Change] ***", "\x1b[0;33mchanged: [web]\x1b[0m", ""),
        *("web: before and after", "", "TASK [d : Fail] ***", "fatal: [web]: FAILED!", "", "PLAY RECAP ***"),
    ]
