"""Secrets in the texts of rules go, and every other letter of a ruleset stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host.ruleset import (
    masked_json,
    masked_save,
    without_secrets,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Ruleset
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import MASK

from tests.unit.planted_secrets import PLANTED, SECRET

RECORDINGS = [
    path
    for path in sorted((Path(__file__).parents[3] / "fixtures").glob("**/*"))
    if path.is_file() and path.suffix in (".json", ".save", ".txt")
]


@pytest.mark.parametrize(
    ("rule", "masked"),
    [
        ('-A X -m comment --comment "password=abc of \\"me\\"" -j RETURN', f'"password={MASK} of \\"me\\"" -j RETURN'),
        ("-A X -m comment --comment token=abc -j LOG", f"--comment token={MASK} -j LOG"),
        ('-A X -j LOG --log-prefix "password=abc "', f'--log-prefix "password={MASK} "'),
        ("-A X -m comment --comment https://u:p@x -j DROP", f"--comment https://{MASK}@x -j DROP"),
        ('add s 192.0.2.1 comment "password=abc"', f'comment "password={MASK}"'),
    ],
)
def test_texts_of_saved_rules(rule: str, masked: str) -> None:
    assert masked_save(f"{rule}\n").endswith(f"{masked}\n")
    assert masked_save(masked_save(rule)) == masked_save(rule)


@pytest.mark.parametrize("text", PLANTED)
def test_whatever_is_planted(text: str) -> None:
    line = text.replace("\n", " ")
    escaped = line.replace("\\", "\\\\").replace('"', '\\"')
    rules = Ruleset(
        {"iptables-nft-save": f'-A X -m comment --comment "{escaped}" -j RETURN\n'},
        json.dumps({"nftables": [{"rule": {"comment": text, "expr": [{"log": {"prefix": text}}]}}]}),
        ipsets=f'add s 192.0.2.1 comment "{escaped}"\n',
        listed={"ip filter": f'-A X -m comment --comment "{escaped}" -j RETURN\n'},
    )
    told = without_secrets(rules)
    assert SECRET not in repr(told)
    assert told.save["iptables-nft-save"].endswith('" -j RETURN\n')
    assert json.loads(told.nft_json or "")["nftables"][0]["rule"]["comment"]
    assert without_secrets(told) == told


@pytest.mark.parametrize("path", RECORDINGS, ids=str)
def test_recorded_rules_stay_as_they_are(path: Path) -> None:
    text = path.read_text()
    assert masked_json(text) == text
    assert masked_save(text) == text
