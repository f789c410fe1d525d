"""The clips of a raw folder: its files, local or behind a URL, as the adapter of their corpus reads them."""

import logging
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path, PurePosixPath

from upath import UPath

from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.files import Place, as_text
from s2f.pipeline.corpora import CORPORA, named_corpus, open_corpus
from s2f.pipeline.corpora.base import VIDEO_ENDINGS, Source

LOG = logging.getLogger(__name__)

# The corpus is recognised by the names of its files.
AUTO = "auto"

SPEAKER = "{speaker}"
GLOB = {SPEAKER: "([^/]+)", "**/": "(?:.*/)?", "**": ".*", "*": "[^/]*"}


@dataclass(frozen=True)
class Listed:
    """The clips of a raw folder in the order of their ids, and the names of the files that belong to none."""

    clips: list[Source]
    others: list[PurePosixPath]

    def passed_over(self) -> str:
        """How many files belong to no clip, by their ending, as a sentence; empty where there are none."""
        return f"passed over: {_by_ending(self.others)}" if self.others else ""


def find_clips(
    root: Place, corpus: str = AUTO, besides: Place | None = None, speaker: str | None = None
) -> list[Source]:
    """The clips of `list_folder`."""
    return list_folder(root, corpus, besides, speaker).clips


def list_folder(
    root: Place, corpus: str = AUTO, besides: Place | None = None, speaker: str | None = None
) -> Listed:
    """All clips below a raw folder in the order of their ids, without those below `besides`.

    `corpus` is a name of CORPORA, or auto: the corpus that most videos belong to; of the others again the
    one that most belong to, and so on. `speaker` is a pattern, see `speaker_pattern`, which says who speaks
    in corpora whose folders do not. Raises InputError where there are no clips.
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
    found = _recognised(paths, videos, root) if corpus == AUTO else open_corpus(corpus).find(paths, root)
    if speaker:
        found = _spoken_by(speaker, found)
    if not found:
        raise InputError(
            f"{root} holds no clip in the layout of {corpus}", "set scan.corpus to auto or folder"
        )
    if corpus == AUTO:
        _tell_unplaced(found)
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
        ids = chain([source.clip_id], (source.hashed_id(digits) for digits in range(8, 65)))
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


def described(sources: Iterable[Source]) -> str:
    """Which clips are of which corpus, and where they lie, in one line."""
    trees: dict[str, list[Source]] = {}
    for source in sources:
        trees.setdefault(source.corpus, []).append(source)
    return "; ".join(
        f"{name} in {_common_folder(each)}, clips {len(each)}, speakers {len({one.speaker for one in each})}"
        for name, each in trees.items()
    )


def speaker_pattern(text: str) -> re.Pattern[str]:
    """A pattern over the path below the raw folder, whose one group is the speaker. Raises ValueError.

    It is a path with `{speaker}` in the place of the name, and with `*` for any name and `**` for any
    folders, as in `{speaker}/**` or `**/{speaker}_*`; or a regular expression with one group.
    """
    if SPEAKER not in text:
        try:
            pattern = re.compile(text)
        except re.error as error:
            raise ValueError(f"it is no regular expression: {error}") from error
        if pattern.groups != 1:
            raise ValueError(f"it should hold {SPEAKER}, or be a regular expression with one group")
        return pattern
    if text.count(SPEAKER) > 1:
        raise ValueError(f"it should hold {SPEAKER} once")
    parts = re.split(r"(\{speaker\}|\*\*/?|\*)", text)
    return re.compile("^" + "".join(GLOB.get(part) or re.escape(part) for part in parts) + "$")


def _recognised(paths: list[PurePosixPath], videos: list[PurePosixPath], root: Place) -> list[Source]:
    """The clips of each corpus that is there."""
    home, found = root.resolve().name, list[Source]()
    others = [path for path in paths if path.suffix.lower() not in VIDEO_ENDINGS]
    while videos:
        name = next(name for name in CORPORA if open_corpus(name).recognises(videos, home))
        adapter = open_corpus(name)
        taken = adapter.find(sorted([*videos, *others]), root)
        found += taken
        known = {source.relative for source in taken}
        # What a corpus recognises and leaves out, such as a second camera, is not another's.
        videos = [path for path in videos if str(path) not in known and not adapter.recognises([path], home)]
    return found


def _spoken_by(speaker: str, sources: list[Source]) -> list[Source]:
    """The sources with the speakers that a pattern finds, where the corpus does not know its own."""
    pattern, strange = speaker_pattern(speaker), list[str]()
    found = []
    for source in sources:
        named = pattern.search(source.relative)
        if open_corpus(source.corpus).is_speaker(source.speaker):
            found.append(source)
        elif named and named[1]:
            found.append(replace(source, speaker=named[1]))
        else:
            strange.append(source.relative)
            found.append(source)
    if strange:
        LOG.warning(
            "%d videos do not fit scan.speaker, such as %s: their folder is their speaker",
            len(strange),
            strange[0],
        )
    return found


def _common_folder(sources: list[Source]) -> str:
    """The deepest folder that holds all of them, below the raw folder, which is called as it is."""
    common = os.path.commonpath([PurePosixPath(source.relative).parent for source in sources])
    return f"{common}/" if common else str(sources[0].root)


def _tell_unplaced(sources: list[Source]) -> None:
    """One line on clips that are named as those of a corpus, and lie where it has none."""
    named = Counter(
        name for each in sources if (name := named_corpus(each.utterance)) not in (None, each.corpus)
    )
    for name, count in named.items():
        LOG.warning(
            "%d videos are named as those of %s, but not filed so: they are taken as those of a plain folder;"
            " docs/stages.md says how its folders are named",
            count,
            name,
        )


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
