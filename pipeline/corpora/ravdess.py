"""RAVDESS: actors who say or sing two sentences in eight emotions (Livingstone and Russo 2018).

The name of a clip tells all, in any folder, as recalled: `01-01-06-01-02-01-12.mp4` is modality, channel,
emotion, strength, sentence, repetition and actor. Videos without sound (modality 02) have a namesake with it.
"""

import re
from pathlib import PurePosixPath

from s2f.pipeline.core.files import Place
from s2f.pipeline.corpora.base import VIDEO_ENDINGS, Rights, Source

RIGHTS = Rights(
    "RAVDESS", "Livingstone and Russo 2018", "CC BY-NC-SA 4.0, as recalled", "cc-by-nc-sa-4.0", shareable=True
)

SENTENCES = {"01": "kids are talking by the door", "02": "dogs are sitting by the door"}
EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happiness",
    "04": "sadness",
    "05": "anger",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}
NAME = re.compile(r"0([12])-0[12]-(0[1-8])-0[12]-(0[12])-0[12]-(\d\d)")
WITH_SOUND = "1"
SPEAKER = re.compile(r"Actor_\d\d")


def recognises(videos: list[PurePosixPath], home: str) -> bool:
    """Whether most of the videos are named as in RAVDESS."""
    return 2 * sum(1 for path in videos if NAME.fullmatch(path.stem)) > len(videos)


def find(files: list[PurePosixPath], root: Place) -> list[Source]:
    """The clips with sound whose names are RAVDESS's."""
    return [
        Source("ravdess", f"Actor_{named[4]}", path.stem, root, str(path), emotion=EMOTIONS[named[2]])
        for path in files
        if path.suffix.lower() in VIDEO_ENDINGS
        and (named := NAME.fullmatch(path.stem))
        and named[1] == WITH_SOUND
    ]


def sentence(utterance: str) -> str | None:
    """The sentence that a name has the number of."""
    named = NAME.fullmatch(utterance)
    return SENTENCES[named[3]] if named else None


def is_speaker(folder: str) -> bool:
    """Whether a folder is named as an actor."""
    return SPEAKER.fullmatch(folder) is not None


def text(source: Source) -> str | None:
    """The sentence of the clip's name."""
    return sentence(source.utterance)
