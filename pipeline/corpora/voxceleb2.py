"""VoxCeleb2: people in interviews; a folder for each person, in it one for each video, in it numbered clips.

Layout, as recalled: `dev/mp4/id00012/21Uxsk56VDQ/00001.mp4`. What is said is not told, unless a text
lies beside a clip.
"""

import re
from pathlib import PurePosixPath

from s2f.pipeline.core.files import Place
from s2f.pipeline.corpora import folder
from s2f.pipeline.corpora.base import VIDEO_ENDINGS, Rights, Source

RIGHTS = Rights(
    "VoxCeleb2",
    "Chung, Nagrani and Zisserman 2018",
    "rights of those who put the videos online, not checked",
    "other",
)

CLIP = re.compile(r"\d+")
PERSON = re.compile(r"id\d+")


def recognises(videos: list[PurePosixPath], home: str) -> bool:
    """Whether most of the videos are named and filed as in VoxCeleb2."""
    return 2 * sum(1 for path in videos if _person(path, home)) > len(videos)


def find(files: list[PurePosixPath], root: Place) -> list[Source]:
    """The clips of each person. Their ids name the video too: each video numbers its clips anew."""
    beside, home = folder.texts_beside(files), root.resolve().name
    found = []
    for path in files:
        person = _person(path, home)
        if path.suffix.lower() in VIDEO_ENDINGS and person:
            name = f"{path.parent.name}_{path.stem}"
            aligned = beside.get(path.with_suffix(""))
            found.append(Source("voxceleb2", person, name, root, str(path), aligned, title=name))
    return found


def is_speaker(folder: str) -> bool:
    """Whether a folder is named as a person."""
    return PERSON.fullmatch(folder) is not None


def text(source: Source) -> str | None:
    """The text beside the clip, if there is one."""
    return folder.text(source)


def _person(path: PurePosixPath, home: str) -> str | None:
    """The folder of the person, above that of the video."""
    above = (home, *path.parts)[-3:-2]
    return next(filter(PERSON.fullmatch, above), None) if CLIP.fullmatch(path.stem) else None
