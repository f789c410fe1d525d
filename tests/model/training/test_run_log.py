"""What a run leaves to be read: curves that survive a stop, pictures, films with sound."""

import io
import json
import logging
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageSequence
from support.comments import comment
from support.model_shards import FPS, SAMPLE_RATE, WINDOW, draw_faces, make_sound
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from s2f.model.training import samples
from s2f.model.training.config import TrainParams
from s2f.model.training.curves import CURVES, METRICS, read_metrics
from s2f.model.training.report import About
from s2f.model.training.run_log import RunLog
from s2f.model.training.samples import Example, join_windows
from s2f.model.training.validation import Validation
from s2f.pipeline.core import media
from s2f.pipeline.core.shards import Media
from s2f.pipeline.core.windows import cut_windows, loudness, samples_for, window_size, window_starts

MEDIA = Media(FPS, SAMPLE_RATE)
ABOUT = About("out/drawn", 5, MEDIA, "cpu", TrainParams())


def example(frames: int = 12, seed: int = 0) -> Example:
    """A drawn clip; what stands for the generated frames is its negative."""
    starts = window_starts(frames, FPS, SAMPLE_RATE, WINDOW)
    windows = cut_windows(make_sound(frames, seed), starts, WINDOW)
    real = draw_faces(loudness(windows), seed)
    return Example(real, 255 - real, windows)


def validation(l1: float = 0.05, *examples: Example) -> Validation:
    scores = {"val/l1": l1, "val/l1_still": 0.06, "val/psnr": 25.0, "val/psnr_still": 24.0}
    return Validation(scores, examples or (example(),))


def attempt(run: Path, begin: int, *, end: int) -> None:
    """Log every step, and validate at every even one."""
    with RunLog(run, begin, ABOUT) as log:
        for step in range(begin + 1, end + 1):
            pace = {"speed/frames_per_second": 10.0, "speed/waiting": 0.1}
            log.write(step, {"generator/l1": 1 / step, **pace})
            if step % 2 == 0:
                log.write_validation(step, validation(1 / step))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def next_second() -> None:
    """TensorBoard reads its files by their names: of one second, the tenth comes before the ninth."""
    time.sleep(1.01)


def test_what_a_stopped_attempt_wrote_beyond_its_checkpoint_is_taken_out(tmp_path: Path) -> None:
    attempt(tmp_path, 0, end=6)
    first = lines(tmp_path / CURVES)
    (tmp_path / "samples" / "step-by-step.png").touch()
    next_second()
    with RunLog(tmp_path, 3, ABOUT):
        assert [row["step"] for row in lines(tmp_path / CURVES)] == [1, 2, 3]
        assert [row["step"] for row in lines(tmp_path / METRICS)] == [2]
        assert {path.stem for path in (tmp_path / "samples").iterdir()} == {
            "step-000002",
            "step-by-step",
        }
    next_second()
    attempt(tmp_path, 3, end=4)
    rows = lines(tmp_path / CURVES)
    assert rows[:3] == first[:3]
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    assert [row["step"] for row in read_metrics(tmp_path)] == [2, 4]
    assert rows[3]["seconds"] >= rows[2]["seconds"]
    board = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(point.step, point.value) for point in board.Scalars("generator/l1")] == [
        (step, pytest.approx(1 / step)) for step in (1, 2, 3, 4)
    ]


@pytest.mark.parametrize("name", [CURVES, METRICS])
def test_a_line_that_a_kill_cut_off_is_left_out(tmp_path: Path, name: str) -> None:
    attempt(tmp_path, 0, end=4)
    whole = lines(tmp_path / name)
    with (tmp_path / name).open("a") as file:
        file.write('{"step": 5, "gener')
    with RunLog(tmp_path, 5, ABOUT):
        assert lines(tmp_path / name) == whole


def test_tensorboard_has_the_strip_and_a_moving_picture(tmp_path: Path) -> None:
    attempt(tmp_path, 0, end=2)
    board = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    (strip,), (film,) = board.Images("val/strip"), board.Images("val/film")
    picture = cv2.imdecode(np.frombuffer(strip.encoded_image_string, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert np.array_equal(picture, samples.strip([example()]))
    with Image.open(io.BytesIO(film.encoded_image_string)) as moving:
        frames = [(frame.size, frame.info["duration"]) for frame in ImageSequence.Iterator(moving)]
    # Equal frames that follow each other are one that lasts longer.
    assert len(frames) > 1
    assert {size for size, _ in frames} == {(192, 128)}
    assert sum(milliseconds for _, milliseconds in frames) == 12 * 40


def test_a_strip_shows_pairs_of_rows_and_no_more_than_fits(tmp_path: Path) -> None:
    clips = (example(frames=12), example(frames=120, seed=1))
    picture = samples.strip(clips)
    assert picture.shape == (4 * 128, samples.STRIP_FRAMES * 96, 3)
    assert np.array_equal(picture[:128, 96:192], clips[0].real[5])
    assert np.array_equal(picture[128:256, 96:192], clips[0].fake[5])
    assert np.array_equal(picture[256:384, -96:], clips[1].real[95])
    assert not picture[:256, 3 * 96 :].any()


def test_a_film_has_the_real_frames_left_the_generated_ones_right_and_the_sound(tmp_path: Path) -> None:
    clips = (example(), example(seed=1))
    samples.write_film(tmp_path / "film.mp4", clips, MEDIA)
    assert comment(tmp_path / "film.mp4") == media.SYNTHETIC
    frames = list(media.FrameReader(tmp_path / "film.mp4"))
    assert len(frames) == 24
    for number, clip in ((3, clips[0]), (15, clips[1])):
        shown = cv2.resize(frames[number][-256:], (192, 128), interpolation=cv2.INTER_AREA)
        expected = np.concatenate([clip.real[3], clip.fake[3]], axis=1)
        assert np.abs(shown.astype(float) - expected).mean() < 6
    heard = np.concatenate(list(media.read_audio(tmp_path / "film.mp4", SAMPLE_RATE)))
    spoken = np.concatenate([make_sound(12, 0), make_sound(12, 1)])
    assert np.corrcoef(heard[: len(spoken)], spoken[: len(heard)])[0, 1] > 0.9


def test_a_film_that_cannot_be_written_does_not_end_the_training(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "samples" / "step-000002.mp4").mkdir(parents=True)
    with caplog.at_level(logging.WARNING), RunLog(tmp_path, 2, ABOUT) as log:
        log.write_validation(2, validation())
    assert "step 2 has no film" in caplog.text
    assert [row["step"] for row in read_metrics(tmp_path)] == [2]
    assert (tmp_path / "report.html").stat().st_size


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001)])
@pytest.mark.parametrize("seconds", [0.16, 0.2])
def test_windows_join_to_the_sound_that_they_were_cut_from(fps: Fraction, seconds: float) -> None:
    size = window_size(seconds, SAMPLE_RATE)
    sound = np.random.default_rng(0).uniform(-1, 1, samples_for(40, fps, SAMPLE_RATE)).astype(np.float32)
    windows = cut_windows(sound, window_starts(40, fps, SAMPLE_RATE, size), size)
    assert np.array_equal(join_windows(windows, Media(fps, SAMPLE_RATE)), sound)
    part = join_windows(windows[:9], Media(fps, SAMPLE_RATE))
    assert np.array_equal(part, sound[: samples_for(9, fps, SAMPLE_RATE)])
