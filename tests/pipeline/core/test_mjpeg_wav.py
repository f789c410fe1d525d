"""The two media members of a shard sample: frames as Motion JPEG, sound as wav."""

import io
import wave
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from s2f.pipeline.core import media, mjpeg, wav
from s2f.pipeline.core.errors import MediaError

NTSC = Fraction(30000, 1001)
ONES = wav.encode(np.ones(50, np.float32), 16_000)


@pytest.fixture(scope="module")
def frames(data: Path) -> mjpeg.Frames:
    """Twelve genuine frames, cut to the size of a crop around the face."""
    reader = media.FrameReader(data / "grid/s1/bbaf2n.mpg")
    return np.stack([frame[110:238, 130:226] for frame in islice(reader, 12)])


@pytest.fixture(scope="module")
def movie(frames: mjpeg.Frames) -> bytes:
    return mjpeg.encode(frames, NTSC, 98)


def test_frames_come_back_in_order_and_nearly_as_they_were(frames: mjpeg.Frames, movie: bytes) -> None:
    found = mjpeg.decode(movie)
    assert found.shape == frames.shape
    errors = np.mean((found[:, None].astype(float) - frames[None]) ** 2, axis=(2, 3, 4))
    assert 10 * np.log10(255**2 / errors.diagonal().max()) > 40
    assert errors.argmin(axis=1).tolist() == list(range(12))


def test_colours_keep_their_places() -> None:
    red = np.zeros((1, 32, 32, 3), np.uint8)
    red[..., 0] = 200
    found = mjpeg.decode(mjpeg.encode(red, Fraction(25), 98)).mean(axis=(0, 1, 2))
    assert found == pytest.approx([200, 0, 0], abs=3)


def test_the_same_frames_give_the_same_bytes(frames: mjpeg.Frames, movie: bytes) -> None:
    assert mjpeg.encode(frames.copy(), NTSC, 98) == movie


def test_a_lower_quality_makes_a_smaller_file(frames: mjpeg.Frames, movie: bytes) -> None:
    assert len(mjpeg.encode(frames, NTSC, 80)) < len(movie) / 2


@pytest.mark.parametrize("wanted", [slice(3, 7), slice(None, None, 5), [0], [11, 2, 2]])
def test_some_frames_are_those_of_the_whole(movie: bytes, wanted: slice | list[int]) -> None:
    assert np.array_equal(mjpeg.decode(movie, wanted), mjpeg.decode(movie)[wanted])


def test_a_player_reads_the_file_with_its_exact_rate(movie: bytes) -> None:
    with av.open(io.BytesIO(movie)) as container:
        stream = container.streams.video[0]
        seen = [frame.pts * stream.time_base for frame in container.decode(stream)]
        assert (container.format.name, stream.codec_context.name) == ("avi", "mjpeg")
        assert stream.average_rate == NTSC
    assert seen == [number / NTSC for number in range(12)]


@pytest.mark.parametrize("data", [b"", b"no movie at all", bytes(5000)])
def test_what_is_no_movie_is_an_error_for_a_person(data: bytes) -> None:
    with pytest.raises(MediaError) as caught:
        mjpeg.decode(data)
    assert caught.value.hint


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.99])
def test_a_movie_that_is_cut_short_is_an_error(movie: bytes, keep: float) -> None:
    with pytest.raises(MediaError, match="cut short"):
        mjpeg.decode(movie[: int(keep * len(movie))])


def test_a_movie_goes_on_after_its_first_gigabyte(movie: bytes) -> None:
    """As ffmpeg writes it: with a second RIFF list."""
    begin = movie.index(b"LIST", movie.index(b"movi") - 8)
    frames = movie[begin : begin + 8 + int.from_bytes(movie[begin + 4 : begin + 8], "little")]
    more = b"RIFF" + (4 + len(frames)).to_bytes(4, "little") + b"AVIX" + frames
    assert np.array_equal(mjpeg.decode(movie + more), np.tile(mjpeg.decode(movie), (2, 1, 1, 1)))


def test_sound_comes_back_to_half_a_step() -> None:
    sound = np.random.default_rng(1).uniform(-1, 1, 16_000).astype(np.float32)
    found = wav.decode(wav.encode(sound, 16_000))
    assert found.dtype == np.float32
    assert np.abs(found - sound).max() <= 0.501 / 32767
    assert np.array_equal(wav.decode(wav.encode(found, 16_000)), found)


def test_sound_beyond_full_scale_is_clipped() -> None:
    found = wav.decode(wav.encode(np.array([1.5, -2.0, 0.0], np.float32), 16_000))
    assert found.tolist() == [1, -1, 0]


def test_the_file_is_plain_mono_16_bit_pcm() -> None:
    with wave.open(io.BytesIO(wav.encode(np.zeros(100, np.float32), 22_050))) as file:
        assert file.getparams()[:4] == (1, 2, 22_050, 100)


def stereo() -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as out:
        out.setparams((2, 2, 16_000, 0, "NONE", ""))
        out.writeframes(bytes(400))
    return target.getvalue()


@pytest.mark.parametrize(
    "data",
    [b"", b"no sound at all", stereo(), ONES[:20], ONES[:-1], ONES[:-10]],
    ids=["empty", "text", "stereo", "half a header", "cut in a sample", "cut between samples"],
)
def test_what_is_no_such_sound_is_an_error_for_a_person(data: bytes) -> None:
    with pytest.raises(MediaError) as caught:
        wav.decode(data)
    assert caught.value.hint
