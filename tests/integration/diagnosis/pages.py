# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The transcripts of docs/why: the fault behind each, and what the playbook prints while it is there.

``python -m tests.integration.diagnosis.pages`` writes them into the pages: see `make diagnosis-pages`.
"""

from __future__ import annotations

import re
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from tests.integration.diagnosis.breaking import rule, settings_of_all_interfaces
from tests.integration.diagnosis.fault import Broken, as_it_is
from tests.integration.diagnosis.name_server import name_server
from tests.integration.diagnosis.of_bridges import FAULTS as OF_BRIDGES
from tests.integration.diagnosis.of_bridges import moved
from tests.integration.diagnosis.of_kernel import router_drops_large_packets
from tests.integration.diagnosis.questions import INTERNET
from tests.integration.diagnosis.scene import PORT, Scene
from tests.lab.ansible_runs import ansible_playbook
from tests.lab.identity import ROOT
from tests.lab.lab import Lab
from tests.lab.machine_lock import file_lock

PAGES = ROOT / "docs" / "why"
KIND = "debian13"
HOST = "edge1"
"""What the lab host is called on the pages."""
_FENCE = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_PORT = re.compile(r"\bveth[0-9a-f]{7}\b")
_COMMAND = "ansible-playbook -i hosts.yml --limit edge1 "


@contextmanager
def _names_unanswered(scene: Scene) -> Iterator[None]:
    with name_server(scene, INTERNET) as server:
        server.silent = True
        yield


@dataclass(frozen=True)
class Shown:
    """What is broken for one screen."""

    broken: Callable[[Scene], Broken]
    userland_proxy: bool = True
    """Of the host."""


def _of_catalogue(cause: str) -> Callable[[Scene], Broken]:
    return next(fault.broken for fault in OF_BRIDGES if fault.cause == cause)


FAULTS: dict[str, tuple[Shown, ...]] = {
    "container-cannot-reach-outside.md": (
        Shown(_of_catalogue("gateway_address_missing")),
        Shown(settings_of_all_interfaces("echo 0 > /proc/sys/net/ipv4/ip_forward")),
    ),
    "outside-cannot-reach-container.md": (
        Shown(rule(f"DOCKER-USER -i eth0 -p tcp -m conntrack --ctorigdstport {PORT} -j DROP")),
    ),
    "container-cannot-reach-published-port.md": (
        Shown(rule(f"INPUT -p tcp --dport {PORT} -j DROP")),
        Shown(_of_catalogue("hairpin_off"), userland_proxy=False),
    ),
    "containers-cannot-reach-each-other.md": (Shown(as_it_is), Shown(moved("quiet", "mover", "rival"))),
    "slow-or-hanging-tls.md": (Shown(router_drops_large_packets),),
    "name-is-not-resolved.md": (Shown(_names_unanswered),),
}
"""Of each page, what is broken for its transcripts, in their order."""


@dataclass(frozen=True)
class Transcript:
    """One screen of a page."""

    page: str
    number: int
    command: str
    """What is typed above it."""
    text: str

    @property
    def fault(self) -> Shown:
        return FAULTS[self.page][self.number]

    def __str__(self) -> str:
        return f"{self.page} {self.number + 1}"


def transcripts() -> list[Transcript]:
    """All transcripts, as the pages have them."""
    return [found for page in sorted(PAGES.glob("*.md")) for found in _of_page(page)]


def _of_page(page: Path) -> Iterator[Transcript]:
    command, numbers = "", count()
    for fence in _FENCE.finditer(page.read_text(encoding="utf-8")):
        if fence["language"] == "shell" and fence["text"].startswith(_COMMAND):
            command = fence["text"].strip()
        elif fence["language"] == "text" and fence["text"].startswith(f"{HOST}: "):
            yield Transcript(page.name, next(numbers), command, fence["text"].rstrip())


def manual_commands(pages: Iterable[str]) -> list[str]:
    """What pages show to be typed without this collection, each once; PID stands for that of a container."""
    texts = ((PAGES / page).read_text(encoding="utf-8") for page in pages)
    parts = (text.partition("## Without this collection")[2] for text in texts)
    lines = (line for part in parts for fence in _FENCE.finditer(part) for line in fence["text"].splitlines())
    return list(dict.fromkeys(re.sub(r" +#.*", "", line) for line in lines if line))


def shown(scene: Scene, transcript: Transcript) -> str:
    """The screen that the playbook prints while the host is broken, with the names that pages have."""
    book, *words = shlex.split(transcript.command.removeprefix(_COMMAND))
    with tempfile.TemporaryDirectory(prefix="dockernet-lab-") as folder, transcript.fault.broken(scene):
        options = [*words, "-e", f"output_dir={folder}"]
        done = ansible_playbook(book, scene.host.identity, limit=[scene.host.name], options=options)
        screen = done.out.replace(folder, "dockernet-diagnosis")
    begin = f"{scene.host.name}: "
    dummy, found, text = screen.partition(f"\n{begin}")
    assert found, f"{transcript}: {screen}{done.err}"
    return _named(begin + text.partition("\nTASK [")[0], scene.host.name).rstrip()


def _named(text: str, host: str) -> str:
    """The text with names, addresses and numbers that are the same on all lab hosts and in all runs."""
    text = re.sub(rf"\b{host}\b", HOST, text)
    text = re.sub(r"\b198\.18\.\d+\.", "198.51.100.", text)
    ports = list(dict.fromkeys(_PORT.findall(text)))
    text = _PORT.sub(lambda found: f"veth{ports.index(found[0]) + 0xA1:07x}", text)
    return re.sub(r"\(handle \d+\)", "(handle 42)", re.sub(r"\bprocess \d+", "process 4711", text))


def written(transcript: Transcript, screen: str) -> None:
    """Put a screen in the place of a transcript."""
    page = PAGES / transcript.page
    text = page.read_text(encoding="utf-8")
    numbers = count()

    def changed(fence: re.Match[str]) -> str:
        is_screen = fence["language"] == "text" and fence["text"].startswith(f"{HOST}: ")
        return f"```text\n{screen}\n```" if is_screen and next(numbers) == transcript.number else fence[0]

    page.write_text(_FENCE.sub(changed, text), encoding="utf-8")


def screens(scene: Scene, wanted: Sequence[Transcript]) -> Iterator[tuple[Transcript, str]]:
    """What is printed for each, on a host that is reset and made healthy; first those of a host with docker-proxy."""
    built: bool | None = None
    for transcript in sorted(wanted, key=lambda item: not item.fault.userland_proxy):
        if transcript.fault.userland_proxy is not built:
            built = transcript.fault.userland_proxy
            scene.host.reset()
            scene.build(userland_proxy=built)
        yield transcript, shown(scene, transcript)


def main() -> int:
    """Write all transcripts, or those of the pages that are named."""
    names = sys.argv[1:]
    lab = Lab.open()
    host = lab.host(KIND)
    with file_lock(lab.identity.state / "busy" / host.name):
        wanted = [item for item in transcripts() if not names or item.page in names]
        for transcript, screen in screens(Scene(host, lab), wanted):
            written(transcript, screen)
            print(f"{transcript}: written", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
