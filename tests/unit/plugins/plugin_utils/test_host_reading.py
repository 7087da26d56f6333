"""What is sent to a host to read it: the sources, and that what is left out of them changes nothing."""

from __future__ import annotations

import ast

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import light_dataclasses
from ansible_collections.dockernet.baseline.plugins.plugin_utils.host_reading import (
    PROGRAM,
    sent_sources,
    sources_of,
    without_words,
)

SOURCES = {**sources_of(PROGRAM), **sources_of(light_dataclasses.__name__)}


def statements(source: str) -> list[tuple[int, str]]:
    """Each statement that is no docstring, with its line, and without the docstrings within it."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            node.body = [item for item in node.body if not is_text(item)]
    return [(node.lineno, ast.dump(node)) for node in ast.walk(tree) if isinstance(node, ast.stmt)]


def is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


@pytest.mark.parametrize("path", SOURCES)
def test_every_statement_is_sent_on_its_line(path: str) -> None:
    sent = without_words(SOURCES[path])
    assert statements(sent) == statements(SOURCES[path])
    assert len(sent) < len(SOURCES[path])
    assert "Copyright" not in sent


@pytest.mark.parametrize(
    ("source", "sent"),
    [
        (
            'def f():\n    """A.\n\n    B.\n    """\n    return """x\n"""\n',
            'def f():\n    ""\n\n\n\n    return """x\n"""\n',
        ),
        ('def f():\n    r"""A "word" and \\"."""\n', 'def f():\n    ""\n'),
        ("x = 1  # why\n# how\ny = '#'\n", "x = 1  # why\n\ny = '#'\n"),
    ],
)
def test_words_are_left_out(source: str, sent: str) -> None:
    assert without_words(source) == sent


def test_dataclasses_are_the_light_ones() -> None:
    assert "def dataclass" in sent_sources()["dataclasses.py"]
