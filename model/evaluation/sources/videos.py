"""Videos of any system beside the real ones: files of equal names, their faces found and aligned.

By the operations of `s2f prep`, with its defaults. docs/metrics.md says by whose points a face is cut,
and why that is fair.
"""

import functools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path, PurePosixPath

from s2f.model.evaluation.sources.footage import Video, read_sound
from s2f.model.metrics import Frames
from s2f.model.metrics.scoring import PRELOAD, Clip, Measure, Missing, Note, Scored, row_names, score_clip
from s2f.pipeline.core.errors import InputError, MediaError
from s2f.pipeline.core.executors import WorkerLostError, open_executor
from s2f.pipeline.core.shards import Media
from s2f.pipeline.corpora import sentence
from s2f.pipeline.corpora.base import VIDEO_ENDINGS
from s2f.pipeline.faces import preload
from s2f.pipeline.faces.settings import FaceSettings

# As `s2f prep` has them unless it is told otherwise.
FPS, SAMPLE_RATE = Fraction(25), 16_000
# Seconds that one clip may take.
TIME_LIMIT = 1800.0

AS_IT_IS = "taken as it is, for it is 96 x 128 px: an aligned face"
BY_THE_REAL = "cut where the face of the real video is"
BY_ITS_OWN = "cut where its own face is, for its picture is another one than that of the real video"


@dataclass(frozen=True)
class Pair:
    """A real video, by name those that are to be measured against it, and those that there are none of."""

    clip_id: str
    speaker: str
    real: Path
    made: dict[str, Path]
    missing: tuple[Missing, ...]


class Videos:
    """Pairs of two videos or of the videos in two folders, the first `limit` of them.

    Raises InputError where there are none.
    """

    def __init__(self, videos: list[Path], reference: Path, limit: int | None, faces: FaceSettings) -> None:
        self._faces = faces
        self.names = tuple(row_names(videos))
        self._folders = dict(zip(self.names, videos, strict=True))
        self._found = {name: _listed(path, reference.stem) for name, path in self._folders.items()}
        self._real = _listed(reference, reference.stem)
        if any(path.is_dir() != reference.is_dir() for path in videos):
            raise InputError(
                f"{reference} and what is compared with it are not alike", "give files or folders"
            )
        self.title = f"videos against {reference}"
        self.source = {
            "reference": str(reference),
            **{name: str(path) for name, path in self._folders.items()},
        }
        self.media = Media(FPS, SAMPLE_RATE)
        self.speeds: dict[str, tuple[float, float]] = {}
        every = set(self._real).union(*self._found.values())
        self.clips = tuple(sorted(every)[:limit])
        pairs = [self._pair(clip_id, reference) for clip_id in self.clips]
        self._pairs = [each for each in pairs if isinstance(each, Pair)]
        self._lost = [each for each in pairs if isinstance(each, Missing)]
        if not self._pairs:
            raise InputError(
                f"no video of {' or '.join(map(str, videos))} is called as one of {reference}",
                "names must be equal up to the ending, those of folders too: s1/bbaf2n.mp4 and s1/bbaf2n.mpg",
            )

    def score(self, workers: int, more: Sequence[Measure]) -> Iterator[Scored | Missing]:
        """Each clip read, aligned and measured, in so many processes, or why it cannot be, as they come."""
        yield from self._lost
        executor = open_executor(workers=workers, preload=(*PRELOAD, *preload(self._faces.backend)))
        work = functools.partial(score_pair, faces=self._faces, more=more)
        for pair, found in executor.run(work, self._pairs, len(self._pairs), TIME_LIMIT):
            if isinstance(found, WorkerLostError):
                yield Missing(pair.clip_id, "", "", found.message)
            else:
                yield found

    def show(self, wanted: Collection[str]) -> Iterator[Clip]:
        """Some of the clips, with the very frames that are measured, and their sound."""
        for pair in self._pairs:
            if pair.clip_id in wanted:
                yield with_sound(read_pair(pair, self._faces)[0], pair)

    def _pair(self, clip_id: str, reference: Path) -> Pair | Missing:
        partners = {name: found[clip_id] for name, found in self._found.items() if clip_id in found}
        if clip_id not in self._real:
            return Missing(clip_id, "", "", f"there is no video of that name in {reference}")
        missing = tuple(
            Missing(clip_id, name, "", f"there is no video of that name in {folder}")
            for name, folder in self._folders.items()
            if name not in partners
        )
        if not partners:
            return replace(missing[0], video="")
        return Pair(clip_id, PurePosixPath(clip_id).parent.name, self._real[clip_id], partners, missing)


def score_pair(pair: Pair, faces: FaceSettings, more: Sequence[Measure] = ()) -> Scored | Missing:
    """Read and measure the videos of a pair; what cannot be read is in `missing`."""
    try:
        clip, missing, notes = read_pair(pair, faces)
    except InputError as error:
        return Missing(pair.clip_id, "", "", error.message)
    # None of the measures that are always taken hears it.
    scored = score_clip(with_sound(clip, pair) if more else clip, faces, more)
    return replace(scored, missing=missing + scored.missing, notes=notes)


def read_pair(pair: Pair, faces: FaceSettings) -> tuple[Clip, tuple[Missing, ...], tuple[Note, ...]]:
    """The videos of a pair as aligned faces, all as long as the shortest, without sound.

    Beside them the videos that cannot be read, and how the others were aligned. Raises InputError where
    the real one or none of the others can be read.
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
            notes.append(Note(pair.clip_id, name, f"{words}: those that all have count"))
    count = min(len(whole), *(len(frames) for frames in made.values()))
    cut = {name: frames[:count] for name, frames in made.items()}
    clip = Clip(pair.clip_id, whole[:count], cut, FPS, pair.speaker, None, SAMPLE_RATE, _text(pair.real))
    return clip, tuple(missing), tuple(notes)


def with_sound(clip: Clip, pair: Pair) -> Clip:
    """The clip with the sound of the real video, else of the first one that has any."""
    for path in (pair.real, *pair.made.values()):
        try:
            return replace(clip, sound=read_sound(path, FPS, SAMPLE_RATE, len(clip.real)))
        except MediaError:
            continue
    return clip


def _aligned(video: Video, real: Video) -> tuple[Frames, str]:
    """The aligned face of a video (n, 128, 96, 3), and in words by what it was aligned."""
    if video.is_face:
        return video.face, AS_IT_IS
    if video.size == real.size and not video.shows_elsewhere(real.track[0]):
        return video.cut(real.track[1]), BY_THE_REAL
    return video.face, BY_ITS_OWN


def _text(path: Path) -> str:
    """What is said, where the name of the clip stands for it, as in GRID."""
    return sentence(path.stem) or ""


def _listed(path: Path, alone: str) -> dict[str, Path]:
    """The videos of a folder by their names below it, without ending; a file by the name `alone`."""
    if path.is_file():
        return {alone: path}
    if not path.is_dir():
        raise InputError(f"{path} is no file and no folder", "check the path")
    found: dict[str, Path] = {}
    for each in sorted(path.rglob("*")):
        if each.suffix.lower() in VIDEO_ENDINGS and each.is_file():
            name = each.relative_to(path).with_suffix("").as_posix()
            if name in found:
                raise InputError(f"{found[name]} and {each} have one name", "keep one of them there")
            found[name] = each
    if not found:
        raise InputError(f"{path} holds no videos", f"it takes {', '.join(sorted(VIDEO_ENDINGS))}")
    return found
