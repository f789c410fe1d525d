"""Animation: windows over chunk borders, one video whatever the chunks, and what users get wrong."""

import os
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from support.model_runs import RATE, WINDOW, make_generator, make_input, make_related, write_run
from support.model_shards import draw_faces, make_sound

from s2f.model.inference.animate import animate, frames_for, generate, read_face, stream_windows
from s2f.model.inference.folding import fold
from s2f.model.inference.runtime import FRAMES, load_prepared, prepare
from s2f.model.networks import weights
from s2f.model.networks.generator import Generator
from s2f.model.networks.related import RELATED
from s2f.pipeline.core import wav
from s2f.pipeline.core.errors import CheckpointError, InputError, OutputError
from s2f.pipeline.core.media import FrameReader, probe
from s2f.pipeline.core.windows import cut_windows, samples_for, window_starts

CPU = torch.device("cpu")
SIZE = (96, 128)
VARIANTS = [
    {},
    {"noise": 0},
    {"temporal": False},
    {"noise": 0, "temporal": False},
    {"window": 3200, "identity": 128},
    {"companded": True},
    {"sound": "log_mel", "dropout": 0.2, "blinks": True, "blend": True},
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("run"), make_generator())


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An aligned picture and a sound of 20 frames."""
    folder = tmp_path_factory.mktemp("material")
    cv2.imwrite(str(folder / "face.png"), draw_face()[:, :, ::-1])
    (folder / "sound.wav").write_bytes(wav.encode(make_sound(20, 0), RATE))
    return folder / "face.png", folder / "sound.wav"


def draw_face() -> npt.NDArray[np.uint8]:
    return np.asarray(draw_faces(np.array([-10], np.float32), 0)[0])


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30_000, 1001), Fraction(15, 2)])
@pytest.mark.parametrize("chunk", [1, 100, 2559, 16_000, 1_000_000])
def test_windows_over_chunk_borders_equal_those_in_one_piece(fps: Fraction, chunk: int) -> None:
    sound = np.random.default_rng(0).standard_normal(7_777 if chunk == 1 else 50_001).astype(np.float32)
    frames = frames_for(len(sound), fps, RATE)
    whole = cut_windows(sound, window_starts(frames, fps, RATE, WINDOW), WINDOW)
    chunks = (sound[begin : begin + chunk] for begin in range(0, len(sound), chunk))
    assert np.array_equal(np.concatenate(list(stream_windows(chunks, fps, RATE, WINDOW))), whole)


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30_000, 1001), Fraction(24_000, 1001)])
def test_the_sound_of_n_frames_gives_n_frames(fps: Fraction) -> None:
    for frames in range(1, 400):
        samples = samples_for(frames, fps, RATE)
        assert frames_for(samples, fps, RATE) == frames
        assert frames_for(samples + 2, fps, RATE) == frames + 1


@pytest.mark.parametrize("name", RELATED)
def test_related_work_speaks_for_longer_than_a_piece_and_longer_than_a_second(
    name: str, material: tuple[Path, Path], tmp_path: Path
) -> None:
    generator = make_related(name)
    run = write_run(tmp_path / "run", generator)
    face, _ = material
    (tmp_path / "long.wav").write_bytes(wav.encode(make_sound(40, 0), RATE))
    made = animate(run, face, tmp_path / "long.wav", tmp_path / "me.mp4", aligned=True, chunk_seconds=0.3)
    assert made.frames == len(list(FrameReader(tmp_path / "me.mp4"))) == 40
    talker = load_prepared(run, CPU)
    whole, parts = (
        np.stack(list(generate(talker, draw_face(), np.split(make_sound(40, 0), cuts), CPU, seed=3)))
        for cuts in ([], [500, 9_000, 9_100, 20_000])
    )
    assert whole.shape == (40, 128, 96, 3)
    assert abs(whole.astype(int) - parts).max() <= 1


def test_frames_do_not_depend_on_the_chunks(run: Path) -> None:
    talker = weights.load_talker(run, CPU)
    sound = make_sound(20, 0)
    whole, parts = (
        np.stack(list(generate(talker, draw_face(), np.split(sound, cuts), CPU, seed=3)))
        for cuts in ([], [500, 9_000, 9_100])
    )
    assert whole.shape == (20, 128, 96, 3)
    assert abs(whole.astype(int) - parts).max() <= 1


@pytest.mark.parametrize("way", [prepare, fold])
@pytest.mark.parametrize("changes", VARIANTS)
def test_a_prepared_generator_makes_the_same_frames(
    changes: dict[str, float], way: Callable[[Generator], Generator]
) -> None:
    generator = make_generator(**changes)
    ready = way(generator)
    source = torch.Generator().manual_seed(2)
    with torch.inference_mode():
        for clips, lengths in ((1, [1, FRAMES, 2 * FRAMES + 1]), (2, [3, 1])):
            stills, windows, noise = make_input(generator, clips, sum(lengths), source)
            wanted = generator(stills, windows, noise)
            identity, memory, made = ready.identity(stills), None, []
            for some, drift in zip(windows.split(lengths, 1), noise.split(lengths, 1), strict=True):
                frames, memory = ready.speak(identity, some, drift, memory)
                made.append(frames)
            assert wanted.std() > 0.2
            assert (torch.cat(made, dim=1) - wanted).abs().max() < 1e-4


def after_a_prepared_generator(script: str) -> None:
    """Run a script in a process in which one has made frames, and has been deleted by another thread."""
    begin = """
import os, signal, sys, threading
import torch
from support.model_runs import make_generator, make_input
from s2f.model.inference.runtime import prepare
generator = make_generator()
ready = [prepare(generator)]
with torch.inference_mode():
    ready[0](*make_input(generator, 1, 2, torch.Generator()))
