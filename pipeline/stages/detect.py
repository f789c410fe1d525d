"""detect: the track of the talking face; box, 68 points and confidence of every frame."""

import io
import itertools
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from s2f.pipeline import faces
from s2f.pipeline.core import files
from s2f.pipeline.core.errors import MediaError, Rejected, SizeError, TimeStampError
from s2f.pipeline.core.media import FrameReader, SoundReader
from s2f.pipeline.core.params import Params
from s2f.pipeline.core.schema import Row
from s2f.pipeline.faces import talking
from s2f.pipeline.faces.base import Box, Picture
from s2f.pipeline.faces.talking import Floats
from s2f.pipeline.faces.tracking import (
    Track,
    by_talking,
    find_tracks,
    grey,
    intersection_over_union,
    unsettled,
)
from s2f.pipeline.stages.base import Clip, Stage

ARTIFACT = ".npz"
POSTER_WIDTH = 320
# A picture that differs by less from the one before is the same: of genuine clips, whose camera and codec
# add noise, the least is 0.13, and 0.6 in 99 % of their frames.
UNCHANGED = 0.1


class DetectParams(Params):
    """Settings of the detect stage."""

    fps: Annotated[str, BeforeValidator(str, json_schema_input_type=str | float)] = Field(
        "25", description="frame rate that every clip is brought to, such as 25 or 30000/1001"
    )
    backend: Annotated[str, AfterValidator(faces.known)] = Field(
        faces.DEFAULT,
        description=f"face detector: {' or '.join(faces.BACKENDS)}",
        json_schema_extra={"enum": [*faces.BACKENDS]},
    )
    model: str | None = Field(None, description="MediaPipe's model file, if not found elsewhere")
    every: int = Field(8, ge=1, le=100, description="detect on every k-th frame; boxes are tracked between")
    max_side: int = Field(
        faces.MAX_SIDE, ge=160, description="larger pictures are reduced to this many px for the detector"
    )
    max_gap: int = Field(5, ge=0, description="frames in a row that may lack the face; they are interpolated")
    max_damaged: int = Field(3, ge=0, description="frames that may be damaged or missing in the stream")
    min_seconds: float = Field(0.5, ge=0, description="shorter clips are rejected")
    min_face: float = Field(60, ge=0, description="smaller faces are rejected; width of the box in px")
    trim: bool = Field(False, description="keep the longest piece with a face instead of rejecting the clip")
    several_faces: Literal["choose", "reject"] = Field(
        "choose", description="of several faces choose the one that talks, or reject the clip"
    )
    rival_share: float = Field(
        0.5, gt=0, le=1, description="share of the frames from which on a second face counts"
    )

    @field_validator("fps")
    @classmethod
    def _is_rate(cls, value: str) -> str:
        try:
            possible = 1 <= Fraction(value) <= 240
        except (ValueError, ZeroDivisionError):
            raise ValueError("a frame rate is a number such as 25, 29.97 or 30000/1001") from None
        if not possible:
            raise ValueError("a frame rate lies between 1 and 240")
        return value


COLUMNS = pa.schema(
    [
        ("frames", pa.int32()),
        ("first", pa.int32()),
        ("fps", pa.string()),
        ("decoded", pa.int32()),
        ("damaged", pa.int32()),
        ("missing", pa.int32()),
        ("still", pa.int32()),
        ("unordered", pa.int32()),
        ("interlaced", pa.int32()),
        ("light", pa.string()),
        ("rate", pa.float64()),
        ("decode_errors", pa.list_(pa.string())),
        ("step_spread", pa.float64()),
        ("frozen", pa.int32()),
        ("faces", pa.int32()),
        ("several_faces", pa.string()),
        ("interpolated", pa.int32()),
        ("face_px", pa.float32()),
        ("confidence", pa.float32()),
    ]
)


