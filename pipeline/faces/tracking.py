"""Face tracks: the detector runs on every k-th frame, and boxes are interpolated between.

Boxes between two key frames are interpolated only where their faces match one to one, there is no shot
cut, and no face changes abruptly (as one does that a hand covers). Otherwise the detector runs on every
frame between them. So nothing drifts.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from s2f.pipeline.faces import mouth, talking
from s2f.pipeline.faces.base import Backend, Box, Detection, ManyPoints, Picture, Points
from s2f.pipeline.faces.talking import Floats

SAME_FACE = 0.3  # overlap (intersection over union) of the boxes of one face in two frames
CUT = 28.0  # mean absolute grey difference of two successive frames of different shots
COVERED = 15.0  # the same within the box of a face: real faces stay below 11
# Where the lips of none go with the sound better than this, those that move most count.
LEAST_AGREEMENT = 0.05
THUMBNAIL = 48  # px of the shorter side that two frames are compared in
# Where a box is looked at, from its left to its right edge and from its upper to its lower one.
SHARES = np.linspace(0, 1, 24, dtype=np.float32)[:, None]
# Pictures that wait for their points to be found together: 20 of 1080p, a clip of GRID.
WAITING = 128 << 20


@dataclass
class Track:
    """One face over time: frame numbers, and for each a box, 68 points and a confidence."""

    frames: list[int] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    points: list[Points] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)

    def add(self, frame: int, face: Detection, points: Points) -> None:
        """Append a face of a frame that is later than the last one."""
        self.see(frame, face)
        self.points.append(points)

    def see(self, frame: int, face: Detection) -> None:
        """The same of a face whose points follow."""
        self.frames.append(frame)
        self.boxes.append(face.box)
        self.scores.append(face.score)

    @property
    def face(self) -> Detection:
        """The face as last seen."""
        return Detection(self.boxes[-1], self.scores[-1])

    def longest_gap(self, total: int) -> int:
        """Most successive frames of a clip of `total` frames without this face, its ends included."""
        edges = np.array([-1, *self.frames, total])
        return int(np.max(np.diff(edges))) - 1

    def dense(self, start: int, stop: int) -> "Dense":
        """The face in every frame from `start` to before `stop`; gaps are interpolated."""
        at = np.arange(start, stop)

        def fill(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
            flat = values.reshape(len(values), -1)
            columns = [np.interp(at, self.frames, column) for column in flat.T]
            return np.stack(columns, axis=1).astype(np.float32).reshape(len(at), *values.shape[1:])

        confidence = np.zeros(stop - start, np.float32)
        for frame, score in zip(self.frames, self.scores, strict=True):
            if start <= frame < stop:
                confidence[frame - start] = score
        return Dense(fill(np.stack(self.boxes)), fill(np.stack(self.points)), confidence)


@dataclass(frozen=True)
class Dense:
    """Boxes (n, 4) and points (n, 68, 2) in px, confidences (n,), which are 0 where interpolated."""

    boxes: npt.NDArray[np.float32]
    points: Points
    confidence: npt.NDArray[np.float32]


def find_tracks(
    pictures: Iterable[Picture], backend: Backend, every: int, max_gap: int
) -> tuple[list[Track], int]:
    """All face tracks of a clip and its number of frames; a track ends after `max_gap` frames unseen."""
    tracker = _Tracker(backend, max_gap)
    stretch: list[Picture] = []
    for picture in pictures:
        stretch.append(picture)
        # The first frame is a key frame, so that the first stretch too has one at either end.
        if len(stretch) == (every if tracker.taken else 1):
            tracker.take(stretch)
            stretch = []
    tracker.take(stretch)
    tracker.settle()
    return tracker.tracks, tracker.taken


def unsettled(pictures: list[Picture], boxes: list[Box]) -> int:
    """How many of a clip's first pictures do not show the face as those after them do.

    They show another thing in its box, or are less than half as bright: black, torn, or fading in.
    """
    faces = [_face_thumbnail(picture, box) for picture, box in zip(pictures, boxes, strict=True)]
    changes = [float(np.abs(after - before).mean()) for before, after in itertools.pairwise(faces)]
    dark = [face.mean() < faces[-1].mean() / 2 for face in faces[:-1]]
    differ = [change > COVERED or dim for change, dim in zip(changes, dark, strict=True)]
    return max((number for number, each in enumerate(differ, 1) if each), default=0)


@dataclass(frozen=True)
class Talker:
    """A track, the number of frames in which it talks, and how well its lips go with the sound, -1 to 1."""

    track: Track
    talks: int
    agrees: float


def by_talking(tracks: list[Track], expected: Floats | None = None) -> list[Talker]:
    """Tracks by how long each is seen and heard to talk, most first; of equals the longest one first.

    `expected` is how far the sound would open a mouth in each frame of the clip; without it the lips alone
    decide.
    """
    talkers = [_talker(track, expected) for track in tracks]
    return sorted(
        talkers,
        key=lambda each: (each.talks * max(each.agrees, LEAST_AGREEMENT), len(each.track.frames)),
        reverse=True,
    )


def _talker(track: Track, expected: Floats | None) -> Talker:
    points = np.stack(track.points)
    agrees = 1.0
    if expected is not None:
        # The pictures may go on when the sound has ended.
        heard = [number for number, frame in enumerate(track.frames) if frame < len(expected)]
        sound = expected[[track.frames[number] for number in heard]]
        agrees = talking.agreement(mouth.relative_opening(points[heard]), sound)
    return Talker(track, mouth.talking_frames(points), agrees)


class _Tracker:
    """The tracks so far. `_live` are those that the faces of the next frame may continue."""

    def __init__(self, backend: Backend, max_gap: int) -> None:
        self.tracks: list[Track] = []
        self._backend = backend
        self._together = backend if isinstance(backend, ManyPoints) else None
        self._waiting: list[tuple[Track, Picture, Box]] = []
        self._max_gap = max_gap
        self._live: list[Track] = []
        self.taken = 0
        self._thumbnail: npt.NDArray[np.float32] | None = None
        self._last: Picture = np.zeros((1, 1, 3), np.uint8)

    def take(self, stretch: list[Picture]) -> None:
        """Follow the faces through the next frames, the last of which is a key frame."""
        if not stretch:
            return
        cuts = [self._cut(picture) for picture in stretch]
        faces = self._backend.detect(stretch[-1])
        pairs = None if any(cuts) or self.taken == 0 else self._match_all(faces)
        if pairs and any(self._breaks(stretch, start, end) for _, start, end in pairs):
            pairs = None
        for number, picture in enumerate(stretch):
            at = self.taken + number
            if cuts[number]:
                self._live = []
            if pairs is not None:
                share = (number + 1) / len(stretch)
                for track, start, end in pairs:
                    self._add(track, at, picture, _between(start, end, share))
            else:
                self._link(
                    at, picture, faces if number == len(stretch) - 1 else self._backend.detect(picture)
                )
        self.taken += len(stretch)
        self._last = stretch[-1]

    def _breaks(self, stretch: list[Picture], start: Detection, end: Detection) -> bool:
        """Whether the content of a face's box changes more from one picture to the next than a face does."""
        before = self._last
        for number, picture in enumerate(stretch):
            box = _between(start, end, (number + 1) / len(stretch)).box
            now, then = (_face_thumbnail(each, box) for each in (picture, before))
            if np.abs(now - then).mean() > COVERED:
                return True
            before = picture
        return False

    def _match_all(self, faces: list[Detection]) -> list[tuple[Track, Detection, Detection]] | None:
        """Pair every live track with a face of the key frame, or None where they do not match one to one."""
        pairs = _match(self._live, faces)
        if len(pairs) != len(faces) or len(pairs) != len(self._live):
            return None
        if any(track.frames[-1] != self.taken - 1 for track in self._live):
            return None
        return [(track, track.face, face) for track, face in pairs]

    def _link(self, at: int, picture: Picture, faces: list[Detection]) -> None:
        """Let the faces of one frame continue live tracks, or start new ones."""
        self._live = [track for track in self._live if at - track.frames[-1] - 1 <= self._max_gap]
        pairs = _match(self._live, faces)
        joined = {id(face) for _, face in pairs}
        begun = [(Track(), face) for face in faces if id(face) not in joined]
        for track, face in [*pairs, *begun]:
            self._add(track, at, picture, face)
        seen = [track for track, _ in begun if track.frames]
        self.tracks += seen
        self._live += seen

    def settle(self) -> None:
        """Find the points of all pictures that wait for them."""
        if self._together and self._waiting:
            tracks, pictures, boxes = zip(*self._waiting, strict=True)
            for track, points in zip(tracks, self._together.many_points(pictures, boxes), strict=True):
                track.points.append(points)
            self._waiting = []

    def _add(self, track: Track, at: int, picture: Picture, face: Detection) -> None:
        if self._together:
            track.see(at, face)
            self._waiting.append((track, picture, face.box))
            if len(self._waiting) * picture.nbytes >= WAITING:
                self.settle()
            return
        points = self._backend.points(picture, face.box)
        if points is not None:
            track.add(at, face, points)

    def _cut(self, picture: Picture) -> bool:
        """Whether a new shot begins with this picture."""
        before = self._thumbnail
        every = max(1, min(picture.shape[:2]) // THUMBNAIL)
        self._thumbnail = grey(picture[::every, ::every])
        return before is not None and float(np.abs(self._thumbnail - before).mean()) > CUT


def _face_thumbnail(picture: Picture, box: Box) -> npt.NDArray[np.float32]:
    """The content of a box, grey float32 (24, 24); beyond the picture its edge is repeated."""
    height, width = picture.shape[:2]
    places = (box[:2] + SHARES * (box[2:] - box[:2])).astype(int).clip(0, (width - 1, height - 1))
    columns, rows = places.T
    return grey(picture.reshape(-1, 3).take(rows[:, None] * width + columns, axis=0))


def grey(picture: Picture) -> npt.NDArray[np.float32]:
    """The mean of the three colours; numpy's own mean takes many times as long over so few values."""
    total = picture[..., 0].astype(np.float32)
    total += picture[..., 1]
    total += picture[..., 2]
    total /= 3
    return total


def _between(start: Detection, end: Detection, share: float) -> Detection:
    return Detection(
        start.box + share * (end.box - start.box), start.score + share * (end.score - start.score)
    )


def _match(tracks: list[Track], faces: list[Detection]) -> list[tuple[Track, Detection]]:
    """Pairs of track and face, best overlap first, each used once."""
    ranked = sorted(
        (
            (intersection_over_union(track.face.box, face.box), t, f)
            for t, track in enumerate(tracks)
            for f, face in enumerate(faces)
        ),
        reverse=True,
    )
    pairs: list[tuple[Track, Detection]] = []
    used_tracks: set[int] = set()
    used_faces: set[int] = set()
    for overlap, t, f in ranked:
        if overlap >= SAME_FACE and t not in used_tracks and f not in used_faces:
            used_tracks.add(t)
            used_faces.add(f)
            pairs.append((tracks[t], faces[f]))
    return pairs


def intersection_over_union(a: Box, b: Box) -> float:
    """Intersection over union of two boxes."""
    width, height = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    if width <= 0 or height <= 0:
        return 0.0
    shared = float(width * height)
    return shared / (float(np.prod(a[2:] - a[:2])) + float(np.prod(b[2:] - b[:2])) - shared)
