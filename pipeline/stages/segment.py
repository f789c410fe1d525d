"""segment: the pieces of a long recording in which a face that is seen talks; each becomes a clip.

The recording is read once, block by block, so that its length does not matter for the memory. Pauses of the
sound part what is said into utterances. Each goes to the face whose lips go with it, or to none. A piece
holds utterances of one face that is seen without a break: the tracks of faces end at shot cuts.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field, model_validator

from s2f.pipeline import faces
from s2f.pipeline.core import media
from s2f.pipeline.core.errors import Rejected, SizeError, TimeStampError
from s2f.pipeline.core.params import Params
from s2f.pipeline.core.schema import Row
from s2f.pipeline.core.windows import lag_in_words
from s2f.pipeline.faces import mouth, talking
from s2f.pipeline.faces.talking import Floats
from s2f.pipeline.faces.tracking import Track, find_tracks
from s2f.pipeline.stages.base import Clip, Stage
from s2f.pipeline.stages.detect import DetectParams, models, runs

# Faces are followed through so many seconds at a time; a block ends where it is quietest near its end.
BLOCK = 60
# Seconds of sound that are read at a time.
CHUNK = 10.0
# Speech is what is less than so many dB below the loud parts, and more than this share above the quiet ones.
RANGE, ABOVE = 35, 0.3
# Seconds of a sound that is too short for speech, and those left of the pause before and after a piece.
BURST, MARGIN = 0.1, 0.2
# Utterances of one face are put together over pauses of up to so many seconds.
JOINED = 1.0
# Frames around an utterance whose sound and lips count too.
AROUND = 4
# Lips that go with the sound less than this do not talk. A change of talkers must be worth so many frames.
UNHEARD, CHANGE = 0.1, 4.0
NOBODY = -1
# Sound that is late or early by up to so many frames is recognised, where the lips go so much better with it.
REACH, PLAIN = 12, 1.3


class SegmentParams(Params):
    """Settings of the segment stage."""

    min_seconds: float = Field(1.0, gt=0, description="shorter pieces of a long recording are left out")
    max_seconds: float = Field(
        20.0, gt=1, description="recordings that are longer are cut into pieces of no more than this"
    )
    pause: float = Field(0.3, gt=0, description="seconds of silence that part two utterances")
    pieces: str | None = Field(
        None, description="table of pieces in CSV; null = segments.csv of the raw folder, if there is one"
    )

    @model_validator(mode="after")
    def _is_span(self) -> "SegmentParams":
        if self.min_seconds >= self.max_seconds:
            raise ValueError("min_seconds is less than max_seconds")
        return self


COLUMNS = pa.schema(
    [
        ("source", pa.string()),
        ("speaker", pa.string()),
        ("stamp", pa.string()),
        ("sha256", pa.string()),
        ("duration", pa.float64()),
        ("lag", pa.int32()),
        ("kept", pa.float64()),
        ("silent", pa.float64()),
        ("unseen", pa.float64()),
        (
            "pieces",
            pa.list_(
                pa.struct([("begin", pa.float64()), ("end", pa.float64()), ("box", pa.list_(pa.float64()))])
            ),
        ),
    ]
)


Runs = list[tuple[int, int]]


@dataclass(frozen=True)
class _Heard:
    """What is heard in each frame (n,): how loud it is in dB, and how far it would open a mouth."""

    loudness: Floats
    expected: Floats
    fps: Fraction

    def frames(self, seconds: float) -> int:
        """So many seconds in frames."""
        return round(seconds * self.fps)


@dataclass(frozen=True)
class _Face:
    """A face in the frames from `first` on: how far its mouth is open (n,), and its boxes (n, 4)."""

    first: int
    opening: Floats
    boxes: Floats

    @property
    def stop(self) -> int:
        return self.first + len(self.opening)


@dataclass(frozen=True)
class _Stretch:
    """Frames `first` to before `stop` of a recording in which a face talks, and its box in the first one."""

    first: int
    stop: int
    box: tuple[float, ...]

    def __len__(self) -> int:
        return self.stop - self.first


class CutParams(Params):
    """All that decides where a recording is cut; `given` where a table says it."""

    segment: SegmentParams
    detect: DetectParams
    given: bool = False


def run(recording: Clip, cut: CutParams) -> Row:
    """Find the pieces of one recording, and what was left out, in seconds."""
    params, detect = cut.segment, cut.detect
    found = media.probe(recording.video)
    if cut.given:
        return {"duration": found.duration}
    fps = Fraction(detect.fps)
    reader = media.FrameReader(recording.video, fps)
    try:
        sound = media.SoundReader(recording.video, talking.RATE, found.video_start, chunk_seconds=CHUNK)
        heard = _listen(sound, fps)
        voiced = _voiced(heard, params)
        seen = list(_follow(reader, heard, detect))
    except TimeStampError as error:
        raise Rejected("time_stamps", error.message) from error
    except SizeError as error:
        raise Rejected("size_changes", error.message) from error
    edges = _block_edges(heard)
    blocks = [
        _Block.of(each, _within(voiced, first, stop), heard, params)
        for each, (first, stop) in zip(seen, itertools.pairwise(edges), strict=False)
    ]
    lag = _lag(blocks)
    stretches = [each for block in blocks for each in block.stretches(lag)]
    said, kept = sum(stop - first for first, stop in voiced), sum(map(len, stretches))
    within = sum(
        max(0, min(stop, each.stop) - max(first, each.first)) for each in stretches for first, stop in voiced
    )
    row: Row = {
        "duration": found.duration,
        "lag": lag,
        "kept": float(kept / fps),
        "silent": float((len(heard.loudness) - said) / fps),
        "unseen": float((said - within) / fps),
        "pieces": [
            {
                "begin": round(found.video_start + float(each.first / fps), 6),
                "end": round(found.video_start + float(each.stop / fps), 6),
                "box": each.box,
            }
            for each in stretches
        ],
    }
    told = (
        f"{len(stretches)} pieces with {row['kept']:.0f} of {found.duration:.0f} s; {row['silent']:.0f} s are"
        f" silent, and in {row['unseen']:.0f} s nobody is seen whose lips go with the sound, or too shortly"
    )
    if lag:
        told += f"; {lag_in_words(lag, float(1000 * lag / fps))}"
    if not stretches:
        raise Rejected("no_piece", told, **row)
    return row | {"message": told}


def _listen(sound: media.SoundReader, fps: Fraction) -> _Heard:
    spectrum = talking.spectra(sound, fps)
    loudness = 10 * np.log10(np.exp(spectrum).sum(axis=1))
    return _Heard(np.asarray(loudness, np.float32), talking.expected_opening(spectrum), fps)


def _voiced(heard: _Heard, params: SegmentParams) -> Runs:
    """The utterances: where the sound is loud, but for pauses and bursts that are too short."""
    quiet, loud = np.percentile(heard.loudness, [10, 95])
    least = max(loud - RANGE, quiet + ABOVE * (loud - quiet))
    joined: Runs = []
    for first, stop in runs(heard.loudness > least):
        if joined and first - joined[-1][1] < heard.frames(params.pause):
            joined[-1] = joined[-1][0], stop
        else:
            joined.append((first, stop))
    return [(first, stop) for first, stop in joined if stop - first >= heard.frames(BURST)]


def _within(found: Runs, first: int, stop: int) -> Runs:
    """The parts of runs that lie between two frames."""
    return [(max(begin, first), min(end, stop)) for begin, end in found if begin < stop and end > first]


def _follow(reader: media.FrameReader, heard: _Heard, detect: DetectParams) -> Iterator[list[_Face]]:
    """The faces of each block that are large enough; the pictures are read once."""
    backend = faces.open_backend(detect.backend, detect.max_side, detect.model)
    pictures = iter(reader)
    for first, stop in itertools.pairwise(_block_edges(heard)):
        tracks, total = find_tracks(
            itertools.islice(pictures, stop - first), backend, detect.every, detect.max_gap
        )
        found = [_face(track, first) for track in tracks]
        yield [each for each in found if np.median(each.boxes[:, 2] - each.boxes[:, 0]) >= detect.min_face]
        if total < stop - first:
            return


def _face(track: Track, first: int) -> _Face:
    """What is kept of a track of a block that begins at frame `first`."""
    begin, end = track.frames[0], track.frames[-1] + 1
    dense = track.dense(begin, end)
    return _Face(first + begin, mouth.relative_opening(dense.points), dense.boxes)


def _block_edges(heard: _Heard) -> list[int]:
    """Where blocks begin and end: about every BLOCK seconds, where it is quietest."""
    total, size = len(heard.loudness), heard.frames(BLOCK)
    edges = [0]
    while total - edges[-1] > 1.5 * size:
        around = edges[-1] + size - size // 8
        edges.append(around + int(np.argmin(heard.loudness[around : around + size // 4])))
    return [*edges, total]


@dataclass(frozen=True)
class _Block:
    """Some seconds of a recording: the faces, and the spans of speech, each of which one face may say."""

    faces: list[_Face]
    spans: Runs
    heard: _Heard
    params: SegmentParams

    @classmethod
    def of(cls, seen: list[_Face], voiced: Runs, heard: _Heard, params: SegmentParams) -> "_Block":
        """Utterances parted where a face comes or goes, and where they are too long."""
        edges = sorted({edge for each in seen for edge in (each.first, each.stop)})
        spans: Runs = []
        for first, stop in voiced:
            inner = [first, *(edge for edge in edges if first < edge < stop), stop]
            for begin, end in itertools.pairwise(inner):
                spans += _short(begin, end, heard, _most(heard, params))
        return cls(seen, spans, heard, params)

    def gained(self, lag: int) -> float:
        """How much tells for the best face of every span, where the sound is `lag` frames late."""
        return sum(
            max([0.0, *(self._evidence(face, span, lag) for face in self.faces)]) for span in self.spans
        )

    def stretches(self, lag: int) -> Iterator[_Stretch]:
        """Stretches of one talking face each, with some of the pauses around them."""
        joined: list[tuple[int, int, int]] = []
        before = NOBODY
        for (first, stop), talker in zip(self.spans, self._talkers(lag), strict=True):
            if talker != NOBODY:
                near = before == talker and first - joined[-1][1] <= self.heard.frames(JOINED)
                if near and stop - joined[-1][0] <= _most(self.heard, self.params):
                    joined[-1] = joined[-1][0], stop, talker
                else:
                    joined.append((first, stop, talker))
            before = talker
        margin = self.heard.frames(MARGIN)
        for first, stop, talker in joined:
            face = self.faces[talker]
            # Half of a pause that is shared with what is said before or after.
            earlier = [(end + first) // 2 for _, end in self.spans if end <= first]
            later = [(stop + begin) // 2 for begin, _ in self.spans if begin >= stop]
            begin = max([first - margin, face.first, *earlier])
            end = min([stop + margin, face.stop, *later])
            if end - begin >= self.heard.frames(self.params.min_seconds):
                box = face.boxes[begin - face.first]
                yield _Stretch(begin, end, tuple(round(float(side), 1) for side in box))

    def _talkers(self, lag: int) -> list[int]:
        """Whose lips go with each span: the number of a face, or NOBODY. Talkers seldom change (Viterbi)."""
        best = np.zeros(len(self.faces) + 1)
        came: list[npt.NDArray[np.int64]] = []
        for span in self.spans:
            stays = best - best.max() > -CHANGE
            came.append(np.where(stays, np.arange(len(best)), int(best.argmax())))
            gained = [self._evidence(face, span, lag) for face in self.faces]
            best = np.maximum(best, best.max() - CHANGE) + np.array([*gained, 0.0])
        chosen: list[int] = []
        at = int(best.argmax())
        for each in reversed(came):
            chosen.append(at if at < len(self.faces) else NOBODY)
            at = int(each[at])
        return chosen[::-1]

    def _evidence(self, face: _Face, span: tuple[int, int], lag: int) -> float:
        """How much tells for a face as the one that is heard; 0 is as much as for nobody who is seen."""
        first, stop = span
        if face.first > first or stop > face.stop:
            return -np.inf
        begin, end = max(face.first, first - AROUND, -lag), min(face.stop, stop + AROUND)
        heard = self.heard.expected[begin + lag : end + lag]
        seen = face.opening[begin - face.first :][: len(heard)]
        return (stop - first) * (talking.agreement(seen, heard) - UNHEARD)


def _most(heard: _Heard, params: SegmentParams) -> int:
    """Frames that may be said in one piece; the pauses around them need room too."""
    return heard.frames(params.max_seconds) - 2 * heard.frames(MARGIN)


def _short(first: int, stop: int, heard: _Heard, most: int) -> Runs:
    """Frames parted where they are quietest, until no part is longer than `most`."""
    if stop - first <= most:
        return [(first, stop)]
    quarter = (stop - first) // 4
    middle = first + quarter + int(np.argmin(heard.loudness[first + quarter : stop - quarter]))
    return [*_short(first, middle, heard, most), *_short(middle, stop, heard, most)]


def _lag(blocks: list[_Block]) -> int:
    """By how many frames the sound of the whole recording is late; 0 where that is not plain."""
    gained = {lag: sum(block.gained(lag) for block in blocks) for lag in range(-REACH, REACH + 1)}
    best = max(gained, key=lambda lag: gained[lag])
    return best if gained[best] > PLAIN * gained[0] else 0


def _models(cut: CutParams) -> Iterable[Path]:
    return models(cut.detect)


STAGE = Stage(
    name="segment",
    version=1,
    description="The pieces of a long recording in which a face talks.",
    params=SegmentParams,
    columns=COLUMNS,
    run=run,
    unit="recording",
    models=_models,
    reasons={
        "time_stamps": "the time stamps go back or jump, as where two recordings are put together",
        "size_changes": "the size of the picture changes within the recording",
        "no_piece": "nobody is seen for long enough whose lips go with the sound",
    },
)
