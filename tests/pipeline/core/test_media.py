"""Reading and writing of videos and sound: what comes out lies at its right time."""

import itertools
import subprocess
import sys
import wave
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from s2f.pipeline.core import media, pixels
from s2f.pipeline.core.errors import MediaError

NTSC = Fraction(30000, 1001)
RATE = 16_000
COUNT = 600
BITS = 10


def numbered(count: int = COUNT) -> Iterator[media.Picture]:
    """Frames that show their number: ten bars, each black or white."""
    for number in range(count):
        bars = np.array([255 * (number >> bit & 1) for bit in range(BITS)], np.uint8)
        yield np.broadcast_to(np.repeat(bars, 16)[None, :, None], (64, 160, 3)).astype(np.uint8)


def number_of(picture: media.Picture) -> int:
    bars = picture.reshape(64, BITS, 16, 3).mean(axis=(0, 2, 3)) > 127
    return sum(1 << bit for bit, white in enumerate(bars) if white)


def write_wav(path: Path, channels: npt.NDArray[np.float64], rate: int) -> Path:
    """Write sound (samples, channels) in [-1, 1]."""
    with wave.open(str(path), "wb") as out:
        out.setparams((channels.shape[1], 2, rate, 0, "NONE", ""))
        out.writeframes((channels * 32767).round().astype("<i2").tobytes())
    return path


def read(path: Path, rate: int = RATE, start: float = 0.0) -> media.Sound:
    return np.concatenate(list(media.read_audio(path, rate, start=start)))


def tone(seconds: float, rate: int, pitch: float = 440.0) -> npt.NDArray[np.float64]:
    return 0.5 * np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate)


