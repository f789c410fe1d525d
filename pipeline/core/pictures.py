"""Picture files: read with their EXIF rotation, written as PNG; decoders that keep quiet."""

import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from s2f.pipeline.core.errors import MediaError

Picture = npt.NDArray[np.uint8]

# Those that need no other program: Pillow would give EPS to Ghostscript.
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000")
HINT = "give a JPEG or PNG picture"

_standard_error = threading.Lock()


def read_picture(path: Path) -> Picture:
    """A picture file as RGB uint8 (height, width, 3), rotated as its EXIF data say.

    It may be grey, of 16 bits or transparent. Raises MediaError where it cannot be read. Pillow reads it,
    and not OpenCV, whose decoders print their complaints on the terminal.
    """
    if not path.is_file():
        raise MediaError(f"{path} is not a file", "check the path")
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=FORMATS) as picture:
            return _rgb(ImageOps.exif_transpose(picture))
    except UnidentifiedImageError as error:
        raise MediaError(f"{path} is not a picture that can be read", HINT) from error
    except Exception as error:  # each decoder of Pillow raises its own
        raise MediaError(f"{path} is not a picture that can be read: {error}", HINT) from error


def _rgb(picture: Image.Image) -> Picture:
    if picture.mode.startswith("I"):
        # Grey of 16 bits, which Pillow would clip at 255.
        grey = np.asarray(picture).astype(np.int64) >> 8
        picture = Image.fromarray(grey.clip(0, 255).astype(np.uint8))
    return np.array(picture.convert("RGB"), np.uint8)


def encode_png(picture: Picture) -> bytes:
    """An RGB picture (height, width, 3) as PNG."""
    return cv2.imencode(".png", picture[:, :, ::-1])[1].tobytes()


@contextmanager
def quiet_decoders() -> Iterator[None]:
    """Drop what C libraries print to standard error: libjpeg complains there of damaged data."""
    with _standard_error, open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - no path of a user
        kept = os.dup(2)
        try:
            os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
