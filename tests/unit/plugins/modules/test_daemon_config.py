"""What the documentation of daemon_config says of each key is what the collection does."""

from __future__ import annotations

import typing as t
from pathlib import Path

import yaml
from ansible_collections.dockernet.baseline.plugins.module_utils._model import daemon_key_table
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_key_table import DEFAULT_BRIDGE, KEYS

PLUGINS = Path(daemon_key_table.__file__).parents[2]
DOCUMENTATION: dict[str, t.Any] = yaml.safe_load(
    (PLUGINS / "modules" / "daemon_config.yml").read_text(encoding="utf-8")
)["DOCUMENTATION"]


def note(beginning: str) -> str:
    """The entry of the notes that begins so."""
    return next(str(text) for text in DOCUMENTATION["notes"] if str(text).startswith(beginning))


def test_the_keys_that_are_reloaded_are_named() -> None:
    text = note("Reloaded are")
    assert [name for name in KEYS if f"C({name})" in text] == [name for name in KEYS if KEYS[name].reloadable]


def test_the_keys_of_the_default_network_are_named() -> None:
    text = note("The keys of the default network")
    assert [name for name in KEYS if f"C({name})" in text] == [
        name for name in KEYS if KEYS[name].scope == DEFAULT_BRIDGE
    ]
