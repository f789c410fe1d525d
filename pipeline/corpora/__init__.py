"""Corpora: which files of a folder are clips, whose they are, and what is said in them."""

import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

from s2f.pipeline.errors import InputError

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
class Word:
    """A spoken word and when it is said, in seconds."""

    word: str
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

    @property
    def clip_id(self) -> str:
        """`<speaker>_<name>`, in letters that serve in a file name and as a WebDataset key."""
        return re.sub(r"[^A-Za-z0-9_-]", "-", f"{self.speaker}_{self.video.stem}") + self.namesake


def adapter(name: str) -> ModuleType:
    """The module of a corpus: `recognises(files, root)`, `find(files, root)`, `words(source)`."""
    from s2f.pipeline.corpora import folder, grid

    return {"grid": grid, "folder": folder}[name]


def find_clips(root: Path, corpus: str = "auto", besides: Path | None = None) -> list[Source]:
    """All clips below a raw folder, but for those below `besides`, in the order of their ids.

    Raises InputError where there are none.
    """
    if not root.is_dir():
        raise InputError(f"{root} is not a folder", "give the folder that holds the raw videos")
    found = sorted(path for path in root.rglob("*") if not _is_junk(path, root))
    if besides and besides.resolve().is_relative_to(root.resolve()):
        found = [path for path in found if not path.resolve().is_relative_to(besides.resolve())]
    videos = [path for path in found if path.suffix.lower() in VIDEO_ENDINGS and path.is_file()]
    if not found:
        raise InputError(f"{root} is empty", "give the folder that holds the raw videos")
    if not videos:
        raise InputError(f"{root} holds no videos", f"videos end in one of {' '.join(sorted(VIDEO_ENDINGS))}")
    if corpus == "auto":
        corpus = next(name for name in ("grid", "folder") if adapter(name).recognises(videos, root))
    sources = _distinct(adapter(corpus).find(found, root))
    if not sources:
        raise InputError(
            f"{root} holds no clip in the layout of {corpus}", "set scan.corpus to auto or folder"
        )
    return sources


def _is_junk(path: Path, root: Path) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in path.relative_to(root).parts)


def _distinct(sources: list[Source]) -> list[Source]:
    """Sources sorted by clip id; a second clip of the same id is told apart by a hash of its path."""
    by_id: dict[str, Source] = {}
    for source in sources:
        if source.clip_id in by_id:
            mark = hashlib.sha256(source.relative.encode()).hexdigest()[:8]
            source = replace(source, namesake=f"-{mark}")  # noqa: PLW2901
        by_id[source.clip_id] = source
    return [by_id[clip_id] for clip_id in sorted(by_id)]
