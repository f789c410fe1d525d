"""Picture files of all kinds, and damaged ones: an error for a person, and nothing from the decoders."""

import os
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from s2f.pipeline.core import mjpeg
from s2f.pipeline.core.errors import MediaError
from s2f.pipeline.core.pictures import Picture, encode_png, quiet_decoders, read_picture


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