@pytest.fixture(scope="module")
def ntsc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 s of numbered frames at 30000/1001 frames per second."""
    path = tmp_path_factory.mktemp("ntsc") / "numbered.mp4"
    assert media.write_video(path, numbered(), NTSC) == COUNT
    return path


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("grid/s1/bbaf2n.mpg", (360, 288, 25, "mpeg1video", "mp2", 44_100, 2)),
        ("grid/s4/bbilzs.mpg", (720, 576, 25, "mpeg1video", "mp2", 44_100, 2)),
        ("wild/Adverb_1.mp4", (360, 288, 30, "mpeg4", None, None, None)),
        ("wild/face_noface.mov", (960, 540, 30, "hevc", "aac", 44_100, 2)),
    ],
)
def test_probe_tells_what_the_container_says(data: Path, name: str, wanted: tuple[object, ...]) -> None:
    found = media.probe(data / name)
    seen = (found.width, found.height, found.fps, found.video_codec)
    assert (*seen, found.audio_codec, found.sample_rate, found.channels) == wanted


def test_probe_tells_how_much_later_the_picture_begins(data: Path) -> None:
    assert media.probe(data / "wild/short_hamilton_clip.mp4").video_start == pytest.approx(0.844, abs=0.001)
    assert media.probe(data / "wild/face_noface.mov").video_start == 0


@pytest.mark.parametrize(
    ("container", "codecs"),
    [
        ("webm", ("libvpx", "libopus")),
        ("matroska", ("copy", "copy")),
        ("avi", ("mpeg4", "mp2")),
        ("asf", ("mpeg4", "mp2")),
        ("h264", ("copy", "copy")),
    ],
)
def test_the_length_that_no_header_knows_is_that_of_the_packets(
    ntsc: Path, tmp_path: Path, container: str, codecs: tuple[str, str]
) -> None:
    """As where the file was written to a pipe: nobody can go back to its begin when the end is known."""
    video, sound = codecs
    quick = ["-deadline", "realtime", "-cpu-used", "8"] if video == "libvpx" else []
    command = [media.ffmpeg_program(), "-v", "error", "-stream_loop", "3", "-i", ntsc, "-c:v", video, *quick]
    command += ["-c:a", sound, "-f", container, "-"]
    piped = subprocess.run(command, check=True, capture_output=True).stdout
    path = tmp_path / "piped.mkv"
    path.write_bytes(piped)
    assert media.probe(path).duration == pytest.approx(4 * COUNT / NTSC, abs=0.2)


@pytest.mark.parametrize("content", [b"", b"just words\n" * 50, bytes(range(256)) * 64])
@pytest.mark.parametrize("name", ["a.mp4", "a.mpg", "a.avi"])
def test_a_file_that_is_no_video_is_an_error_for_a_person(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(MediaError, match=name) as caught:
        media.probe(path)
    assert caught.value.hint
    with pytest.raises(MediaError, match=name):
        list(media.FrameReader(path))
    with pytest.raises(MediaError, match=name):
        list(media.read_audio(path, RATE))


def test_a_folder_or_a_missing_file_is_an_error_for_a_person(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.mp4"):
        with pytest.raises(MediaError, match="is not a file"):
            media.probe(path)


def test_a_file_of_sound_alone_has_no_video(data: Path) -> None:
    with pytest.raises(MediaError, match="no video stream"):
        media.probe(data / "audio/bus_chinese.wav")


def test_without_a_rate_every_frame_comes_once(ntsc: Path) -> None:
    reader = media.FrameReader(ntsc)
    assert [number_of(picture) for picture in reader] == list(range(COUNT))
    assert (reader.decoded, reader.damaged, reader.missing, reader.complaints) == (COUNT, 0, 0, [])


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(24000, 1001), NTSC, Fraction(50)])
def test_every_grid_frame_is_the_nearest_of_the_source(ntsc: Path, fps: Fraction) -> None:
    shown = [number_of(picture) for picture in media.FrameReader(ntsc, fps)]
    errors = [abs(number / NTSC - at / fps) for at, number in enumerate(shown)]
    assert max(errors) <= 1 / NTSC / 2
    assert abs(len(shown) / fps - COUNT / NTSC) <= 1 / fps


def test_frames_of_a_variable_rate_are_those_nearest_in_time(data: Path) -> None:
    path = data / "wild/Colors_6.mp4"
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [
            (frame.pts * stream.time_base, frame.to_ndarray(format="rgb24"))
            for frame in container.decode(stream)
        ]
    times = [time - frames[0][0] for time, _ in frames]
    steps = {round(1000 * (later - earlier)) for earlier, later in itertools.pairwise(times)}
    assert max(steps) - min(steps) > 20
    shown = list(media.FrameReader(path, Fraction(25)))
    assert len(shown) == 54
    for at, picture in enumerate(shown):
        nearest = min(range(len(times)), key=lambda number: abs(times[number] - Fraction(at, 25)))
        assert np.array_equal(picture, frames[nearest][1])


@pytest.mark.parametrize("keep", [0, 100 * 360 * 288 * 3, 10 * 360 * 288 * 3])
def test_a_second_reading_gives_the_same_frames(data: Path, keep: int) -> None:
    reader = media.FrameReader(data / "grid/s1/bbaf2n.mpg", Fraction(25), keep_bytes=keep)
    first, second = list(reader), list(reader)
    assert len(first) == len(second) == 75
    assert np.array_equal(first, second)


@pytest.mark.parametrize(
    ("name", "decoded", "damaged"), [("s1/bbaf2n", 75, 0), ("s1/sgib8n", 75, 1), ("s1/lrae3s", 74, 0)]
)
def test_the_health_of_the_frames_is_counted(data: Path, name: str, decoded: int, damaged: int) -> None:
    reader = media.FrameReader(data / f"grid/{name}.mpg", Fraction(25))
    assert len(list(reader)) == decoded
    assert (reader.decoded, reader.damaged, reader.missing) == (decoded, damaged, 0)
    assert bool(reader.complaints) == bool(damaged)


def test_a_truncated_stream_is_noticed(data: Path) -> None:
    reader = media.FrameReader(data / "grid/s4/bbaf2a.mpg", Fraction(25))
    list(reader)
    assert reader.decoded == 71
    assert reader.damaged + reader.missing > 3


def test_a_video_can_be_left_half_read(data: Path) -> None:
    script = """
import sys
from itertools import islice
from pathlib import Path
from s2f.pipeline.core import media
for count in (1, 5, 30, 60) * 3:
    print(len(list(islice(media.FrameReader(Path(sys.argv[1])), count))))
