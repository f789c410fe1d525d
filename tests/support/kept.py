"""Sets and runs that take long to make. They are kept on disk, for all workers and the next session.

What is kept was made by the code and from the data of now: its folder is named after a hash of both,
and what older ones have made is deleted.
"""

import hashlib
import inspect
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "build" / "tests"
DATA = Path(os.environ.get("S2F_TEST_DATA", ROOT.parent / "shared" / "data"))
CODE = ("pipeline", "model")


def kept(name: str, make: Callable[[Path], object], target: Path, code: tuple[str, ...] = CODE) -> Path:
    """Copy to `target` what `make` writes into a folder, and make it only if no session has done so.

    `code` are the folders of the source files that it depends on. A copy may be changed at will.
    """
    KEPT.mkdir(parents=True, exist_ok=True)
    folder = KEPT / f"{name}-{_key(make, code)}"
    with FileLock(KEPT / f"{name}.lock"):
        if not folder.exists():
            for old in KEPT.glob(f"{name}-*"):
                shutil.rmtree(old)
            # Made elsewhere first, so that a folder of the final name is always complete.
            part = KEPT / f"part-{name}"
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            make(part)
            part.rename(folder)
        shutil.copytree(folder, target, dirs_exist_ok=True)
    return target


def _key(make: Callable[[Path], object], code: tuple[str, ...]) -> str:
    """A hash of the source files, of the names, sizes and times of the data, and of `make` itself."""
    digest = hashlib.sha256(inspect.getsource(make).encode())
    for path in (ROOT / "constraints.txt", *_files(*(ROOT / folder for folder in code))):
        digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    for path in _files(DATA):
        stat = path.stat()
        digest.update(f"{path.relative_to(DATA)} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _files(*folders: Path) -> Iterator[Path]:
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path
