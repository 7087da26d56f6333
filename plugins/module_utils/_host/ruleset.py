# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The ruleset as text. Only commands that create nothing: iptables-legacy -S, say, would register its tables."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.command import NOT_FOUND, Run
from ansible_collections.dockernet.baseline.plugins.module_utils._host.unreadable import (
    ABSENT,
    DENIED,
    ERROR,
    UnreadableError,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Ruleset

# Names of the legacy tables of this network namespace; missing or empty where there are none.
_LEGACY = {
    "iptables-legacy-save": Path("/proc/net/ip_tables_names"),
    "ip6tables-legacy-save": Path("/proc/net/ip6_tables_names"),
}
# With the name that the same program has on hosts which install one backend only.
_NFT = (("iptables-nft-save", "iptables-save"), ("ip6tables-nft-save", "ip6tables-save"))


def read_ruleset(run: Run) -> Ruleset:
    """Return the rules of all backends.

    What has no program on this host is left out; without any program, or without permission, UnreadableError is raised.
    """
    save: dict[str, str] = {}
    for names in _NFT:
        save.update(_first_output(run, names))
    for name, tables in _LEGACY.items():
        if _has_tables(tables):
            save.update(_first_output(run, (name,)))
    nft_json = _output(run, ["nft", "-j", "list", "ruleset"])
    if not save and nft_json is None:
        raise UnreadableError(ABSENT, "neither iptables-save nor nft is installed on this host")
    return Ruleset(save, nft_json)


def _has_tables(path: Path) -> bool:
    try:
        return bool(path.read_text(encoding="ascii").strip())
    except FileNotFoundError:
        return False
    except PermissionError as error:
        raise UnreadableError(DENIED, f"{path}: permission denied; run with become (as root)") from error
    except OSError as error:
        raise UnreadableError(ERROR, f"{path}: {error.strerror}") from error


def _first_output(run: Run, names: tuple[str, ...]) -> dict[str, str]:
    """Output of the first of these programs that is installed, by its name."""
    for name in names:
        text = _output(run, [name])
        if text is not None:
            return {name: text}
    return {}


def _output(run: Run, argv: list[str]) -> Optional[str]:
    """Output of a command, None where there is no such program."""
    status, output, problem = run(argv)
    if status == 0:
        return output
    if status == NOT_FOUND:
        return None
    said = problem.strip() or f"exit status {status}"
    if "permission denied" in said.lower() or "operation not permitted" in said.lower() or "must be root" in said:
        raise UnreadableError(DENIED, f"{argv[0]}: permission denied; run with become (as root)")
    raise UnreadableError(ERROR, f"{argv[0]} failed: {said}")