deleting = threading.Thread(target=ready.clear)
deleting.start()
deleting.join()
"""
    tests = str(Path(__file__).parents[2])
    subprocess.run(
        [sys.executable, "-c", begin + script], check=True, env={**os.environ, "PYTHONPATH": tests}
    )


def test_openvino_does_not_report_to_its_makers() -> None:
    """Its module for that would do so at every import, and is told apart by its submodules."""
    after_a_prepared_generator("""
assert "openvino" in sys.modules
assert not [name for name in sys.modules if name.startswith("openvino_telemetry.")]
""")


def test_a_signal_after_the_last_prepared_generator_crashes_nothing() -> None:
    """OpenVINO would have freed the stack that the main thread has for signals."""
    after_a_prepared_generator("""
heard = []
signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
for _ in range(20):
    kept = [bytearray(1 << 16) for _ in range(100)]
    os.kill(os.getpid(), signal.SIGINT)
assert len(heard) == 20
""")


def test_to_prepare_changes_nothing_in_the_generator() -> None:
    generator = make_generator().train()
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    ready = prepare(generator)
    # Where gradients are on, too.
    ready(*make_input(generator, 1, 2, torch.Generator().manual_seed(3)))
    assert generator.training
    assert all(weight.requires_grad for weight in generator.parameters())
    after = generator.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_prepared_and_plain_runs_animate_alike(run: Path) -> None:
    sound = make_sound(2 * FRAMES + 3, 0)
    plain, prepared = (
        np.stack(list(generate(load(run, CPU), draw_face(), [sound], CPU, seed=1)))
        for load in (weights.load_talker, load_prepared)
    )
    assert plain.std() > 20
    assert abs(plain.astype(int) - prepared).max() <= 1


def test_a_video_as_long_as_the_sound(run: Path, material: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "new" / "talk.mp4"
    result = animate(run, *material, out, aligned=True, chunk_seconds=0.3)
    assert (result.path, result.frames, result.fps, result.seconds) == (out, 20, 25, 0.8)
    assert len(list(FrameReader(out))) == 20
    probed = probe(out)
    assert (probed.width, probed.height, probed.fps, probed.audio_codec) == (96, 128, 25, "aac")


def test_the_seed_chooses_the_noise(run: Path) -> None:
    talker = weights.load_talker(run, CPU)
    first, again, other = (
        np.stack(list(generate(talker, draw_face(), [make_sound(5, 0)], CPU, seed=seed)))
        for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_pictures_of_all_kinds_are_read(tmp_path: Path) -> None:
    face = draw_face()
    kinds = {
        "grey.png": cv2.cvtColor(face, cv2.COLOR_RGB2GRAY),
        "alpha.png": cv2.cvtColor(face, cv2.COLOR_RGB2BGRA),
        "deep.png": face[:, :, ::-1].astype(np.uint16) * 257,
        "large.jpg": cv2.resize(face[:, :, ::-1], (480, 640)),
    }
    for name, picture in kinds.items():
        cv2.imwrite(str(tmp_path / name), picture)
        crop = read_face(tmp_path / name, SIZE, aligned=True)
        assert crop.shape == (128, 96, 3)
        assert crop.dtype == np.uint8
    assert np.array_equal(read_face(tmp_path / "alpha.png", SIZE, aligned=True), face)


def test_a_photo_is_turned_as_its_exif_says(tmp_path: Path) -> None:
    lying = np.rot90(draw_face())
    plain = cv2.imencode(".jpg", lying[:, :, ::-1])[1].tobytes()
    # An EXIF block with one entry: orientation 6, to be turned right by 90 degrees.
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    path = tmp_path / "phone.jpg"
    path.write_bytes(plain[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + plain[2:])
    assert abs(read_face(path, SIZE, aligned=True).astype(int) - draw_face()).mean() < 5


def test_a_sound_that_is_no_numbers_is_refused_before_the_work(
    run: Path, material: tuple[Path, Path], data: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="no numbers") as caught:
        animate(run, material[0], data / "faults/nan.wav", tmp_path / "talk.mp4", aligned=True)
    assert "bits" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_what_users_get_wrong(run: Path, material: tuple[Path, Path], tmp_path: Path) -> None:
    image, sound = material
    out = tmp_path / "talk.mp4"
    text = tmp_path / "face.txt"
    text.write_text("not a picture")
    wide = tmp_path / "wide.png"
    cv2.imwrite(str(wide), np.zeros((100, 200, 3), np.uint8))
    blank = tmp_path / "blank.png"
    cv2.imwrite(str(blank), np.zeros((300, 300, 3), np.uint8))
    empty = tmp_path / "empty.png"
    empty.touch()
    for picture, message in [
        (tmp_path / "none.png", "is not a file"),
        (text, "not a picture"),
        (empty, "not a picture"),
        (wide, "200 x 100 px, which is not the 96 x 128"),
    ]:
        with pytest.raises(InputError, match=message):
            animate(run, picture, sound, out, aligned=True)
    with pytest.raises(InputError, match="no face"):
        animate(run, blank, sound, out)
    with pytest.raises(InputError, match="is not a file"):
        animate(run, image, tmp_path / "none.wav", out, aligned=True)
    with pytest.raises(InputError, match=r"face\.txt cannot be read"):
        animate(run, image, text, out, aligned=True)
    with pytest.raises(CheckpointError, match="holds no trained model"):
        animate(tmp_path, image, sound, out, aligned=True)
    with pytest.raises(InputError, match="does not end in"):
        animate(run, image, sound, tmp_path / "talk.gif", aligned=True)
    with pytest.raises(OutputError):
        animate(run, image, sound, text / "talk.mp4", aligned=True)
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        animate(run, image, sound, tmp_path / "folder.mp4", aligned=True)
    assert not out.exists()
