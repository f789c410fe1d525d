"""GRID: 34 talkers, 1000 sentences of six words each, 3 s (Cooke et al. 2006).

Known layouts: `s1/bbaf2n.mpg` with `alignments/s1/bbaf2n.align` (Zenodo) and
`s1/video/mpg_vcd/bbaf2n.mpg` with `s1/align/bbaf2n.align` (original site).
"""

import re
from pathlib import PurePosixPath

from s2f.pipeline.core.files import Place
from s2f.pipeline.corpora import texts
from s2f.pipeline.corpora.base import VIDEO_ENDINGS, Label, Rights, Source

RIGHTS = Rights(
    "GRID audiovisual sentence corpus",
    "Cooke, Barker, Cunningham and Shao 2006",
    "CC BY 4.0",
    "cc-by-4.0",
    shareable=True,
)

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
# Names of a speaker's folder in copies, such as S1, speaker_01 or s1.mpg_vcd.
COPY = re.compile(r"(?:s|spk|speaker|talker)[ _-]?0*([1-9]\d?)(?:[ ._-].*)?", re.IGNORECASE)
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
    """The words of a clip's name, in capitals or not; None for a name that is not one of GRID."""
    return expand(utterance.lower()) if NAME.fullmatch(utterance.lower()) else None


def is_speaker(folder: str) -> bool:
    """Whether a folder is named as a speaker: s1 to s34."""
    return _whose(folder) is not None


def recognises(videos: list[PurePosixPath], home: str) -> bool:
    """Whether most of the videos are named and filed as in GRID."""
    matching = sum(1 for path in videos if sentence(path.stem) and _speaker(path, home))
    return 2 * matching > len(videos)


def find(files: list[PurePosixPath], root: Place) -> list[Source]:
    """GRID's clips, each with the alignment of its name.

    Names are unique over all speakers, so an alignment is looked up by name alone: in the Zenodo release
    several alignment folders carry another speaker's number. Of the original site's two editions of a
    clip the one of 360x288 is taken, as in the Zenodo release.
    """
    alignments = {path.stem.lower(): str(path) for path in files if path.suffix.lower() == ".align"}
    home = root.resolve().name
    sources: dict[tuple[str, str], Source] = {}
    for path in files:
        speaker = _speaker(path, home)
        if path.suffix.lower() in VIDEO_ENDINGS and speaker:
            name = path.stem.lower() if sentence(path.stem) else path.stem
            source = Source("grid", speaker, name, root, str(path), alignments.get(path.stem.lower()))
            if LARGE_EDITION not in str(path).lower() or (speaker, path.stem) not in sources:
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
    # The silences too: their times belong to the same row.
    told = texts.ordered(map(_label, filter(str.strip, texts.read(source.alignment).splitlines())))
    return [label for label in told if label.label not in SILENCES]


def text(source: Source) -> str | None:
    """What is said, by the alignment, else by the grammar of the clip's name."""
    spoken = " ".join(label.label for label in labels(source))
    return spoken or sentence(source.utterance)


def _label(line: str) -> Label:
    try:
        start, end, word = line.split()
        return Label(word.lower(), int(start) / TICKS_PER_SECOND, int(end) / TICKS_PER_SECOND)
    except ValueError:
        raise ValueError(f"{line!r} is not a start, an end and a word") from None


def _speaker(path: PurePosixPath, home: str) -> str | None:
    """The speaker that a folder is named after; `home` is the name of the raw folder itself.

    In folders named otherwise than on GRID's site, only videos that are named as GRID's are its.
    """
    folders = path.parts[:-1] or (home,)
    named = [_whose(folder) for folder in reversed(folders)] if sentence(path.stem) else []
    return next(filter(None, [*filter(SPEAKER.fullmatch, folders), *named]), None)


def _whose(folder: str) -> str | None:
    """The speaker of a folder: its name as on GRID's site, else s and its number."""
    if SPEAKER.fullmatch(folder):
        return folder
    found = COPY.fullmatch(folder)
    return f"s{found[1]}" if found else None
