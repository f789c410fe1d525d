"""The folder that the studio was started on: the trainings, the prepared sets and the raw videos in it.

Nothing outside of it is read, wherever names or links point.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.prepared_set import ARTIFACTS, MANIFESTS

# The file of a training's settings tells its kind.
KINDS = {"train.yaml": "generator", "lipread.yaml": "lip reader", "sync.yaml": "sync scorer"}
SCAN = f"{MANIFESTS}/scan.parquet"
# How far below the folder is looked for something, and in how many folders.
DEEPEST, MOST = 4, 10_000
# Folders of many files, in which nothing of the kind lies.
PASSED_OVER = {"artifacts", "manifests", "shards", "samples", "tensorboard", "node_modules", "__pycache__"}


class Folder:
    """A folder and what lies in it; everything is named by its path from there, as in `runs/grid`."""

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise InputError(f"{root} is no folder", "give the folder in which your runs and sets lie")
        self.root = root.resolve()

    def runs(self) -> dict[str, str]:
        """The kind of each training by its name."""
        found = {}
        for path in self._walk():
            kind = self.kind(path)
            if kind:
                found[self._name(path)] = kind
        return found

    def kind(self, run: Path) -> str:
        """What is trained in a folder; empty where it holds no training."""
        return next((kind for name, kind in KINDS.items() if (run / name).is_file()), "")

    def sets(self) -> list[str]:
        """The names of the prepared sets."""
        return [self._name(path) for path in self._walk() if (path / SCAN).is_file()]

    def run(self, name: str) -> Path:
        """The folder of a training. Raises InputError."""
        path = self._inside(name)
        if not self.kind(path) or not all(map(self.holds, path.iterdir())):
            raise InputError(f"{name} holds no training", "choose one of the list")
        return path

    def set(self, name: str) -> Path:
        """The folder of a prepared set. Raises InputError."""
        path = self._inside(name)
        parts = (path / MANIFESTS, path / ARTIFACTS)
        if not (path / SCAN).is_file() or not all(map(self.holds, parts)):
            raise InputError(f"{name} holds no prepared set", "choose one of the list")
        return path

    def raw_video(self, source: str, stamp: str) -> Path | None:
        """The raw video of a clip, if it lies in the folder: what its row names, of the size that it had."""
        size = stamp.partition(":")[0]
        for path in self._walk():
            try:
                video = (path / source).resolve(strict=True)
                if video.is_file() and str(video.stat().st_size) == size and self.holds(video):
                    return video
            except OSError:
                continue
        return None

    def _inside(self, name: str) -> Path:
        try:
            path = (self.root / name).resolve()
        except (OSError, ValueError):
            path = Path("/")
        if not self.holds(path):
            raise InputError(
                f"{name} lies outside of {self.root}", "start the studio in a folder that holds it"
            )
        return path

    def holds(self, path: Path) -> bool:
        """Whether a file lies in the folder, links followed."""
        return path.resolve().is_relative_to(self.root)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _walk(self) -> Iterator[Path]:
        """All folders that may be one of these, in the order of their names."""
        left = MOST
        for path, folders, _ in os.walk(self.root):
            here = Path(path)
            depth = len(here.relative_to(self.root).parts)
            folders[:] = sorted(
                name
                for name in folders
                if depth < DEEPEST and not name.startswith(".") and name not in PASSED_OVER
            )
            yield here
            left -= 1
            if not left:
                return
