# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The ruleset as text, all of one generation.

Only commands that create nothing: iptables-legacy -S, say, would register its tables, and a program for nftables would
load its module where the kernel has none yet.
"""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.chain_lists import (
    FAMILIES,
    OWN_TABLES,
    list_chains,
    unshown_chains,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.command import NOT_FOUND, Run
from ansible_collections.dockernet.baseline.plugins.module_utils._host.ipsets import read_ipsets
from ansible_collections.dockernet.baseline.plugins.module_utils._host.nftables import (
    nftables_is_there,
    read_generation,
    read_tables,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.unreadable import (
    ABSENT,
    DENIED,
    ERROR,
    UnreadableError,
    from_os_error,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Ruleset

# Names of the legacy tables of this network namespace; missing or empty where there are none.
_LEGACY_TABLES = {"iptables": Path("/proc/net/ip_tables_names"), "ip6tables": Path("/proc/net/ip6_tables_names")}
# A dockerd that is just starting containers changes the rules again and again.
_ATTEMPTS = 5


def read_ruleset(run: Run) -> Ruleset:
    """Return the rules of all backends, under the names that the programs have where both backends are installed.

    What exists and could not be read stands in ``unread``. Raises UnreadableError without permission, when a program
    fails, and when there are rules and no program that shows any.
    """
    for dummy in range(_ATTEMPTS):
        before = _generation()
        found = replace(_read(run, with_nftables=before is not None), generation=before)
        if _generation() == before:
            return found
    changed = f"the rules of nftables changed during each of {_ATTEMPTS} attempts to read them; try again"
    return replace(found, generation=None, unread=[*found.unread, changed])


def _generation() -> Optional[int]:
    """None where the kernel has no nftables ready."""
    if not nftables_is_there():
        return None
    try:
        return read_generation()
    except OSError as error:
        # The kernel knows no such subsystem (net/netfilter/nfnetlink.c), or no netfilter at all.
        if error.errno in (errno.EINVAL, errno.EPROTONOSUPPORT):
            return None
        raise from_os_error(error, "the ruleset of nftables") from error


def _read(run: Run, *, with_nftables: bool) -> Ruleset:
    native = _read_nftables(run) if with_nftables else Ruleset(nft_tables=[])
    save, unread = dict(native.save), list(native.unread)
    for program, names in _LEGACY_TABLES.items():
        if _has_tables(names):
            legacy = _saved(run, program, "legacy")
            save.update(legacy)
            unread += [] if legacy else [f"{names} lists tables, and there is no {program}-legacy-save to show them"]
    if unread and not save and native.nft_json is None:
        raise UnreadableError(ABSENT, f"neither iptables-save nor nft is installed on this host, and {unread[0]}")
    return _with_sets(replace(native, save=save, unread=unread))


def _read_nftables(run: Run) -> Ruleset:
    tables = read_tables()
    nft_json = _output(run, ["nft", "-j", "list", "ruleset"])
    save: dict[str, str] = {}
    for program in FAMILIES:
        try:
            save.update(_saved(run, program, "nft"))
        except _UnfitError:
            # nft shows them all the same.
            if nft_json is None:
                raise
    if nft_json is None:
        return Ruleset(save, nft_tables=tables, unread=_hidden_tables(tables, save))
    return Ruleset(save, nft_json, nft_tables=tables, listed=_listed(run, save, nft_json))


def _listed(run: Run, save: dict[str, str], nft_json: str) -> dict[str, str]:
    """Chains one by one, of tables that the save commands do not show."""
    listed: dict[str, str] = {}
    for program, family in FAMILIES.items():
        chains = unshown_chains(save.get(f"{program}-nft-save"), nft_json, family)
        if chains:
            command = program if _backend(run, program) == "nft" else f"{program}-nft"
            listed.update(list_chains(run, command, chains, family))
    return listed


def _saved(run: Run, program: str, backend: str) -> dict[str, str]:
    """Output of the program that saves a backend's rules, by its full name; empty where there is none."""
    name = f"{program}-{backend}-save"
    text = _output(run, [name])
    if text is None and _backend(run, f"{program}-save") == backend:
        text = _output(run, [f"{program}-save"])
    return {} if text is None else {name: text}


def _backend(run: Run, program: str) -> Optional[str]:
    """Of a program on hosts that install one backend only: ``iptables-save v1.8.7 (nf_tables)``; older name none."""
    version = _output(run, [program, "--version"])
    if version is None:
        return None
    return "nft" if "nf_tables" in version else "legacy"


class _UnfitError(UnreadableError):
    """The program ran and could not show the rules.

    That of nftables does so in the middle of a table into which other software has put rules that iptables has no words
    for; nft shows them.
    """


def _hidden_tables(tables: list[str], save: dict[str, str]) -> list[str]:
    """One sentence for each table that only nft could show."""
    shown = {
        f"{family} {name}"
        for program, family in FAMILIES.items()
        for name in OWN_TABLES
        if f"{program}-nft-save" in save
    }
    return [
        f"there is a table {table}, and no nft to show it; install nftables" for table in tables if table not in shown
    ]


def _with_sets(found: Ruleset) -> Ruleset:
    """Add the sets of ipset(8) where rules refer to them."""
    if not any("--match-set " in text for text in (*found.save.values(), *found.listed.values())):
        return found
    try:
        return replace(found, ipsets=read_ipsets())
    except (OSError, ValueError) as error:
        return replace(found, ipsets_unread=f"the sets of ipset could not be read: {error}")


def _has_tables(path: Path) -> bool:
    try:
        return bool(path.read_text(encoding="ascii").strip())
    except FileNotFoundError:
        return False
    except OSError as error:
        raise from_os_error(error, str(path)) from error


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
    raise _UnfitError(ERROR, f"{argv[0]} failed: {said}")
