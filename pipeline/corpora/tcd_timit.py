"""TCD-TIMIT: 59 volunteers and 3 lipspeakers reading TIMIT's sentences (Harte and Gillen 2015).

Layout: `volunteers/01M/Clips/straightcam/sa1.mp4` and `lipspeakers/Lipspkr1/Clips/straightcam/…`;
of the two cameras only the straight one serves. Labels lie in `*labelfiles.mlf`, HTK's format, in
units of 100 ns; they are phones, not words.
"""

import functools
import re
from pathlib import PurePosixPath

from s2f.pipeline.core.files import Place
from s2f.pipeline.corpora import texts
from s2f.pipeline.corpora.base import VIDEO_ENDINGS, Label, Rights, Source

RIGHTS = Rights("TCD-TIMIT", "Harte and Gillen 2015", "research agreement, no redistribution", "other")

TICKS_PER_SECOND = 10_000_000
CAMERA = "straightcam"
SPEAKER = re.compile(r"\d{2}[MF]|Lipspkr\d")
UTTERANCE = re.compile(r"s[aix]\d+", re.IGNORECASE)


def recognises(videos: list[PurePosixPath], home: str) -> bool:
    """Whether most of the videos are named and filed as in TCD-TIMIT."""
    matching = sum(1 for path in videos if UTTERANCE.fullmatch(path.stem) and _speaker(path))
    return 2 * matching > len(videos)


def find(files: list[PurePosixPath], root: Place) -> list[Source]:
    """The clips of the straight camera, each with the label file that names its speaker."""
    labels = [path for path in files if path.suffix == ".mlf"]
    sources = []
    for path in files:
        speaker = _speaker(path)
        if path.suffix.lower() in VIDEO_ENDINGS and speaker and CAMERA in path.parts:
            kind = "lipspeaker" if speaker.startswith("Lip") else "volunteer"
            label = next((str(file) for file in labels if file.name.startswith(kind)), None)
            sources.append(Source("tcd_timit", speaker, path.stem, root, str(path), label))
    return sources


def known_clips(speaker: str) -> int | None:
    """6913 over all speakers, of the straight camera."""
    if not SPEAKER.fullmatch(speaker):
        return None
    return 377 if speaker.startswith("Lip") else 98


def is_speaker(folder: str) -> bool:
    """Whether a folder is named as a volunteer or a lipspeaker."""
    return SPEAKER.fullmatch(folder) is not None


def labels(source: Source) -> list[Label]:
    """The phones of a clip with their times. Raises ValueError where the label file is damaged."""
    if source.alignment is None:
        return []
    lines = _read(source.alignment).get((source.speaker.lower(), source.utterance.lower()), [])
    return texts.ordered(map(_label, lines))


@functools.lru_cache(maxsize=4)
def _read(path: Place) -> dict[tuple[str, str], list[str]]:
    """A master label file: a quoted name, lines of `start end phone`, a full stop, for each clip."""
    found: dict[tuple[str, str], list[str]] = {}
    current: list[str] = []
    for line in texts.read(path).splitlines():
        if line.startswith('"'):
            parts = PurePosixPath(line.strip('"')).parts
            speaker = next((part for part in parts if SPEAKER.fullmatch(part)), "")
            current = found.setdefault((speaker.lower(), PurePosixPath(parts[-1]).stem.lower()), [])
        elif line and line != "." and not line.startswith("#!MLF!#"):
            current.append(line)
    return found


def _label(line: str) -> Label:
    try:
        start, end, phone = line.split()[:3]
        return Label(phone, int(start) / TICKS_PER_SECOND, int(end) / TICKS_PER_SECOND)
    except ValueError:
        raise ValueError(f"{line!r} is not a start, an end and a phone") from None


def _speaker(path: PurePosixPath) -> str | None:
    return next((part for part in path.parts if SPEAKER.fullmatch(part)), None)
