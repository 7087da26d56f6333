"""What the documentation of daemon_config says of each key is what the collection does."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_key_table import DEFAULT_BRIDGE, KEYS
from ansible_collections.dockernet.baseline.plugins.modules.daemon_config import DOCUMENTATION


def note(beginning: str) -> str:
    """The entry of the notes that begins so."""
    return DOCUMENTATION.partition(f"  - {beginning}")[2].partition("\n  - ")[0]


def test_the_keys_that_are_reloaded_are_named() -> None:
    text = note("Reloaded are")
    assert [name for name in KEYS if f"C({name})" in text] == [name for name in KEYS if KEYS[name].reloadable]


def test_the_keys_of_the_default_network_are_named() -> None:
    text = note("The keys of the default network")
    assert [name for name in KEYS if f"C({name})" in text] == [
        name for name in KEYS if KEYS[name].scope == DEFAULT_BRIDGE
    ]
