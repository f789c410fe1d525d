"""Corpora: which files of a folder are clips, whose they are, and what is said in them."""

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from types import ModuleType

from upath import UPath

from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.files import Place

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
    """One clip as it lies in a corpus; `relative` and `aligned` are names below the raw folder.

    While its `stamp`, the sizes and times of its files, is the same, the content is taken to be.
    """

    corpus: str
    speaker: str
    utterance: str
    root: Place
    relative: str
    aligned: str | None = None
    namesake: str = ""
    stamp: str = ""

    @cached_property
    def clip_id(self) -> str:
        """`<speaker>_<name>`, in letters that serve in a file name and as a WebDataset key."""
        stem = self.relative.rpartition("/")[2].rpartition(".")[0]
        name = f"{self.speaker}_{stem}"
        return re.sub(r"[^A-Za-z0-9_-]", "-", name) + self.namesake

    @property
    def video(self) -> Place:
        """The video file."""
        return self.root / self.relative

    @property
    def alignment(self) -> Place | None:
        """The file that says what is spoken."""
        return self.root / self.aligned if self.aligned else None


def adapter(name: str) -> ModuleType:
    """The module of a corpus.

    `recognises` names of videos, `find` clips, `labels` and `text` of a source, and `known_clips`: how
    many clips of a speaker the whole corpus holds, None where that is not known.
    """
    from s2f.pipeline.corpora import folder, grid, tcd_timit

    return {"grid": grid, "tcd_timit": tcd_timit, "folder": folder}[name]


def find_clips(root: Place, corpus: str = "auto", besides: Place | None = None) -> list[Source]:
    """All clips below a raw folder, but for those below `besides`, in the order of their ids.

    Raises InputError where there are none.
    """
    stamps = dict(_local_files(root, besides) if isinstance(root, Path) else _remote_files(root, besides))
    found = [PurePosixPath(name) for name in sorted(stamps)]
    videos = [path for path in found if path.suffix.lower() in VIDEO_ENDINGS]
    if not found:
        raise InputError(f"{root} is empty", "give the folder that holds the raw videos")
    if not videos:
        raise InputError(f"{root} holds no videos", f"videos end in one of {' '.join(sorted(VIDEO_ENDINGS))}")
    home = root.resolve().name
    if corpus == "auto":
        corpus = next(name for name in CORPORA if adapter(name).recognises(videos, home))
    sources = _distinct(adapter(corpus).find(found, root), stamps)
    if not sources:
        raise InputError(
            f"{root} holds no clip in the layout of {corpus}", "set scan.corpus to auto or folder"
        )
    return sources


def _local_files(root: Path, besides: Place | None) -> Iterator[tuple[str, str]]:
    """All files below a folder with their stamps, through links too; none hidden or left by macOS."""
    if not root.is_dir():
        raise _no_folder(root)
    seen = {os.path.realpath(besides)} if isinstance(besides, Path) else set()
    waiting = [(str(root), "")]
    while waiting:
        folder, prefix = waiting.pop()
        if (place := os.path.realpath(folder)) in seen:
            continue
        seen.add(place)
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            raise InputError(
                f"{folder} cannot be listed: {error.strerror}", "give yourself the right to read it"
            ) from error
        for entry in entries:
            if entry.is_dir() and entry.name != "__MACOSX" and not entry.name.startswith("."):
                waiting.append((entry.path, f"{prefix}{entry.name}/"))
            elif not entry.is_dir() and not entry.name.startswith("."):
                yield prefix + entry.name, _local_stamp(entry)


def _local_stamp(entry: os.DirEntry[str]) -> str:
    try:
        found = entry.stat()
    except OSError:
        # A link to nowhere: the clip's own run says so.
        return ""
    return f"{found.st_size}:{found.st_mtime_ns}"


def _remote_files(root: UPath, besides: Place | None) -> Iterator[tuple[str, str]]:
    """The same behind a URL, where one listing names them all."""
    try:
        listed = root.fs.find(root.path, detail=True)
    except Exception as error:
        raise InputError(
            f"{root} cannot be listed: {error}", "check the address and your right to it"
        ) from error
    if not listed:
        raise _no_folder(root)
    skipped = str(besides).removeprefix(str(root)).lstrip("/") + "/" if besides else "/"
    for path, info in listed.items():
        name = path.removeprefix(root.path.rstrip("/")).lstrip("/")
        hidden = any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))
        if not hidden and not name.startswith(skipped):
            changed = info.get("ETag") or info.get("LastModified") or info.get("mtime") or info.get("created")
            yield name, f"{info['size']}:{changed}"


def _no_folder(root: Place) -> InputError:
    return InputError(f"{root} is not a folder", "give the folder that holds the raw videos")


def _distinct(sources: list[Source], stamps: dict[str, str]) -> list[Source]:
    """Sources with their stamps by clip id; a second clip of one id is told apart by a hash of its path."""
    by_id: dict[str, Source] = {}
    for source in sources:
        mark = ""
        if source.clip_id in by_id:
            mark = "-" + hashlib.sha256(source.relative.encode()).hexdigest()[:8]
        stamp = " ".join(stamps[name] for name in (source.relative, source.aligned) if name)
        stamped = replace(source, namesake=mark, stamp=stamp)
        by_id[stamped.clip_id] = stamped
    return [by_id[clip_id] for clip_id in sorted(by_id)]
