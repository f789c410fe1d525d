"""Imports run one way: each room imports from the rooms named here and from itself, lazy imports included."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

BELOW_PREP = {"pipeline.core", "pipeline.faces", "pipeline.corpora", "pipeline.stages"}
FOR_MODEL = {"pipeline.core", "pipeline.faces", "pipeline.corpora"}
NETWORKS = FOR_MODEL | {"model.networks", "model.data", "model.metrics"}

LAYERS: dict[str, set[str]] = {
    "pipeline.core": set(),
    "pipeline.faces": {"pipeline.core"},
    "pipeline.corpora": {"pipeline.core"},
    "pipeline.stages": BELOW_PREP,
    "pipeline.prep": BELOW_PREP,
    "pipeline.audit": BELOW_PREP | {"pipeline.prep"},
    "pipeline.sharing": BELOW_PREP | {"pipeline.prep"},
    "pipeline.demo": {"pipeline.core", "pipeline.corpora"},
    # Files to be read, no code.
    "model.presets": set(),
    "model.pretrained": set(),
    "model.networks": FOR_MODEL,
    "model.metrics": FOR_MODEL,
    "model.data": FOR_MODEL | {"model.networks"},
    "model.inference": NETWORKS,
    "model.training": NETWORKS,
    "model.hub": NETWORKS | {"model.training"},
    "model.evaluation": NETWORKS | {"model.inference", "model.training"},
}
# The one file that may import such a library.
ONLY_IN = {"dlib": "pipeline/faces/dlib.py", "ffmpeg": "pipeline/core/media.py"}
# The one room that sees both halves.
APPLICATION = "pipeline.app"


def imports(path: Path) -> Iterator[str]:
    """The modules of s2f that a file imports, anywhere in it; `from a import b` gives a.b."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("s2f"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("s2f"):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(module: str) -> str:
    """The room of a module: `s2f.model.data.loader` lies in model.data."""
    return ".".join(module.split(".")[1:3])


def sources(name: str) -> list[Path]:
    return sorted((ROOT / name.replace(".", "/")).rglob("*.py"))


@pytest.mark.parametrize("name", LAYERS)
def test_a_room_imports_only_from_the_rooms_below_it(name: str) -> None:
    assert sources(name)
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in sources(name)
        for module in imports(path)
        if room(module) not in LAYERS[name] | {name}
    ]
    assert wrong == []


def test_every_file_lies_in_a_room() -> None:
    rooms = {*LAYERS, APPLICATION}
    loose = [
        path.relative_to(ROOT)
        for half in ("pipeline", "model")
        for path in (ROOT / half).rglob("*.py")
        if ".".join(path.relative_to(ROOT).parts[:2]) not in rooms
    ]
    assert {path.as_posix() for path in loose} == {"pipeline/__init__.py", "model/__init__.py"}


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_is_imported_in_one_file(library: str) -> None:
    pattern = re.compile(rf"^\s*(import|from) {library}\b", re.MULTILINE)
    importing = {
        path.relative_to(ROOT).as_posix()
        for half in ("pipeline", "model")
        for path in (ROOT / half).rglob("*.py")
        if pattern.search(path.read_text(encoding="utf-8"))
    }
    assert importing == {ONLY_IN[library]}