"""
    clip = data / "wild/no_face.mp4"
    done = subprocess.run(
        [sys.executable, "-c", script, clip], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split() == ["1", "5", "30", "60"] * 3


@pytest.mark.parametrize("flips", [[], ["-display_hflip"], ["-display_vflip"]])
@pytest.mark.parametrize("angle", [90, 180, 270])
def test_a_phone_video_comes_out_as_players_show_it(tmp_path: Path, angle: int, flips: list[str]) -> None:
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[:32], picture[32:, :48] = (255, 0, 0), (0, 0, 255)
    lying, turned = tmp_path / "lying.mp4", tmp_path / "turned.mp4"
    media.write_video(lying, [picture] * 3, Fraction(25))
    program = media.ffmpeg_program()
    options = ["-v", "error", "-display_rotation", str(angle), *flips, "-i", lying, "-c", "copy", turned]
    subprocess.run([program, *options], check=True)
    (shown, *_) = media.FrameReader(turned)
    raw = ["-v", "error", "-i", turned, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    player = np.frombuffer(subprocess.run([program, *raw], check=True, capture_output=True).stdout, np.uint8)
    assert shown.shape[:2] == ((64, 96) if angle == 180 else (96, 64))
    assert np.abs(player.reshape(shown.shape).astype(int) - shown).mean() < 8


def test_sound_that_begins_after_the_picture_begins_with_silence(data: Path) -> None:
    sound = read(data / "wild/face_noface.mov")
    begin = round(107_164 / 44_100 * RATE)
    assert not sound[: begin - 32].any()
    assert np.abs(sound[begin : begin + RATE // 2]).max() > 0.001
    assert len(sound) / RATE == pytest.approx((107_164 + 176_128) / 44_100, abs=0.05)


def test_sound_is_read_from_the_start_of_the_picture(data: Path) -> None:
    path = data / "wild/short_hamilton_clip.mp4"
    start = media.probe(path).video_start
    assert np.array_equal(read(path, start=start), read(path)[round(start * RATE) :])


def test_chunks_of_sound_make_the_whole(data: Path) -> None:
    path = data / "audio/jfk.flac"
    chunks = list(media.read_audio(path, RATE, chunk_seconds=0.5, start=0.25))
    assert {len(chunk) for chunk in chunks[:-1]} == {8000}
    assert np.array_equal(np.concatenate(chunks), read(path)[4000:])


@pytest.mark.parametrize("rate", [8000, 44_100, 48_000])
def test_resampling_leaves_a_sound_at_its_time(tmp_path: Path, rate: int) -> None:
    click = np.zeros((2 * rate, 1))
    click[rate + rate // 4] = 0.9
    sound = read(write_wav(tmp_path / "click.wav", click, rate))
    assert len(sound) == pytest.approx(2 * RATE, abs=2)
    assert abs(int(np.abs(sound).argmax()) - round(1.25 * RATE)) <= 1


def test_two_channels_become_their_mean(tmp_path: Path) -> None:
    wave_ = tone(1, RATE)
    same = read(write_wav(tmp_path / "same.wav", np.stack([wave_, wave_], axis=1), RATE))
    left = read(write_wav(tmp_path / "left.wav", np.stack([wave_, 0 * wave_], axis=1), RATE))
    assert np.abs(same - wave_).max() < 1e-3
    assert np.abs(left - wave_ / 2).max() < 1e-3


def test_of_channels_that_cancel_the_louder_one_is_taken(tmp_path: Path) -> None:
    wave_ = tone(1, RATE)
    reader = media.SoundReader(
        write_wav(tmp_path / "a.wav", np.stack([-0.9 * wave_, wave_], axis=1), RATE), RATE
    )
    assert np.abs(np.concatenate(list(reader)) - wave_).max() < 1e-3
    assert reader.cancelled
    assert "channel 2 of 2" in reader.note


def test_channels_without_a_layout_become_their_mean(data: Path, tmp_path: Path) -> None:
    path = data / "faults/ten-channels.wav"
    reader = media.SoundReader(path, RATE)
    (heard,) = reader
    with wave.open(str(path)) as source:
        samples = np.frombuffer(source.readframes(source.getnframes()), "<i2").reshape(-1, 10)
    assert np.abs(heard - samples.mean(axis=1) / 32768).max() < 1e-3
    assert "10 channels without a layout" in reader.note
    video = tmp_path / "a.mp4"
    media.write_video(video, numbered(25), Fraction(25), path)
    assert np.corrcoef(read(video)[:15_000], heard[:15_000])[0, 1] > 0.99


@pytest.mark.parametrize("ending", ["mkv", "ts", "mp4"])
def test_every_sample_lies_where_its_time_stamp_says(tmp_path: Path, ending: str) -> None:
    clicks = np.zeros((4 * RATE, 1))
    clicks[:: RATE // 2] = 0.9
    source = write_wav(tmp_path / "clicks.wav", clicks, RATE)
    whole, gaps = tmp_path / f"whole.{ending}", tmp_path / f"gaps.{ending}"
    ffmpeg = [media.ffmpeg_program(), "-v", "error", "-i"]
    subprocess.run([*ffmpeg, source, "-c:a", "aac", whole], check=True)
    lost = "noise=drop='eq(n,4)+eq(n,5)+eq(n,20)+eq(n,40)'"
    subprocess.run([*ffmpeg, whole, "-c", "copy", "-bsf:a", lost, gaps], check=True)
    reader = media.SoundReader(gaps, RATE)
    (late,) = reader
    before = read(whole)
    assert reader.lost == pytest.approx(4 * 1024 / RATE, abs=0.01)
    for at in range(RATE // 2, 4 * RATE - 800, RATE // 2):
        part = slice(at - 800, at + 800)
        if np.abs(late[part]).max() > 0.3:
            assert abs(int(np.abs(late[part]).argmax()) - int(np.abs(before[part]).argmax())) < RATE / 100


def test_a_video_without_sound_has_none_to_read(data: Path) -> None:
    with pytest.raises(MediaError, match="no sound") as caught:
        list(media.read_audio(data / "wild/Adverb_1.mp4", RATE))
    assert caught.value.hint


@pytest.mark.parametrize("ending", [".mp4", ".mpg"])
@pytest.mark.parametrize("seconds", [0.5, 3.0])
def test_a_written_video_has_its_frames_and_sound_of_their_length(
    tmp_path: Path, ending: str, seconds: float
) -> None:
    sound = write_wav(tmp_path / "tone.wav", tone(seconds, RATE)[:, None], RATE)
    path = tmp_path / f"made{ending}"
    assert media.write_video(path, numbered(50), Fraction(25), sound) == 50
    assert [number_of(picture) for picture in media.FrameReader(path)] == list(range(50))
    heard = read(path)
    assert len(heard) / RATE == pytest.approx(2.0, abs=0.1)
    assert 0.3 < np.abs(heard[1600:6400]).max() < 0.55
    assert (np.abs(heard[16_000:24_000]).max() > 0.1) == (seconds > 2)
    assert sorted(tmp_path.iterdir()) == sorted([path, sound])


@pytest.mark.parametrize("ending", [".mp4", ".mpg"])
def test_a_written_video_has_its_sound_in_step(tmp_path: Path, ending: str) -> None:
    click = np.zeros((3 * RATE, 1))
    click[RATE : RATE + 32] = 0.9
    dark = np.zeros((64, 96, 3), np.uint8)
    frames = [dark + np.uint8(255 * (at == 25)) for at in range(50)]
    path = tmp_path / f"made{ending}"
    media.write_video(path, frames, Fraction(25), write_wav(tmp_path / "click.wav", click, RATE))
    brightness = [picture.mean() for picture in media.FrameReader(path)]
    sound = read(path, start=media.probe(path).video_start)
    assert int(np.argmax(brightness)) == 25
    assert int(np.abs(sound).argmax()) / RATE == pytest.approx(1.0, abs=0.005)


def test_no_frames_make_no_video(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no frames"):
        media.write_video(tmp_path / "a.mp4", [], Fraction(25))
    assert not list(tmp_path.iterdir())


def test_a_failed_writing_leaves_the_old_video(tmp_path: Path) -> None:
    def breaking() -> Iterator[media.Picture]:
        yield from numbered(5)
        raise RuntimeError("no more frames")

    path = tmp_path / "a.mp4"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="no more frames"):
        media.write_video(path, breaking(), Fraction(25))
    with pytest.raises(MediaError, match=r"a\.mp4") as caught:
        media.write_video(path, numbered(5), Fraction(25), sound=tmp_path / "none.wav")
    assert caught.value.hint
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_video_cannot_be_written_where_there_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(MediaError) as caught:
        media.write_video(tmp_path / "none" / "a.mp4", numbered(5), Fraction(25))
    assert caught.value.hint


def test_a_converted_frame_holds_no_threads(data: Path) -> None:
    with av.open(str(data / "grid/s1/bbaf2n.mpg")) as container:
        frame = next(container.decode(video=0))
        before = set(Path("/proc/self/task").iterdir())
        pixels.upright(frame, None)
        pixels.emptiness(frame)
        assert set(Path("/proc/self/task").iterdir()) == before


@pytest.mark.parametrize("aspect", [Fraction(1, 53_676), Fraction(60_000), Fraction(0)])
def test_pixels_of_a_shape_that_no_camera_has_are_taken_as_square(aspect: Fraction) -> None:
    frame = av.VideoFrame.from_ndarray(np.full((288, 360, 3), 90, np.uint8), format="rgb24")
    assert pixels.upright(frame, aspect).shape == (288, 360, 3)
