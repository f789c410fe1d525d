"""The clips of a raw folder: its files, local or behind a URL, as the adapter of their corpus reads them."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from upath import UPath

from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.files import Place, as_text
from s2f.pipeline.corpora import CORPORA, open_corpus
from s2f.pipeline.corpora.base import VIDEO_ENDINGS, Source


@dataclass(frozen=True)
class Listed:
    """The clips of a raw folder in the order of their ids, and the names of the files that belong to none."""

    clips: list[Source]
    others: list[PurePosixPath]

    def passed_over(self) -> str:
        """How many files belong to no clip, by their ending, as a sentence; empty where there are none."""
        return f"passed over: {_by_ending(self.others)}" if self.others else ""


def find_clips(root: Place, corpus: str = "auto", besides: Place | None = None) -> list[Source]:
    """The clips of `list_folder`."""
    return list_folder(root, corpus, besides).clips


def list_folder(root: Place, corpus: str = "auto", besides: Place | None = None) -> Listed:
    """All clips below a raw folder in the order of their ids, without those below `besides`.

    `corpus` is a name of CORPORA, or auto: the corpus that most videos belong to, and videos that are not
    of it are those of a plain folder. Raises InputError where there are no clips.
    """
    stamps = dict(_local_files(root, besides) if isinstance(root, Path) else _remote_files(root, besides))
    paths = [PurePosixPath(name) for name in sorted(stamps)]
    videos = [path for path in paths if path.suffix.lower() in VIDEO_ENDINGS]
    if not paths:
        raise InputError(f"{root} is empty", "give the folder that holds the raw videos")
    if not videos:
        raise InputError(
            f"{root} holds no videos, but {_by_ending(paths)}",
            f"videos end in one of {' '.join(sorted(VIDEO_ENDINGS))}",
        )
    home = root.resolve().name
    chosen = corpus
    if corpus == "auto":
        chosen = next(name for name in CORPORA if open_corpus(name).recognises(videos, home))
    adapter = open_corpus(chosen)
    found = adapter.find(paths, root)
    if corpus == "auto":
        known = {source.relative for source in found}
        strange = {path for path in videos if str(path) not in known and not adapter.recognises([path], home)}
        others = [path for path in paths if path in strange or path.suffix.lower() not in VIDEO_ENDINGS]
        found += open_corpus([*CORPORA][-1]).find(others, root)
    if not found:
        raise InputError(
            f"{root} holds no clip in the layout of {corpus}", "set scan.corpus to auto or folder"
        )
    used = {name for source in found for name in (source.relative, source.aligned)}
    others = [path for path in paths if str(path) not in used]
    return Listed(identified([_stamped(source, stamps) for source in found]), others)


def identified(sources: Iterable[Source], recorded: Mapping[str, tuple[str, str]] = {}) -> list[Source]:
    """Sources with ids of their own, in the order of these.

    `recorded` are the names of files and their speakers by the ids under which they are known: a file keeps
    its id, whatever came since, while its speaker is the same. Of others that would have one id, all but the
    first, by their paths, get one with a hash of their path.
    """
    before = {known: clip_id for clip_id, known in recorded.items()}
    by_id: dict[str, Source] = {}
    waiting = []
    for source in sources:
        clip_id = before.get((source.name, source.speaker), "")
        if clip_id and clip_id not in by_id:
            by_id[clip_id] = replace(source, given=clip_id)
        else:
            waiting.append(replace(source, given=""))
    for source in waiting:
        ids = (source.clip_id, *(source.hashed_id(digits) for digits in range(8, 65)))
        clip_id = next(each for each in ids if each not in by_id)
        by_id[clip_id] = replace(source, given=clip_id)
    return [by_id[clip_id] for clip_id in sorted(by_id)]


def _stamped(source: Source, stamps: Mapping[str, str]) -> Source:
    """A source with the stamp of its files, whose words can be stored."""
    stamp = " ".join(stamps[name] for name in (source.relative, source.aligned) if name)
    return replace(source, speaker=as_text(source.speaker), utterance=as_text(source.utterance), stamp=stamp)


def _by_ending(paths: Iterable[PurePosixPath]) -> str:
    """How many files there are by their ending, the most first: `3 .jpg, 1 without an ending`."""
    counts = Counter(as_text(path.suffix.lower()) or "without an ending" for path in paths)
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    return ", ".join(f"{count:,} {ending}" for ending, count in ordered)


def _local_files(root: Path, besides: Place | None) -> Iterator[tuple[str, str]]:
    """All files below a folder with their stamps, links followed; without hidden files and those of macOS."""
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
        status = entry.stat()
    except OSError:
        # A broken link: the clip's own row will say so.
        return ""
    return f"{status.st_size}:{status.st_mtime_ns}"


def _remote_files(root: UPath, besides: Place | None) -> Iterator[tuple[str, str]]:
    """The same behind a URL, by one listing."""
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
