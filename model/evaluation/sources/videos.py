"""Videos of any system and the real videos of the same names, their faces found and aligned.

The faces are cut by the operations of `s2f prep`, with its defaults. docs/metrics.md explains whose
landmarks align a face, and why that is fair.
"""

import functools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path, PurePosixPath

from s2f.model.evaluation.probes.measuring import Probed
from s2f.model.evaluation.sources.base import score_in_workers
from s2f.model.evaluation.sources.footage import Video, read_sound
from s2f.model.evaluation.sources.listing import list_videos
from s2f.model.metrics import Frames
from s2f.model.metrics.scoring import (
    ClipVideos,
    Measure,
    Missing,
    Note,
    Scored,
    SetMeasure,
    row_names,
    score_clip,
)
from s2f.pipeline.core.errors import InputError, MediaError
from s2f.pipeline.core.shards import Media
from s2f.pipeline.corpora import sentence
from s2f.pipeline.faces.settings import FaceSettings

# The defaults of `s2f prep`.
FPS, SAMPLE_RATE = Fraction(25), 16_000
# Seconds that one clip may take.
TIME_LIMIT = 1800.0

AS_IT_IS = "used as it is: with 96 x 128 px, or a multiple of it, it is an aligned face"
BY_THE_REAL = "aligned by the face of the real video"
BY_ITS_OWN = "aligned by its own face, because its picture differs from that of the real video"


@dataclass(frozen=True)
class Pair:
    """A real video, the videos to measure against it by name, and the names that have no such video."""

    clip_id: str
    speaker: str
    real: Path
    made: dict[str, Path]
    missing: tuple[Missing, ...]


class Videos:
    """Videos with the real ones of the same names, from files or folders; the first `limit` names.

    Raises InputError where no names match.
    """

    def __init__(self, videos: list[Path], reference: Path, limit: int | None, faces: FaceSettings) -> None:
        self._faces = faces
        self.names = tuple(row_names(videos))
        self._folders = dict(zip(self.names, videos, strict=True))
        self._made = {name: _videos(path, reference.stem) for name, path in self._folders.items()}
        self._real = _videos(reference, reference.stem)
        for path in videos:
            if path.is_dir() != reference.is_dir():
                raise InputError(
                    f"a file and a folder cannot be compared: {path}, {reference}",
                    "give files or folders",
                )
        self.title = f"videos against {reference}"
        self.source = {
            "reference": str(reference),
            **{name: str(path) for name, path in self._folders.items()},
        }
        self.media = Media(FPS, SAMPLE_RATE)
        self.speeds: dict[str, tuple[float, float]] = {}
        names = set(self._real).union(*self._made.values())
        self.clips = tuple(sorted(names)[:limit])
        pairs = [self._pair(clip_id, reference) for clip_id in self.clips]
        self._pairs = [each for each in pairs if isinstance(each, Pair)]
        self._unmatched = [each for each in pairs if isinstance(each, Missing)]
        if not self._pairs:
            raise InputError(
                f"no video of {' or '.join(map(str, videos))} has the name of one in {reference}",
                "names and subfolders must be the same, endings may differ: s1/bbaf2n.mp4 and s1/bbaf2n.mpg",
            )

    def score(self, workers: int, more: Sequence[Measure | SetMeasure]) -> Iterator[Scored | Missing]:
        """Read, align and measure each clip in one of so many processes."""
        yield from self._unmatched
        work = functools.partial(score_pair, faces=self._faces, more=more)
        yield from score_in_workers(work, self._pairs, len(self._pairs), workers, TIME_LIMIT, self._faces)

    def show(self, wanted: Collection[str]) -> Iterator[ClipVideos]:
        """The wanted clips, with exactly the frames that are measured, and their sound."""
        for pair in self._pairs:
            if pair.clip_id in wanted:
                yield with_sound(read_pair(pair, self._faces)[0], pair)

    def probe(
        self, probes: Sequence[str], sync: Path | None, workers: int, seed: int
    ) -> Iterator[Probed | Missing]:
        """Videos cannot be made anew with another sound: raises InputError."""
        raise InputError("--probe makes videos anew", "give runs and --data, or leave out --probe")

    def _pair(self, clip_id: str, reference: Path) -> Pair | Missing:
        made = {name: videos[clip_id] for name, videos in self._made.items() if clip_id in videos}
        if clip_id not in self._real:
            return Missing(clip_id, "", "", f"there is no video of that name in {reference}")
        missing = tuple(
            Missing(clip_id, name, "", f"there is no video of that name in {folder}")
            for name, folder in self._folders.items()
            if name not in made
        )
        if not made:
            return replace(missing[0], video="")
        return Pair(clip_id, PurePosixPath(clip_id).parent.name, self._real[clip_id], made, missing)


