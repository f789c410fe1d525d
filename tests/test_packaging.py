"""What is packed: a folder that is forgotten works in an editable install and is missing from the wheel."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
HALVES = ("pipeline", "model")


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def folders() -> set[Path]:
    """The folders that hold Python files."""
    return {path.parent for half in HALVES for path in (ROOT / half).rglob("*.py")}


def test_the_packages_listed_are_the_folders_that_there_are(project: dict[str, Any]) -> None:
    listed = project["tool"]["setuptools"]["packages"]
    found = {".".join(("s2f", *folder.relative_to(ROOT).parts)) for folder in folders()}
    assert set(listed) == found
    assert len(listed) == len(set(listed))


def test_every_folder_of_python_files_is_a_package() -> None:
    for folder in folders():
        assert (folder / "__init__.py").exists(), folder


def test_both_halves_are_typed_and_say_so_in_the_package(project: dict[str, Any]) -> None:
    for half in HALVES:
        assert (ROOT / half / "py.typed").exists()
        assert "py.typed" in project["tool"]["setuptools"]["package-data"][f"s2f.{half}"]


def test_every_file_beside_the_code_is_packed(project: dict[str, Any]) -> None:
    """Also those of folders without Python, such as `templates`."""
    packed = project["tool"]["setuptools"]["package-data"]
    packages = folders()
    files = {path for half in HALVES for path in (ROOT / half).rglob("*") if path.is_file()}
    others = {path for path in files if path.suffix != ".py" and path.parent.name != "__pycache__"}
    assert any(path.parent.name == "templates" for path in others)
    for path in others:
        folder = next(parent for parent in path.parents if parent in packages)
        patterns = packed.get(".".join(("s2f", *folder.relative_to(ROOT).parts)), [])
        assert any(path in folder.glob(pattern) for pattern in patterns), path


def test_nothing_generic_lands_beside_the_package(project: dict[str, Any]) -> None:
    assert all(name.startswith("s2f.") for name in project["tool"]["setuptools"]["packages"])
    assert project["tool"]["setuptools"]["package-dir"] == {f"s2f.{half}": half for half in HALVES}
    assert project["project"]["scripts"] == {"s2f": "s2f.pipeline.app.cli:main"}
