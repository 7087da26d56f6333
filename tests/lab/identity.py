"""Who a lab is: its name, where its state lies, and what its things are called on this machine.

Two labs never meet: the names of everything a lab makes carry its name and a digest of its state directory, so that two
checkouts which both call their lab `lab` stay apart as well.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from tests.lab.proc import LabError

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_NAME = "lab"
NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,18}[a-z0-9])?")


@dataclass(frozen=True)
class Identity:
    """A lab's name and the place of its state."""

    name: str
    state: Path

    @classmethod
    def of(cls, name: str | None = None) -> Identity:
        """The identity for a name; without one, environment variable LAB decides, then the default."""
        chosen = name or os.environ.get("LAB") or DEFAULT_NAME
        if not NAME.fullmatch(chosen):
            raise LabError(f"not a name for a lab: {chosen!r} (lower-case letters, digits and dashes, 20 at most)")
        folder = "lab" if chosen == DEFAULT_NAME else f"lab-{chosen}"
        return cls(chosen, ROOT / ".build" / folder)

    @property
    def root(self) -> Path:
        """The checkout the lab belongs to."""
        return self.state.parents[1]

    @property
    def tag(self) -> str:
        """The name that is unique on this machine."""
        digest = hashlib.sha256(str(self.state).encode()).hexdigest()[:6]
        return f"{self.name}-{digest}"

    def thing(self, kind: str) -> str:
        """The name of one of the lab's containers or network namespaces."""
        return f"dnl-{self.tag}-{kind}"

    @property
    def inventory(self) -> Path:
        return self.state / "inventory.yml"

    @property
    def key(self) -> Path:
        return self.state / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        return self.state / "known_hosts"
