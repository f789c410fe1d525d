"""LRS3, and LRS2, which is filed alike: sentences from talks, numbered in a folder for each video.

Layout, as recalled: `trainval/0akiEFwtkyA/50001.mp4` with `50001.txt` beside it. Who speaks is not told:
a video counts as a person.
"""

import re
from pathlib import PurePosixPath

from s2f.pipeline.core.files import Place
from s2f.pipeline.corpora import folder
from s2f.pipeline.corpora.base import VIDEO_ENDINGS, Label, Source

CLIP = re.compile(r"\d{5}")
PARTS = {"pretrain", "trainval", "test", "main"}

# What is said in talks has no pattern.
SLOTS: dict[str, tuple[str, ...]] = {}


def recognises(videos: list[PurePosixPath], home: str) -> bool:
    """Whether most of the videos are named and filed as in LRS3."""
    return 2 * sum(1 for path in videos if _is_clip(path, home)) > len(videos)


def find(files: list[PurePosixPath], root: Place) -> list[Source]:
    """The numbered clips, each with its text where there is one beside it."""
    beside, home = folder.texts_beside(files), root.resolve().name
    return [
        Source("lrs3", path.parent.name, path.stem, root, str(path), beside.get(path.with_suffix("")))
        for path in files
        if path.suffix.lower() in VIDEO_ENDINGS and _is_clip(path, home)
    ]


def known_clips(speaker: str) -> int | None:
    """Not known of single videos."""
    return None


def sentence(utterance: str) -> str | None:
    """A number tells no words."""
    return None


def is_speaker(folder: str) -> bool:
    """Any folder may be a video."""
    return False


def labels(source: Source) -> list[Label]:
    """The times of words are not read."""
    return []


def text(source: Source) -> str | None:
    """The sentence of the text beside the clip."""
    return folder.text(source)


def _is_clip(path: PurePosixPath, home: str) -> bool:
    above = (home, *path.parts)[-3:-2]
    return CLIP.fullmatch(path.stem) is not None and len(path.parts) > 1 and PARTS.issuperset(above)
