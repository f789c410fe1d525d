"""What is packed: a folder that is forgotten works in an editable install and is missing from the wheel."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
HALVES = ("pipeline", "model")
# The Python API is the package s2f itself.
API = ROOT / "pipeline" / "app" / "api"


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def folders() -> set[Path]:
    """The folders that hold Python files."""
    return {path.parent for half in HALVES for path in (ROOT / half).rglob("*.py")}


def package(folder: Path) -> str:
    """The name of a folder's package."""
    return "s2f" if folder == API else ".".join(("s2f", *folder.relative_to(ROOT).parts))


def test_the_packages_listed_are_the_folders_that_there_are(project: dict[str, Any]) -> None:
    listed = project["tool"]["setuptools"]["packages"]
    assert set(listed) == {package(folder) for folder in folders()}
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
        patterns = packed.get(package(folder), [])
        assert any(path in folder.glob(pattern) for pattern in patterns), path


def test_nothing_generic_lands_beside_the_package(project: dict[str, Any]) -> None:
    assert {name.partition(".")[0] for name in project["tool"]["setuptools"]["packages"]} == {"s2f"}
    assert project["tool"]["setuptools"]["package-dir"] == {
        "s2f": API.relative_to(ROOT).as_posix(),
        **{f"s2f.{half}": half for half in HALVES},
    }
    assert project["project"]["scripts"] == {"s2f": "s2f.pipeline.app.cli:main"}
