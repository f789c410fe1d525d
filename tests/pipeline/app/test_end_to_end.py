"""The whole way by the commands: raw videos → shards → training → a video that plays."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.prepared import call

from s2f.pipeline.app.tour import held_out
from s2f.pipeline.core import media
from s2f.pipeline.core.pictures import encode_png
from s2f.pipeline.demo import corpus, speech

pytestmark = pytest.mark.slow

SMALL = ["train.width=8", "train.batch=2", "train.frames=8", "train.workers=0", "train.validation_frames=20"]
STEPS = ["train.steps=6", "train.validate_every=3", "train.save_every=3"]


def by_program(*arguments: object) -> None:
    """Run a command as a person would."""
    program = Path(sys.executable).with_name("s2f")
    done = subprocess.run(
        [program, *map(str, arguments)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def in_process(*arguments: object) -> None:
    """Run a command in this process, which has loaded everything already."""
    assert call(*arguments) == 0


def settings(*values: str) -> list[str]:
    return [part for value in values for part in ("--set", value)]


@pytest.fixture(scope="module")
def demo_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    raw = tmp_path_factory.mktemp("demo") / "raw"
    corpus.make_corpus(raw, speakers=2, clips=2)
    return raw


def check_way(raw: Path, work: Path, audio: Path, prep: list[str], s2f: Callable[..., None]) -> None:
    """prep → audit → train → resume → animate by `s2f`; the video has the sound's length and plays."""
    out, run, video = work / "out", work / "run", work / "talk.mp4"
    in_process("prep", raw, "--out", out, *prep)
    in_process("audit", out)
    audit = json.loads((out / "audit/audit.json").read_text())
    assert audit["kept"] == audit["clips"] > 0
    in_process("train", out, "--run", run, *settings(*SMALL, *STEPS))
    in_process("train", out, "--run", run, "--resume", *settings(*SMALL, *STEPS, "train.steps=9"))
    steps = [json.loads(line)["step"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert steps == [3, 6, 9]
    photo = work / "photo.png"
    clip = sorted(path for path in raw.rglob("*.mpg"))[0]
    photo.write_bytes(encode_png(next(iter(media.FrameReader(clip)))))
    s2f("animate", "--image", photo, "--audio", audio, "--run", run, "--out", video)
    check_video(video, audio)


def check_video(video: Path, audio: Path) -> None:
    head = media.probe(video)
    # The whole photo.
    assert (head.width, head.height, head.fps) == (360, 288, 25)
    assert (head.video_codec, head.audio_codec) == ("h264", "aac")
    heard = sum(len(piece) for piece in media.read_audio(audio, 16000, chunk_seconds=5)) / 16000
    frames = [frame.astype(np.int16) for frame in media.FrameReader(video)]
    assert len(frames) == pytest.approx(heard * 25, abs=1.01)
    written = sum(len(piece) for piece in media.read_audio(video, 16000)) / 16000
    assert written == pytest.approx(heard, abs=0.1)
    assert np.std(frames[0]) > 1


def test_demo_corpus_to_talking_face(demo_corpus: Path, tmp_path: Path) -> None:
    sound = tmp_path / "unseen.wav"
    speech.speak_to_wav(corpus.spoken(held_out(4)), sound)
    shares = "shard.shares={train: 0.5, val: 0.5, test: 0}"
    check_way(demo_corpus, tmp_path, sound, settings("shard.split_by=utterance", shares), by_program)


def test_grid_to_talking_face(data: Path, tmp_path: Path) -> None:
    train, val = ["s5", "s10"], ["s3"]
    splits = settings(f"shard.train={train}", f"shard.val={val}")
    chosen = ["--speakers", ",".join(train + val)]
    check_way(data / "grid", tmp_path, data / "audio" / "jfk.flac", [*splits, *chosen], in_process)
