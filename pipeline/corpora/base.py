"""What a corpus adapter offers: which files are clips, whose they are, and what is said in them."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Protocol

from s2f.pipeline.core.files import Place

VIDEO_ENDINGS = {
    ".mpg",
    ".mpeg",
    ".mp4",
    ".mov",
    ".avi",
    ".mkv",
    ".webm",
    ".flv",
    ".m4v",
    ".wmv",
    ".ts",
    ".3gp",
}


@dataclass(frozen=True)
class Label:
    """What is said, a word or a phone as the corpus has it, and when, in seconds."""

    label: str
    start: float
    end: float


@dataclass(frozen=True)
class Source:
    """One clip as it lies in a corpus; `relative` and `aligned` are names below the raw folder.

    While its `stamp`, the sizes and times of its files, is the same, the content is taken to be. `title` is
    the name in its id where that of the file is not enough.
    """

    corpus: str
    speaker: str
    utterance: str
    root: Place
    relative: str
    aligned: str | None = None
    namesake: str = ""
    stamp: str = ""
    emotion: str = ""
    title: str = ""

    @cached_property
    def clip_id(self) -> str:
        """`<speaker>_<name>`, in letters that serve in a file name and as a WebDataset key."""
        stem = self.title or self.relative.rpartition("/")[2].rpartition(".")[0]
        name = f"{self.speaker}_{stem}"
        return re.sub(r"[^A-Za-z0-9_-]", "-", name) + self.namesake

    @property
    def video(self) -> Place:
        """The video file."""
        return self.root / self.relative

    @property
    def alignment(self) -> Place | None:
        """The file that says what is spoken."""
        return self.root / self.aligned if self.aligned else None


class Corpus(Protocol):
    """The module of a corpus."""

    # The words of a sentence slot by slot, under the slots' names, where all sentences have one pattern.
    SLOTS: dict[str, tuple[str, ...]]

    def recognises(self, videos: list[PurePosixPath], home: str) -> bool:
        """Whether most of the videos, named below a raw folder called `home`, belong to this corpus."""
        ...

    def find(self, files: list[PurePosixPath], root: Place) -> list[Source]:
        """The clips among the files of a raw folder."""
        ...

    def labels(self, source: Source) -> list[Label]:
        """The words or phones of a clip with their times; none where these are not known.

        Raises ValueError where the file that holds them is damaged.
        """
        ...

    def text(self, source: Source) -> str | None:
        """What is said in a clip; None where it is not known. Raises ValueError as `labels` does."""
        ...

    def sentence(self, utterance: str) -> str | None:
        """The words that the name of an utterance stands for; None where names tell no words."""
        ...

    def is_speaker(self, folder: str) -> bool:
        """Whether a folder is named as this corpus names speakers."""
        ...

    def known_clips(self, speaker: str) -> int | None:
        """How many clips of a speaker the whole corpus holds; None where that is not known."""
        ...
