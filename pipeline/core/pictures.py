"""Picture files: read with their EXIF rotation, written as PNG; decoders that keep quiet."""

import functools
import os
import threading
import warnings
from collections.abc import Callable, Iterator
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
DAMAGED = "copy or download it again, or give another JPEG or PNG picture"

# What shows where a picture is transparent.
GROUND = (255, 255, 255)

HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
VIDEO = (b"\x1aE\xdf\xa3", b"\0\0\1\xba", b"\0\0\1\xb3")
# Files that people take for pictures that can be read, by their first bytes, and the way to one that can.
OTHERS: tuple[tuple[str, Callable[[bytes], bool], str], ...] = (
    (
        "a HEIC picture, as phones take it",
        lambda head: head[4:8] == b"ftyp" and head[8:12] in HEIC,
        "save it as JPEG: the phone's Photos app exports it, heif-convert of libheif converts it",
    ),
    (
        "an AVIF picture",
        lambda head: head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis"),
        "save it as JPEG or PNG",
    ),
    (
        "a video",
        lambda head: head[4:8] in (b"ftyp", b"moov") or head[:4] in VIDEO,
        "dub it with --video, or give one frame of it as PNG: ffmpeg -i VIDEO -frames:v 1 frame.png",
    ),
    (
        "an SVG drawing",
        lambda head: b"<svg" in head.lower(),
        "export it as PNG: rsvg-convert, Inkscape or a browser does so",
    ),
    (
        "a PDF document",
        lambda head: b"%PDF-" in head[:1024],
        "export its page as PNG: pdftoppm -png -r 300 FILE page",
    ),
    ("a PostScript document", lambda head: head[:4] == b"%!PS", "export its page as PNG"),
    ("a Photoshop document", lambda head: head[:4] == b"8BPS", "export it as PNG"),
    (
        "a JPEG XL picture",
        lambda head: head[:2] == b"\xff\x0a" or head[4:12] == b"JXL \x0d\x0a\x87\x0a",
        "save it as JPEG or PNG",
    ),
    ("an icon", lambda head: head[:4] == b"\0\0\1\0", "save it as PNG"),
    (
        "a web page",
        lambda head: head.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html")),
        "save the picture itself, not the page around it",
    ),
)

# How the formats that can be read begin: a file that begins so and cannot be read is damaged.
BEGINNINGS = (b"\xff\xd8", b"\x89PNG", b"RIFF", b"GIF8", b"II*\0", b"MM\0*", b"BM", b"\0\0\0\x0cjP")

_standard_error = threading.Lock()


def read_picture(path: Path) -> Picture:
    """A picture file as RGB uint8 (height, width, 3), rotated as its EXIF data say.

    It may be grey, of 16 bits or transparent: what is transparent shows GROUND, not what lies under it.
    Raises MediaError where it cannot be read. Pillow reads it, and not OpenCV, whose decoders print their
    complaints on the terminal.
    """
    if not path.is_file():
        raise MediaError(f"{path} is not a file", "check the path")
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=FORMATS) as picture:
            # Before EXIF data are asked for: in a PNG they may follow the pixels.
            picture.load()
            return _rgb(ImageOps.exif_transpose(picture))
    except UnidentifiedImageError as error:
        reason, hint = _what_is(path)
        raise MediaError(f"{path} is not a picture that can be read: {reason}", hint) from error
    except Exception as error:  # each decoder of Pillow raises its own
        raise MediaError(
            f"{path} is not a picture that can be read: it is damaged or cut off ({error})", DAMAGED
        ) from error


def _what_is(path: Path) -> tuple[str, str]:
    """What a file is that Pillow does not know, and what to do about it."""
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        return "it is empty", DAMAGED
    for name, is_one, hint in OTHERS:
        if is_one(head):
            return f"it is {name}", hint
    return ("it is damaged or cut off", DAMAGED) if head.startswith(BEGINNINGS) else ("unknown format", HINT)


def _rgb(picture: Image.Image) -> Picture:
    if picture.mode.startswith("I"):
        # Grey of 16 bits, which Pillow would clip at 255.
        grey = np.asarray(picture).astype(np.int64) >> 8
        picture = Image.fromarray(grey.clip(0, 255).astype(np.uint8))
    if picture.has_transparency_data:
        shown = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", shown.size, (*GROUND, 255)), shown)
    return np.array(picture.convert("RGB"), np.uint8)


def encode_png(picture: Picture) -> bytes:
    """An RGB picture (height, width, 3) as PNG."""
    return cv2.imencode(".png", picture[:, :, ::-1])[1].tobytes()


@functools.cache
def _nowhere() -> int:
    """Where that goes, open as long as the process lives: Ctrl-C cannot come between opening and closing."""
    return os.open(os.devnull, os.O_WRONLY)


@contextmanager
def quiet_decoders() -> Iterator[None]:
    """Drop what C libraries print to standard error: libjpeg complains there of damaged data."""
    with _standard_error:
        kept = os.dup(2)
        try:
            os.dup2(_nowhere(), 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
