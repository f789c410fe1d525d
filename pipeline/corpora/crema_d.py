"""CREMA-D: 91 actors, 12 sentences in six emotions, 7442 clips (Cao et al. 2014).

The name of a clip tells all, in any folder: `1001_DFA_ANG_XX.flv` is actor, sentence, emotion and level.
"""

import re
from pathlib import PurePosixPath

from s2f.pipeline.core.files import Place
from s2f.pipeline.corpora.base import VIDEO_ENDINGS, Rights, Source

RIGHTS = Rights("CREMA-D", "Cao et al. 2014", "ODbL 1.0", "odbl", shareable=True)

SENTENCES = {
    "DFA": "don't forget a jacket",
    "IEO": "it's eleven o'clock",
    "IOM": "i'm on my way to the meeting",
    "ITH": "i think i have a doctor's appointment",
    "ITS": "i think i've seen this before",
    "IWL": "i would like a new alarm clock",
    "IWW": "i wonder what this is about",
    "MTI": "maybe tomorrow it will be cold",
    "TAI": "the airplane is almost full",
    "TIE": "that is exactly what happened",
    "TSI": "the surface is slick",
    "WSI": "we'll stop in a couple of minutes",
}
EMOTIONS = {
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happiness",
    "NEU": "neutral",
    "SAD": "sadness",
}
NAME = re.compile(
    rf"(\d{{4}})_({'|'.join(SENTENCES)})_({'|'.join(EMOTIONS)})_(?:LO|MD|HI|XX?)", re.IGNORECASE
)
SPEAKER = re.compile(r"1\d{3}")


def recognises(videos: list[PurePosixPath], home: str) -> bool:
    """Whether most of the videos are named as in CREMA-D."""
    return 2 * sum(1 for path in videos if NAME.fullmatch(path.stem)) > len(videos)


def find(files: list[PurePosixPath], root: Place) -> list[Source]:
    """The clips whose names are CREMA-D's."""
    return [
        Source("crema_d", named[1], path.stem, root, str(path), emotion=EMOTIONS[named[3].upper()])
        for path in files
        if path.suffix.lower() in VIDEO_ENDINGS and (named := NAME.fullmatch(path.stem))
    ]


def sentence(utterance: str) -> str | None:
    """The sentence that a name has the code of."""
    named = NAME.fullmatch(utterance)
    return SENTENCES[named[2].upper()] if named else None


def is_speaker(folder: str) -> bool:
    """Whether a folder is named as an actor."""
    return SPEAKER.fullmatch(folder) is not None


def text(source: Source) -> str | None:
    """The sentence of the clip's name."""
    return sentence(source.utterance)