def score_pair(
    pair: Pair, faces: FaceSettings, more: Sequence[Measure | SetMeasure] = ()
) -> Scored | Missing:
    """Read and measure the videos of a pair; those that cannot be read are in `missing` of the scores."""
    try:
        clip, missing, notes = read_pair(pair, faces)
    except InputError as error:
        return Missing(pair.clip_id, "", "", error.message)
    scored = score_clip(with_sound(clip, pair), faces, more)
    return replace(scored, missing=missing + scored.missing, notes=notes)


def read_pair(pair: Pair, faces: FaceSettings) -> tuple[ClipVideos, tuple[Missing, ...], tuple[Note, ...]]:
    """The videos of a pair as aligned faces, all as long as the shortest, without sound.

    Also returns the videos that cannot be read, and notes on how the others were aligned. Raises
    InputError where the real video cannot be read, or none of the others can.
    """
    real = Video(pair.real, FPS, faces)
    made: dict[str, Frames] = {}
    missing, notes = list(pair.missing), []
    for name, path in pair.made.items():
        try:
            made[name], how = _aligned(Video(path, FPS, faces), real)
            notes.append(Note(pair.clip_id, name, how))
        except InputError as error:
            missing.append(Missing(pair.clip_id, name, "", error.message))
    whole = real.face
    if not made:
        raise InputError(missing[-1].reason)
    for name, frames in made.items():
        if more := len(frames) - len(whole):
            words = f"{abs(more)} frames {'longer' if more > 0 else 'shorter'} than the real video"
            notes.append(Note(pair.clip_id, name, f"{words}: only frames that all videos have are measured"))
    count = min(len(whole), *(len(frames) for frames in made.values()))
    cut = {name: frames[:count] for name, frames in made.items()}
    clip = ClipVideos(
        pair.clip_id, whole[:count], cut, FPS, pair.speaker, None, SAMPLE_RATE, _text(pair.real)
    )
    return clip, tuple(missing), tuple(notes)


def with_sound(clip: ClipVideos, pair: Pair) -> ClipVideos:
    """The clip with the sound of the real video; without one, of the first video that has sound."""
    for path in (pair.real, *pair.made.values()):
        try:
            return replace(clip, sound=read_sound(path, FPS, SAMPLE_RATE, len(clip.real)))
        except MediaError:
            continue
    return clip


def _aligned(video: Video, real: Video) -> tuple[Frames, str]:
    """The aligned face of a video (n, 128, 96, 3), and how it was aligned, in words."""
    if video.is_face:
        return video.face, AS_IT_IS
    if video.size == real.size and not video.shows_elsewhere(real.track[0]):
        return video.cut(real.track[1]), BY_THE_REAL
    return video.face, BY_ITS_OWN


def _text(path: Path) -> str:
    """What is said, where the name of the clip stands for it, as in GRID."""
    return sentence(path.stem) or ""


def _videos(path: Path, name: str) -> dict[str, Path]:
    """The videos below a folder by their names, or a file as the only video, of the given name."""
    if path.is_file():
        return {name: path}
    if not path.exists():
        raise InputError(f"{path} does not exist", "check the path")
    return list_videos(path, nested=True)
