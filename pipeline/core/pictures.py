"""Picture files: read with their EXIF rotation, written as PNG."""

import io
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from s2f.pipeline.core.errors import MediaError

Picture = npt.NDArray[np.uint8]

HINT = "give a JPEG or PNG picture"


def read_picture(path: Path) -> Picture:
    """A picture file as RGB uint8 (height, width, 3), rotated as its EXIF data say.

    It may be grey, of 16 bits or transparent. Raises MediaError where it cannot be read. Pillow reads it,
    and not OpenCV, whose decoders print their complaints on the terminal.
    """
    if not path.is_file():
        raise MediaError(f"{path} is not a file", "check the path")
    try:
        with Image.open(io.BytesIO(path.read_bytes())) as picture:
            upright = ImageOps.exif_transpose(picture)
            if upright.mode.startswith("I"):
                # Grey of 16 bits, which Pillow would clip at 255.
                grey = np.asarray(upright).astype(np.int64) >> 8
                upright = Image.fromarray(grey.clip(0, 255).astype(np.uint8))
            return np.asarray(upright.convert("RGB"), np.uint8)
    except UnidentifiedImageError as error:
        raise MediaError(f"{path} is not a picture that can be read", HINT) from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise MediaError(f"{path} is not a picture that can be read: {error}", HINT) from error


def encode_png(picture: Picture) -> bytes:
    """An RGB picture (height, width, 3) as PNG."""
    return cv2.imencode(".png", picture[:, :, ::-1])[1].tobytes()
