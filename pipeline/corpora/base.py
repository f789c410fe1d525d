"""What a corpus adapter offers: which files are clips, whose they are, and what is said in them."""

import hashlib
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Protocol

from s2f.pipeline.core.files import Place, as_text

# The endings of what ffmpeg reads as video: of computers and phones, of camcorders and discs, of
# broadcast, of the web, and of bare streams.
ENDINGS = """
    mpg mpeg mpe mp4 mov avi mkv webm flv m4v wmv ts 3gp 3g2 qt asf f4v divx
    mts m2ts m2t mod tod dv dif vob vro evo
    mxf gxf wtv trp tp
    ogv ogm ogx rm rmvb mk3d nut amv ismv f4p nsv wm xvid mj2 lrv insv
    m1v m2v m2p mpv mp2v h264 264 avc h265 265 hevc h266 266 vvc ivf obu vc1 y4m mjpg mjpeg
"""
VIDEO_ENDINGS = {f".{ending}" for ending in ENDINGS.split()}

# What serves in a file name and as a WebDataset key, and how long an id may be: tar holds names of 100
# bytes, and the longest ending of a member is .json.
UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
LONGEST_ID = 95


@dataclass(frozen=True)
class Rights:
    """Whose a corpus is, and under which licence its makers give it, as far as that is known.

    `hub` is the licence's name on the Hugging Face Hub. `shareable` is a corpus whose licence lets others
    pass on what they have made of it.
    """

    title: str
    makers: str = ""
    licence: str = "unknown"
    hub: str = "unknown"
    shareable: bool = False


@dataclass(frozen=True)
class Label:
    """What is said, a word or a phone as the corpus has it, and when, in seconds."""

    label: str
    start: float
    end: float


@dataclass(frozen=True)
class Piece:
    """A piece of a recording, in seconds after the container's begin, that is a clip of its own.

    `box` is the talking face in its first frame: left, top, right, bottom in px of the upright picture.
    """

    begin: float
    end: float
    box: tuple[float, ...] | None = None
    text: str | None = None

    @property
    def name(self) -> str:
        """Begin and end in milliseconds."""
        return f"{round(self.begin * 1000):08d}-{round(self.end * 1000):08d}"


@dataclass(frozen=True)
class Source:
    """One clip as it lies in a corpus; `relative` and `aligned` are names below the raw folder.

    While its `stamp`, the sizes and times of its files, is the same, the content is taken to be. `title` is
    the name in its id where that of the file is not enough; `given` is the id that its file has where that
    is not the one its name gives it. `piece` is the part of the file that is the clip, where the file holds
    several.
    """

    corpus: str
    speaker: str
    utterance: str
    root: Place
    relative: str
    aligned: str | None = None
    given: str = ""
    stamp: str = ""
    emotion: str = ""
    title: str = ""
    piece: Piece | None = None

    @cached_property
    def clip_id(self) -> str:
        """`<speaker>_<name>` where that serves; else it is made to, and ends in a hash of the path.

        It depends on the path alone, so that no other file can take it.
        """
        name = f"{self.speaker}_{self._stem}"
        plain = len(name) <= LONGEST_ID and not UNSAFE.search(name)
        whole = self.given or (name if plain else self.hashed_id())
        if self.piece is None:
            return whole
        ending = f"-{self.piece.name}"
        room = LONGEST_ID - len(ending)
        return (whole if len(whole) <= room else self.hashed_id()[-room:]) + ending

    def hashed_id(self, digits: int = 8) -> str:
        """Another id of the file as a clip, which ends in so many digits of a hash of its path."""
        mark = hashlib.sha256(os.fsencode(self.relative)).hexdigest()[:digits]
        safe = UNSAFE.sub("-", f"{self.speaker}_{self._stem}")
        return f"{safe[: LONGEST_ID - 1 - digits]}-{mark}"

    @property
    def _stem(self) -> str:
        return self.title or self.relative.rpartition("/")[2].rpartition(".")[0]

    @property
    def name(self) -> str:
        """`relative` as a text; bytes of it that are no UTF-8 are written as `\\xe9`."""
        return as_text(self.relative)

    @property
    def video(self) -> Place:
        """The video file."""
        return self.root / self.relative

    @property
    def alignment(self) -> Place | None:
        """The file that says what is spoken."""
        return self.root / self.aligned if self.aligned else None


class Corpus(Protocol):
    """The module of a corpus. What is not known of it needs no function: see `corpora.unknown`."""

    RIGHTS: Rights

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
