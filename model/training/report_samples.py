"""The film and the strips that a report shows of the validations."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from s2f.model.training.charts import CurveRow, best_validation

# The file of a validation by step and ending, if there is one.
Sample = Callable[[int, str], bytes | None]

# A film of more bytes is named, not embedded. A strip is embedded as JPEG, a seventh of its PNG.
MOST_FILM, STRIP_QUALITY = 1_000_000, 88


@dataclass(frozen=True)
class Film:
    """The film of a validation; `mp4` is None where it is too large for the page."""

    step: int
    mp4: bytes | None


@dataclass(frozen=True)
class Strip:
    """The picture of a validation: pairs of rows, real frames above generated ones."""

    step: int
    which: str
    jpeg: bytes
    width: int
    height: int
    pairs: int


def film(validations: Sequence[CurveRow], sample: Sample) -> Film | None:
    """The film of the newest validation, if there is one."""
    if not validations:
        return None
    step = validations[-1]["step"]
    mp4 = sample(step, "mp4")
    return Film(step, mp4 if len(mp4) <= MOST_FILM else None) if mp4 else None


def strips(validations: Sequence[CurveRow], sample: Sample, frame_height: int) -> list[Strip]:
    """The strips of the newest validation and of the best one, as far as there are any."""
    best = best_validation(validations)
    if not best:
        return []
    newest = validations[-1]
    if best["step"] == newest["step"]:
        wanted = {"newest and best": newest}
    else:
        wanted = {"newest": newest, "best": best}
    made = (
        _strip(row["step"], which, sample(row["step"], "png"), frame_height) for which, row in wanted.items()
    )
    return [strip for strip in made if strip]


def _strip(step: int, which: str, png: bytes | None, frame_height: int) -> Strip | None:
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR) if png else None
    if picture is None:
        return None
    jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, STRIP_QUALITY])[1].tobytes()
    height, width = picture.shape[:2]
    return Strip(step, which, jpeg, width, height, pairs=height // (2 * frame_height))
