"""LRW: one word a clip, 29 frames, from television (Chung and Zisserman 2016).

Layout, as recalled: `ABOUT/train/ABOUT_00001.mp4`. Who speaks is not told: each clip counts as
a person of its own.
"""

import re
from pathlib import PurePosixPath

from s2f.pipeline.core.files import Place
from s2f.pipeline.corpora.base import VIDEO_ENDINGS, Rights, Source

RIGHTS = Rights(
    "LRW", "Chung and Zisserman 2016", "agreement with the BBC, for research alone, as recalled", "other"
)

NAME = re.compile(r"([A-Z]+)_\d{5}")
FOLDERS = ("train", "val", "test")


def recognises(videos: list[PurePosixPath], home: str) -> bool:
    """Whether most of the videos are named and filed as in LRW."""
    return 2 * sum(1 for path in videos if _word(path)) > len(videos)


def find(files: list[PurePosixPath], root: Place) -> list[Source]:
    """The clips that lie in the folder of their word and of a split."""
    return [
        Source("lrw", path.stem, path.stem, root, str(path))
        for path in files
        if path.suffix.lower() in VIDEO_ENDINGS and _word(path)
    ]


def text(source: Source) -> str | None:
    """The word of the clip's folder."""
    return _word(PurePosixPath(source.relative))


def _word(path: PurePosixPath) -> str | None:
    named, folders = NAME.fullmatch(path.stem), path.parts[-3:-1]
    return named[1] if named and folders in [(named[1], folder) for folder in FOLDERS] else None
