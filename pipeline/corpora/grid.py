"""GRID: 34 talkers, 1000 sentences of six words each, 3 s (Cooke et al. 2006).

Known layouts: `s1/bbaf2n.mpg` with `alignments/s1/bbaf2n.align` (Zenodo) and
`s1/video/mpg_vcd/bbaf2n.mpg` with `s1/align/bbaf2n.align` (original site).
"""

import re
from pathlib import PurePosixPath

from s2f.pipeline.core.files import Place
from s2f.pipeline.corpora.base import VIDEO_ENDINGS, Label, Source

# Ticks of an .align file: 1000 to a video frame of 1/25 s.
TICKS_PER_SECOND = 25_000
SILENCES = {"sil", "sp"}
LARGE_EDITION = "mpg_6000"

# Clips with video per speaker; of s21 there is sound alone. Some releases of s1 hold all 1000.
TALKERS = 34
CLIPS = 1000
FEWER = {
    "s1": 989,
    "s2": 997,
    "s3": 989,
    "s4": 999,
    "s5": 999,
    "s6": 991,
    "s7": 989,
    "s8": 891,
    "s15": 982,
    "s21": 0,
    "s25": 997,
}

NAME = re.compile(r"[blps][bgrw][abiw][a-vx-z][z1-9][anps]")
SPEAKER = re.compile(r"s\d{1,2}")
GRAMMAR = (
    {"b": "bin", "l": "lay", "p": "place", "s": "set"},
    {"b": "blue", "g": "green", "r": "red", "w": "white"},
    {"a": "at", "b": "by", "i": "in", "w": "with"},
    {letter: letter for letter in "abcdefghijklmnopqrstuvxyz"},
    dict(
        zip(
            "z123456789",
            ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"],
            strict=True,
        )
    ),
    {"a": "again", "n": "now", "p": "please", "s": "soon"},
)


# The words of each slot of a sentence.
SLOTS = {
    name: tuple(words.values())
    for name, words in zip(
        ("command", "colour", "preposition", "letter", "digit", "adverb"), GRAMMAR, strict=True
    )
}


def expand(name: str) -> str:
    """The six words that a clip's name of GRID stands for: `bbaf2n` → `bin blue at f two now`."""
    return " ".join(words[letter] for words, letter in zip(GRAMMAR, name, strict=True))


def sentence(utterance: str) -> str | None:
    """The words of a clip's name; None for a name that is not one of GRID."""
    return expand(utterance) if NAME.fullmatch(utterance) else None


def is_speaker(folder: str) -> bool:
    """Whether a folder is named as a speaker: s1 to s34."""
    return SPEAKER.fullmatch(folder) is not None


def recognises(videos: list[PurePosixPath], home: str) -> bool:
    """Whether most of the videos are named and filed as in GRID."""
    matching = sum(1 for path in videos if NAME.fullmatch(path.stem) and _speaker(path, home))
    return 2 * matching > len(videos)


def find(files: list[PurePosixPath], root: Place) -> list[Source]:
    """GRID's clips, each with the alignment of its name.

    Names are unique over all speakers, so an alignment is looked up by name alone: in the Zenodo release
    several alignment folders carry another speaker's number. Of the original site's two editions of a
    clip the one of 360x288 is taken, as in the Zenodo release.
    """
    alignments = {path.stem: str(path) for path in files if path.suffix == ".align"}
    home = root.resolve().name
    sources: dict[tuple[str, str], Source] = {}
    for path in files:
        speaker = _speaker(path, home)
        if path.suffix.lower() in VIDEO_ENDINGS and speaker:
            source = Source("grid", speaker, path.stem, root, str(path), alignments.get(path.stem))
            if LARGE_EDITION not in path.parts or (speaker, path.stem) not in sources:
                sources[speaker, path.stem] = source
    return list(sources.values())


def known_clips(speaker: str) -> int | None:
    """32,823 over all speakers."""
    if speaker not in {f"s{number}" for number in range(1, TALKERS + 1)}:
        return None
    return FEWER.get(speaker, CLIPS)


def labels(source: Source) -> list[Label]:
    """The words of a clip with their times; none without an alignment. Raises ValueError."""
    if source.alignment is None:
        return []
    lines = [
        line.split() for line in source.alignment.read_text(encoding="utf-8").splitlines() if line.strip()
    ]
    spoken = [(int(start), int(end), word) for start, end, word in lines if word not in SILENCES]
    return [Label(word, start / TICKS_PER_SECOND, end / TICKS_PER_SECOND) for start, end, word in spoken]


def text(source: Source) -> str | None:
    """What is said, by the alignment, else by the grammar of the clip's name."""
    spoken = " ".join(label.label for label in labels(source))
    return spoken or sentence(source.utterance)


def _speaker(path: PurePosixPath, home: str) -> str | None:
    """The folder that is named like a speaker; `home` is the name of the raw folder itself."""
    return next((part for part in path.parts[:-1] or (home,) if SPEAKER.fullmatch(part)), None)
