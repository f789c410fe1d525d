"""Picture files of all kinds, and damaged ones: an error for a person, and nothing from the decoders."""

import os
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

from s2f.pipeline.core import mjpeg
from s2f.pipeline.core.errors import MediaError
from s2f.pipeline.core.pictures import GROUND, Picture, encode_png, quiet_decoders, read_picture


def draw() -> Picture:
    """A smooth picture of 96 x 128 px."""
    few = np.random.default_rng(0).integers(0, 255, (8, 6, 3), np.uint8)
    return np.asarray(cv2.resize(few, (96, 128), interpolation=cv2.INTER_CUBIC), np.uint8)


def jpeg() -> bytes:
    return bytes(cv2.imencode(".jpg", draw()[:, :, ::-1])[1])


def test_a_png_comes_back_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "face.png").write_bytes(encode_png(draw()))
    assert np.array_equal(read_picture(tmp_path / "face.png"), draw())


def test_grey_of_16_bits_is_scaled(tmp_path: Path) -> None:
    grey = draw()[:, :, 0]
    cv2.imwrite(str(tmp_path / "deep.png"), grey.astype(np.uint16) * 257)
    assert np.array_equal(read_picture(tmp_path / "deep.png"), np.repeat(grey[:, :, None], 3, axis=2))


@pytest.mark.parametrize("keep", [0.0, 0.1, 0.5, 0.95])
@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_a_truncated_picture_is_an_error_without_a_word_from_the_decoder(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], ending: str, keep: float
) -> None:
    whole = encode_png(draw()) if ending == "png" else jpeg()
    path = tmp_path / f"cut.{ending}"
    path.write_bytes(whole[: int(keep * len(whole))])
    with pytest.raises(MediaError, match="not a picture that can be read"):
        read_picture(path)
    assert capfd.readouterr() == ("", "")


def test_no_other_program_is_asked_to_read_a_picture(tmp_path: Path) -> None:
    (tmp_path / "page.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")
    with pytest.raises(MediaError, match="not a picture that can be read"):
        read_picture(tmp_path / "page.png")


# The first bytes of files that people give for a picture, and the word for them.
HEADS = {
    "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "SVG": b'<?xml version="1.0"?>\n<!-- drawn by hand -->\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    "PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "video": b"\0\0\0\x18ftypisom\0\0\0\0",
    "web page": b"\n<!DOCTYPE html><html></html>",
    "empty": b"",
    "damaged": b"\x89PNG\r\n",
    "unknown": b"a text",
}


@pytest.mark.parametrize("word", HEADS)
def test_what_is_no_picture_is_called_by_its_name(tmp_path: Path, word: str) -> None:
    (tmp_path / "me.jpg").write_bytes(HEADS[word])
    with pytest.raises(MediaError, match=word) as caught:
        read_picture(tmp_path / "me.jpg")
    assert caught.value.hint


def test_what_lies_under_transparent_pixels_is_not_shown(data: Path, tmp_path: Path) -> None:
    path = data / "faults/hidden-noise.png"
    with Image.open(path) as picture:
        opaque = np.asarray(picture.convert("RGBA"))[:, :, 3]
    shown = read_picture(path)
    assert (shown[opaque == 0] == GROUND).all()
    # Also where one colour of a palette, or of all, is transparent.
    drawn = Image.fromarray(draw())
    drawn.putpixel((0, 0), (1, 2, 3))
    drawn.save(tmp_path / "one.png", transparency=(1, 2, 3))
    assert tuple(read_picture(tmp_path / "one.png")[0, 0]) == GROUND
    drawn.quantize(16).save(tmp_path / "few.gif", transparency=0)
    with Image.open(tmp_path / "few.gif") as picture:
        few = np.asarray(picture.convert("RGBA"))
    assert (read_picture(tmp_path / "few.gif")[few[:, :, 3] == 0] == GROUND).all()


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_format_is_turned_as_its_exif_says(tmp_path: Path, ending: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    picture = Image.fromarray(draw())
    picture.save(tmp_path / f"phone.{ending}", exif=exif, quality=95)
    picture.getexif()[ExifTags.Base.Orientation] = orientation
    wanted = np.asarray(ImageOps.exif_transpose(picture))
    read = read_picture(tmp_path / f"phone.{ending}")
    assert read.shape == wanted.shape
    assert abs(read.astype(int) - wanted).mean() < 5


def damaged(data: bytes) -> bytes:
    """The data with some bytes after the head of the first JPEG turned over."""
    begin = data.index(b"\xff\xd8") + 700
    return bytes(
        byte ^ 0xFF if place in range(begin, begin + 2000, 97) else byte for place, byte in enumerate(data)
    )


def test_damaged_frames_of_a_shard_are_read_without_a_word_from_the_decoder(
    capfd: pytest.CaptureFixture[str],
) -> None:
    cv2.imdecode(np.frombuffer(damaged(jpeg()), np.uint8), cv2.IMREAD_COLOR_RGB)
    assert "Corrupt JPEG" in capfd.readouterr().err, "OpenCV is quiet by itself: quiet_decoders can go"
    movie = mjpeg.encode(draw()[None], Fraction(25), 90)
    assert mjpeg.decode(damaged(movie)).shape == (1, 128, 96, 3)
    assert capfd.readouterr() == ("", "")


def test_standard_error_is_back_afterwards(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="inside"), quiet_decoders():
        raise ValueError("inside")
    os.write(2, b"outside\n")
    assert capfd.readouterr().err == "outside\n"