def run(clip: Clip, params: DetectParams) -> Row:
    """Track the faces of one clip and keep the one that talks, in all frames or in a piece of them."""
    reader = clip.frames(params.fps)
    backend = faces.open_backend(params.backend, params.max_side, params.model)
    changes: list[float] = []
    try:
        tracks, total = find_tracks(_watched(reader, changes), backend, params.every, params.max_gap)
    except TimeStampError as error:
        raise Rejected("time_stamps", error.message, fps=params.fps, decoded=reader.decoded) from error
    except SizeError as error:
        raise Rejected("size_changes", error.message, fps=params.fps, decoded=reader.decoded) from error
    row: Row = {
        "frames": total,
        "first": 0,
        "fps": params.fps,
        "decoded": reader.decoded,
        "damaged": reader.damaged,
        "missing": reader.missing,
        "still": reader.still,
        "unordered": reader.unordered,
        "interlaced": reader.interlaced,
        "light": reader.light,
        "rate": 1 / reader.usual if reader.usual else None,
        "decode_errors": reader.complaints[:5],
        "step_spread": float(np.ptp(np.percentile(reader.steps, [5, 95]))) if reader.steps else 0.0,
        "frozen": int(np.ptp(_longest(runs(np.array(changes) < UNCHANGED)))),
        "faces": len(tracks),
    }
    whole = _whole(row, np.array(reader.faulty, bool), params)
    best = _choose(tracks, clip, row, params)
    first, stop = _piece(best, whole, row, params)
    begin = list(itertools.islice(reader, first, min(stop, first + params.max_gap + 1)))
    # A black, white or torn picture in front would be the clip's still.
    skipped = unsettled(begin, list(best.dense(first, first + len(begin)).boxes))
    first += skipped
    row["message"] = _told(row, first - whole[0], reader)
    face = best.dense(first, stop)
    row |= {
        "frames": stop - first,
        "first": first,
        "interpolated": stop - first - sum(first <= frame < stop for frame in best.frames),
        "face_px": float(np.median(face.boxes[:, 2] - face.boxes[:, 0])),
        "confidence": float(np.mean(face.confidence)),
    }
    if row["face_px"] < params.min_face:
        raise Rejected("face_too_small", f"the face is {row['face_px']:.0f} px wide", **row)
    target = io.BytesIO()
    poster = _poster(begin[skipped])
    np.savez_compressed(
        target, boxes=face.boxes, points=face.points, confidence=face.confidence, poster=poster
    )
    files.write_bytes(clip.artifact("detect", ARTIFACT), target.getvalue())
    return row


def _watched(pictures: Iterable[Picture], changes: list[float]) -> Iterator[Picture]:
    """Hand pictures on, and note by how many grey levels each differs from the one before."""
    before = None
    for picture in pictures:
        thumbnail = grey(picture[::4, ::4])
        if before is not None:
            changes.append(float(np.abs(thumbnail - before).mean()))
        before = thumbnail
        yield picture


