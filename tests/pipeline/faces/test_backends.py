"""The face backends: one class of tests for all of them, and how far they agree."""

import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from support.prepared import Command, Prepared, copy_clips

from s2f.pipeline.audit.measures import face
from s2f.pipeline.core import files, media, mjpeg
from s2f.pipeline.core.errors import InputError, MissingError
from s2f.pipeline.faces import BACKENDS, identity, mediapipe_model, mouth, open_backend, tracking
from s2f.pipeline.faces.base import STABLE, Backend, Picture, Points

CLIPS = ("s1/bbaf2n", "s2/pwij3p", "s3/sbia1a", "s5/lbax4n", "s10/bbab8n", "s20/brbk7n", "s22/lbbc2a")
MOUTH_AND_EYES = range(36, 68)


@pytest.fixture(scope="module")
def model(data: Path) -> Path:
    path = Path(os.environ.get("S2F_MODELS", data.parent / "models")) / mediapipe_model.NAME
    assert files.sha256(path) == mediapipe_model.SHA256
    return path


@pytest.fixture(scope="module", params=BACKENDS)
def backend(request: pytest.FixtureRequest, model: Path) -> Backend:
    return open_backend(request.param, 640, str(model))


def eyes(points: Points) -> float:
    """Distance of the outer eye corners."""
    return float(np.linalg.norm(points[36] - points[45]))


class TestBackend:
    def test_finds_the_one_face(self, backend: Backend, talking: list[Picture]) -> None:
        (face,) = backend.detect(talking[0])
        points = backend.points(talking[0], face.box)
        assert points is not None and points.shape == (68, 2)
        left, top, right, bottom = face.box
        assert left - 5 < points[36, 0] < points[33, 0] < points[45, 0] < right + 5
        assert top < points[36, 1] < points[33, 1] < points[62, 1] < points[8, 1] < bottom + 20

    def test_finds_nothing_where_there_is_no_face(self, backend: Backend, data: Path) -> None:
        for picture in islice(media.FrameReader(data / "wild/no_face.mp4"), 0, 90, 30):
            assert backend.detect(picture) == []

    def test_follows_a_face_through_a_clip(self, backend: Backend, talking: list[Picture]) -> None:
        (track,), total = tracking.find_tracks(talking, backend, 8, 5)
        assert (total, track.longest_gap(total)) == (75, 0)

    def test_takes_pictures_that_are_not_contiguous(self, backend: Backend, talking: list[Picture]) -> None:
        padded = np.zeros((288, 400, 3), np.uint8)
        padded[:, :360] = talking[0]
        (face,), (same,) = backend.detect(talking[0]), backend.detect(padded[:, :360])
        assert np.abs(face.box - same.box).max() < 1

    def test_finds_mouth_and_identity_in_aligned_crops(
        self, backend: Backend, prepared_small: Prepared
    ) -> None:
        crops = {
            path.name[:2]: mjpeg.decode(path.read_bytes())[::8]
            for path in sorted((prepared_small.out / "artifacts/align").glob("*.avi"))
        }
        for frames in crops.values():
            opening = mouth.mouth_opening(frames, backend)
            assert np.isfinite(opening).mean() > 0.8
            assert 2 < np.nanmax(opening) < 20
        embeddings = {speaker: identity.embed(frames, backend) for speaker, frames in crops.items()}
        middles = {speaker: np.nanmean(each, axis=0) for speaker, each in embeddings.items()}
        for speaker, each in embeddings.items():
            assert np.nanmax(np.linalg.norm(each - middles[speaker], axis=1)) < 0.4
            for other in middles.keys() - {speaker}:
                assert np.linalg.norm(middles[speaker] - middles[other]) > 0.5


def test_where_mediapipe_sees_no_face_figures_are_nan(model: Path) -> None:
    backend, grey = open_backend("mediapipe", 640, str(model)), np.full((2, 128, 96, 3), 128, np.uint8)
    assert np.isnan(mouth.mouth_opening(grey, backend)).all()
    assert np.isnan(identity.embed(grey, backend)).all()
    assert face.one_embedding(grey, backend) is None


def test_mediapipe_has_nothing_to_say_when_python_ends(model: Path) -> None:
    """As it has where what is kept to the end, as by pytest, is deleted after the modules that it needs."""
    test = f"{__file__}::{test_where_mediapipe_sees_no_face_figures_are_nan.__name__}"
    command = [sys.executable, "-m", "pytest", "-q", test]
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_XDIST_WORKER"}
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert ended.returncode == 0, ended.stdout
    assert "__del__" not in ended.stdout + ended.stderr


@pytest.mark.slow
def test_the_backends_agree_on_the_stable_points(data: Path, model: Path) -> None:
    dlib, mediapipe = open_backend("dlib"), open_backend("mediapipe", 640, str(model))
    distances = []
    for name in CLIPS:
        for picture in islice(media.FrameReader(data / f"grid/{name}.mpg"), 0, 75, 15):
            first, second = (each.points(picture, each.detect(picture)[0].box) for each in (dlib, mediapipe))
            assert first is not None and second is not None
            distances.append(np.linalg.norm(first - second, axis=1) / eyes(first))
    median = np.median(np.stack(distances), axis=0)
    assert median[list(STABLE)].mean() < 0.03
    assert median[list(MOUTH_AND_EYES)].max() < 0.12


def test_without_its_model_mediapipe_names_three_ways(
    data: Path, tmp_path: Path, s2f: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("S2F_MODELS", raising=False)
    raw = copy_clips(data, tmp_path / "raw", "s1/bbaf2n")
    ended = s2f("prep", raw, "--out", tmp_path / "out", "--set", "detect.backend=mediapipe")
    assert ended.code == 1 and "Traceback" not in ended.err
    for way in ("s2f models fetch", "S2F_MODELS", "detect.model"):
        assert way in ended.err


def test_the_model_is_found_by_name_by_folder_and_in_the_cache(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("S2F_MODELS", raising=False)
    assert mediapipe_model.face_landmarker(str(model)) == model
    with pytest.raises(MissingError):
        mediapipe_model.face_landmarker()
    monkeypatch.setenv("S2F_MODELS", str(model.parent))
    assert mediapipe_model.face_landmarker() == model


def test_a_fetched_model_is_checked(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(InputError, match="SHA-256"):
        mediapipe_model.fetch((Path(__file__)).as_uri())
    assert not list(tmp_path.rglob("*.task*"))
    assert mediapipe_model.fetch(model.as_uri()) == mediapipe_model.cache() / mediapipe_model.NAME
    assert files.sha256(mediapipe_model.face_landmarker()) == mediapipe_model.SHA256
