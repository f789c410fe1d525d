"""Corpora: which files of a folder are clips, whose they are, and what is said in them."""

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType

from s2f.pipeline.errors import InputError

# Those that can be recognised, the most particular first; any folder is a "folder".
CORPORA = ("grid", "tcd_timit", "folder")

VIDEO_ENDINGS = {
    ".mpg",
    ".mpeg",
    ".mp4",
    ".mov",
    ".avi",
    ".mkv",
    ".webm",
    ".flv",
    ".m4v",
    ".wmv",
    ".ts",
    ".3gp",
}


@dataclass(frozen=True)
class Label:
    """What is said, a word or a phone as the corpus has it, and when, in seconds."""

    label: str
    start: float
    end: float


@dataclass(frozen=True)
class Source:
    """One clip as it lies in a corpus."""

    corpus: str
    speaker: str
    utterance: str
    video: Path
    relative: str
    alignment: Path | None = None
    namesake: str = ""

    @cached_property
    def clip_id(self) -> str:
        """`<speaker>_<name>`, in letters that serve in a file name and as a WebDataset key."""
        return re.sub(r"[^A-Za-z0-9_-]", "-", f"{self.speaker}_{self.video.stem}") + self.namesake


def adapter(name: str) -> ModuleType:
    """The module of a corpus: `recognises` a folder, `find` its clips, `labels` and `text` of a source."""
    from s2f.pipeline.corpora import folder, grid, tcd_timit

    return {"grid": grid, "tcd_timit": tcd_timit, "folder": folder}[name]


def find_clips(root: Path, corpus: str = "auto", besides: Path | None = None) -> list[Source]:
    """All clips below a raw folder, but for those below `besides`, in the order of their ids.

    Raises InputError where there are none.
    """
    if not root.is_dir():
        raise InputError(f"{root} is not a folder", "give the folder that holds the raw videos")
    found = sorted(_files_below(root, besides), key=os.fspath)
    videos = [path for path in found if path.suffix.lower() in VIDEO_ENDINGS]
    if not found:
        raise InputError(f"{root} is empty", "give the folder that holds the raw videos")
    if not videos:
        raise InputError(f"{root} holds no videos", f"videos end in one of {' '.join(sorted(VIDEO_ENDINGS))}")
    if corpus == "auto":
        corpus = next(name for name in CORPORA if adapter(name).recognises(videos, root))
    sources = _distinct(adapter(corpus).find(found, root))
    if not sources:
        raise InputError(
            f"{root} holds no clip in the layout of {corpus}", "set scan.corpus to auto or folder"
        )
    return sources


def _files_below(root: Path, besides: Path | None) -> Iterator[Path]:
    """All files below a folder, through links too; neither hidden ones nor what macOS leaves behind."""
    seen = {besides.resolve()} if besides else set()
    for folder, folders, names in os.walk(root, followlinks=True):
        place = Path(folder).resolve()
        if place in seen:
            folders.clear()
            continue
        seen.add(place)
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__MACOSX"]
        yield from (Path(folder, name) for name in names if not name.startswith("."))


def _distinct(sources: list[Source]) -> list[Source]:
    """Sources sorted by clip id; a second clip of the same id is told apart by a hash of its path."""
    by_id: dict[str, Source] = {}
    for source in sources:
        if source.clip_id in by_id:
            mark = hashlib.sha256(source.relative.encode()).hexdigest()[:8]
            source = replace(source, namesake=f"-{mark}")  # noqa: PLW2901
        by_id[source.clip_id] = source
    return [by_id[clip_id] for clip_id in sorted(by_id)]