def runs(flags: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Where successive flags are set: the first one, and the first after them that is not."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags, [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _longest(found: list[tuple[int, int]]) -> tuple[int, int]:
    return max(found, key=lambda run: run[1] - run[0], default=(0, 0))


def _poster(picture: Picture) -> npt.NDArray[np.uint8]:
    """A frame as a small JPEG, to show a person what surrounds the face."""
    height, width = picture.shape[:2]
    size = (POSTER_WIDTH, round(height * POSTER_WIDTH / width))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    stored = cv2.imencode(".jpg", small[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    return np.asarray(stored, np.uint8)


def _whole(row: Row, faulty: npt.NDArray[np.bool_], params: DetectParams) -> tuple[int, int]:
    """The frames among which the face is looked for: all but damaged ones in front.

    Where too many are damaged, the clip is rejected, or with `trim` the longest piece without them is kept.
    """
    total = row["frames"]
    if total / Fraction(params.fps) < params.min_seconds:
        raise Rejected("too_short", f"{total} frames are less than {params.min_seconds} s", **row)
    if row["unordered"] > params.max_damaged:
        found = f"{row['unordered']} frames have time stamps that do not come after the one before"
        raise Rejected("time_stamps", found, **row)
    leading = int(np.argmin(faulty)) if not faulty.all() else total
    if row["damaged"] + row["missing"] <= params.max_damaged:
        return min(leading, total - 1), total
    found = f"{row['damaged']} damaged and {row['missing']} missing frames of {total}"
    if leading:
        found += f"; the first {leading} are torn or made from nothing, for lack of a key frame"
    first, stop = _longest(runs(~faulty))
    if not params.trim or (stop - first) / Fraction(params.fps) < params.min_seconds:
        raise Rejected("damaged_video", found, **row)
    return first, stop


def _told(row: Row, cut: int, reader: FrameReader) -> str:
    """What a person should know of a clip that is kept."""
    notes = []
    if cut:
        notes.append(f"{cut} frames in front are left out: they do not show the face as those after them do")
    if reader.still:
        longest = ", ".join(f"{seconds:.2f} s at {at:.2f} s" for at, seconds in reader.stretches[:3])
        notes.append(
            f"the file holds no frames where the picture stands still, {reader.still} in all: {longest}"
        )
    if row["interlaced"]:
        notes.append(f"{row['interlaced']} frames were interlaced")
    if row["light"]:
        notes.append(f"the picture was toned down from the high dynamic range of {row['light']}")
    return "; ".join(notes)


def _choose(tracks: list[Track], clip: Clip, row: Row, params: DetectParams) -> Track:
    """The track whose lips are seen and heard to talk longest, or that of the box that a piece names.

    Notes where others are seen for long.
    """
    if not tracks:
        raise Rejected("no_face", "no face was found in any frame", **row)
    if clip.source.piece and clip.source.piece.box:
        return _in_box(tracks, np.array(clip.source.piece.box, np.float32), row)
    best, *others = by_talking(tracks, _expected(clip, params) if len(tracks) > 1 else None)
    rivals = [each for each in others if len(each.track.frames) >= params.rival_share * row["frames"]]
    if rivals:
        told = ", ".join(
            f"{each.talks} of {len(each.track.frames)}, agreement with the sound {each.agrees:.2f}"
            for each in [best, *rivals]
        )
        found = f"{len(rivals) + 1} faces are seen for long; frames in which they talk: {told}"
        if params.several_faces == "reject":
            raise Rejected("several_faces", found, **row)
        row["several_faces"] = f"{found}; the first was kept"
    return best.track


def _in_box(tracks: list[Track], box: Box, row: Row) -> Track:
    """The track that begins in a box or nearest to it, of those that are there soon."""
    shares = [intersection_over_union(track.boxes[0], box) for track in tracks]
    best = int(np.argmax(shares))
    if not shares[best]:
        raise Rejected("no_face", f"none of {len(tracks)} faces begins in the box of the piece", **row)
    return tracks[best]


def _expected(clip: Clip, params: DetectParams) -> Floats | None:
    """How far the sound would open a mouth in each frame; None where there is no sound to be read."""
    start = clip.rows["scan"]["video_start"]
    try:
        sound = SoundReader(clip.video, talking.RATE, start, end=clip.end)
        return talking.expected_opening(talking.spectra(sound, Fraction(params.fps)))
    except MediaError:
        return None


def _piece(track: Track, whole: tuple[int, int], row: Row, params: DetectParams) -> tuple[int, int]:
    """The frames to keep of `whole` from the first that shows the face on; with `trim` to the last one."""
    first, stop = whole
    seen = [frame for frame in track.frames if first <= frame < stop]
    gap = int(np.diff([first - 1, *seen, stop]).max()) - 1
    if seen and gap <= params.max_gap:
        return seen[0], stop
    lost = f"the face is not seen for {gap} frames in a row, of {stop - first}"
    if not params.trim or not seen:
        raise Rejected("face_lost", lost, **row)
    first, stop = seen[0], seen[-1] + 1
    if (stop - first) / Fraction(params.fps) < params.min_seconds:
        raise Rejected("face_lost", f"{lost}; the longest piece has {stop - first} frames", **row)
    return first, stop


def models(params: DetectParams) -> Iterable[Path]:
    """The files that the face backend works with."""
    return faces.model_files(params.backend, params.model)


STAGE = Stage(
    name="detect",
    version=7,
    description="The track of the talking face.",
    params=DetectParams,
    columns=COLUMNS,
    run=run,
    reads=("scan",),
    artifact=ARTIFACT,
    models=models,
    reasons={
        "too_short": "the video is shorter than detect.min_seconds",
        "time_stamps": "the time stamps go back or jump, as where two recordings are put together",
        "size_changes": "the size of the picture changes within the video",
        "damaged_video": "more than detect.max_damaged frames are damaged or missing",
        "no_face": "no frame shows a face, or none begins in the box of the piece",
        "several_faces": "several faces are seen for long, and detect.several_faces is reject",
        "face_lost": "the face is not seen for more than detect.max_gap frames in a row",
        "face_too_small": "the face is narrower than detect.min_face",
    },
)
