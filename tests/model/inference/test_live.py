"""Live animation: frames while the sound still comes, a film that plays, and clean ends."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from support.comments import comment
from support.model_runs import RATE, make_generator, make_related, write_run
from support.model_shards import draw_faces, make_sound
from support.prepared import Command

from s2f.model.inference.animate import generate
from s2f.model.inference.live import animate_live, to_sound
from s2f.model.inference.runtime import load_prepared
from s2f.pipeline.core import wav
from s2f.pipeline.core.errors import InputError, OutputError
from s2f.pipeline.core.media import SYNTHETIC

FRAME = 96 * 128 * 3
PROGRAM = Path(sys.executable).with_name("s2f")
# What a frame's window of 0.16 s reaches beyond the frame's 0.04 s, in bytes of PCM.
AHEAD = 2 * RATE * 60 // 1000
PER_FRAME = 2 * RATE // 25


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("run"), make_generator())


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("image") / "face.png"
    cv2.imwrite(str(path), draw_faces(np.array([-10], np.float32), 0)[0][:, :, ::-1])
    return path


def make_pcm(frames: int) -> bytes:
    return wav.encode(make_sound(frames, 0), RATE)[44:]


@contextmanager
def streaming(run: Path, image: Path, form: str) -> Iterator[subprocess.Popen[bytes]]:
    """`s2f animate --stream` with pipes for all three of its streams."""
    command = [PROGRAM, "animate", "--stream", "--image", image, "--aligned", "--run", run]
    command += ["--out", "-", "--format", form]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, bufsize=0, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        try:
            yield process
        finally:
            process.kill()


def read_exactly(source: int, size: int) -> bytes:
    data = b""
    while len(data) < size and (some := os.read(source, size - len(data))):
        data += some
    return data


def read_all(source: int) -> bytes:
    return b"".join(iter(lambda: os.read(source, 1 << 16), b""))


@pytest.mark.slow
def test_frames_come_while_the_sound_still_comes(run: Path, image: Path) -> None:
    pcm, made = make_pcm(20), b""
    with streaming(run, image, "rgb24") as process:
        assert process.stdin and process.stdout and process.stderr
        sent = 0
        # Each frame needs its own sound and what its window reaches beyond it, and no more.
        for frame in range(17):
            begin, sent = sent, (frame + 1) * PER_FRAME + AHEAD
            process.stdin.write(pcm[begin:sent])
            made += read_exactly(process.stdout.fileno(), FRAME)
            assert len(made) == (frame + 1) * FRAME
        process.stdin.write(pcm[sent:])
        process.stdin.close()
        made += read_all(process.stdout.fileno())
        assert process.wait() == 0
        said = "standard output: 0.80 s of video, 20 frames at 25 per second"
        assert process.stderr.read().decode().strip() == said
    frames = np.frombuffer(made, np.uint8).reshape(-1, 128, 96, 3)
    face = np.asarray(draw_faces(np.array([-10], np.float32), 0)[0])
    sound = np.frombuffer(pcm, "<i2") / np.float32(32768)
    talker = load_prepared(run, torch.device("cpu"))
    wanted = np.stack(list(generate(talker, face, [sound], torch.device("cpu"), seed=0)))
    assert frames.shape == wanted.shape
    assert abs(wanted.astype(int) - frames).max() <= 1


def test_fragments_come_while_the_sound_still_comes(run: Path, image: Path, tmp_path: Path) -> None:
    fifo, film = tmp_path / "live", tmp_path / "film.mp4"
    os.mkfifo(fifo)
    source, target = os.pipe()
    pcm, done = make_pcm(50), []
    worker = threading.Thread(
        target=lambda: done.append(animate_live(run, image, fifo, aligned=True, source=source))
    )
    worker.start()
    reader = os.open(fifo, os.O_RDONLY)
    os.write(target, pcm[: 25 * PER_FRAME])
    data = b""
    while b"moof" not in data:
        some = os.read(reader, 1 << 16)
        assert some, "the film has ended"
        data += some
    os.write(target, pcm[25 * PER_FRAME :])
    os.close(target)
    film.write_bytes(data + read_all(reader))
    worker.join()
    os.close(reader)
    os.close(source)
    assert done[0].frames == 50
    assert comment(film) == SYNTHETIC
    with av.open(str(film)) as container:
        sound, picture = container.streams.audio[0], container.streams.video[0]
        times = [frame.time for frame in container.decode(picture)]
        assert (picture.width, picture.height, sound.codec_context.name) == (96, 128, "aac")
    assert times == pytest.approx([number / 25 for number in range(50)])
    with av.open(str(film)) as container:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert len(heard) / RATE == pytest.approx(2, abs=0.1)
    # The swelling and fading of the sound are where they were.
    level, wanted = (
        np.sqrt(np.square(each[: 31 * 1024]).reshape(31, 1024).mean(axis=1))
        for each in (heard, make_sound(50, 0))
    )
    assert np.corrcoef(level, wanted)[0, 1] > 0.98


@pytest.mark.slow
@pytest.mark.parametrize("form", ["rgb24", "mp4"])
def test_when_nobody_reads_any_more_it_ends(run: Path, image: Path, form: str) -> None:
    with streaming(run, image, form) as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdin.write(make_pcm(10))
        assert os.read(process.stdout.fileno(), 100)
        process.stdout.close()
        try:
            while process.poll() is None:
                process.stdin.write(make_pcm(5))
                time.sleep(0.02)
        except BrokenPipeError:
            pass
        assert process.wait() == 0
        assert "Traceback" not in (said := process.stderr.read().decode())
        assert said.strip().endswith("frames at 25 per second")


@pytest.mark.slow
@pytest.mark.parametrize("form", ["rgb24", "mp4"])
def test_it_can_be_interrupted(run: Path, image: Path, form: str) -> None:
    # A shell that starts tests in the background has them, and what they start, ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with streaming(run, image, form) as process:
        signal.signal(signal.SIGINT, before)
        assert process.stdin and process.stdout and process.stderr
        process.stdin.write(make_pcm(20))
        assert os.read(process.stdout.fileno(), 100)
        process.send_signal(signal.SIGINT)
        read_all(process.stdout.fileno())
        assert process.wait() == 130
        assert process.stderr.read() == b"stopped\n"


def test_pieces_of_any_length_are_the_same_sound() -> None:
    pcm = make_pcm(7)
    whole = np.frombuffer(pcm, "<i2") / np.float32(32768)
    for length in (1, 2, 333, len(pcm)):
        pieces = (pcm[begin : begin + length] for begin in range(0, len(pcm), length))
        assert np.array_equal(np.concatenate(list(to_sound(pieces, RATE, RATE))), whole)


def test_sound_of_another_rate_is_resampled() -> None:
    time = np.arange(4410 * 4) / 44_100
    pcm = (10_000 * np.sin(2 * np.pi * 440 * time)).astype("<i2").tobytes()
    pieces = (pcm[begin : begin + 1001] for begin in range(0, len(pcm), 1001))
    made = np.concatenate(list(to_sound(pieces, 44_100, RATE)))
    wanted = 10_000 / 32_768 * np.sin(2 * np.pi * 440 * np.arange(len(made)) / RATE)
    assert len(made) == pytest.approx(0.4 * RATE, abs=2)
    assert abs(made - wanted)[100:-100].max() < 0.01


def test_what_users_get_wrong(run: Path, image: Path, tmp_path: Path, s2f: Command) -> None:
    command = ("animate", "--image", image, "--aligned", "--run", run, "--out", tmp_path / "talk.mp4")
    for arguments in ((), ("--stream", "--audio", image)):
        ended = s2f(*command, *arguments)
        assert ended.code == 1
        assert "either --audio, --text or --stream" in ended.err
    assert s2f(*command, "--stream", "--format", "gif").code == 2
    source, target = os.pipe()
    os.write(target, make_pcm(3))
    os.close(target)
    with pytest.raises(OutputError, match="cannot be written"):
        animate_live(run, image, tmp_path, aligned=True, source=source)
    os.close(source)
    folder, (screen, terminal) = os.open(tmp_path, os.O_RDONLY), os.openpty()
    for silent in (folder, terminal):
        with pytest.raises(InputError, match="no sound comes in"):
            animate_live(run, image, tmp_path / "talk.mp4", aligned=True, source=silent)
    for each in (folder, screen, terminal):
        os.close(each)
    assert not (tmp_path / "talk.mp4").exists()


@pytest.mark.parametrize("name", ["tgan", "vgan"])
def test_what_makes_pieces_cannot_speak_live(name: str, image: Path, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", make_related(name))
    source, other = os.pipe()
    try:
        with pytest.raises(InputError, match="makes 16 frames at once") as caught:
            animate_live(run, image, tmp_path / "me.mp4", aligned=True, source=source)
        assert "without --stream" in caught.value.hint
    finally:
        os.close(source)
        os.close(other)
    assert not (tmp_path / "me.mp4").exists()


def test_mocogan_speaks_live(image: Path, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", make_related("mocogan"))
    source, other = os.pipe()
    os.write(other, make_pcm(6))
    os.close(other)
    made = animate_live(run, image, tmp_path / "me.rgb", form="rgb24", aligned=True, source=source)
    os.close(source)
    assert made.frames == 6
    assert (tmp_path / "me.rgb").stat().st_size == 6 * FRAME
