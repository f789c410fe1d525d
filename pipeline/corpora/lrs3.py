"""LRS3, and LRS2, which is filed alike: sentences from talks, numbered in a folder for each video.

Layout, as recalled: `trainval/0akiEFwtkyA/50001.mp4` with `50001.txt` beside it. Who speaks is not told:
a video counts as a person.
"""

import re
from pathlib import PurePosixPath

from s2f.pipeline.core.files import Place
from s2f.pipeline.corpora import folder
from s2f.pipeline.corpora.base import VIDEO_ENDINGS, Rights, Source

RIGHTS = Rights(
    "LRS3 or LRS2", "Afouras, Chung and Zisserman 2018", "terms of TED or of the BBC, not checked", "other"
)

CLIP = re.compile(r"\d{5}")
PARTS = {"pretrain", "trainval", "test", "main"}


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


def text(source: Source) -> str | None:
    """The sentence of the text beside the clip."""
    return folder.text(source)


def _is_clip(path: PurePosixPath, home: str) -> bool:
    above = (home, *path.parts)[-3:-2]
    return CLIP.fullmatch(path.stem) is not None and len(path.parts) > 1 and PARTS.issuperset(above)
