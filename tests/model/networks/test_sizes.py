"""Faces of any size: depth follows from it, and the papers' size gives the papers' networks."""

import json
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from support.model_runs import RATE, SMALL, WINDOW, make_generator

from s2f.model.evaluation.learned.lipreading.mouths import cut_mouths
from s2f.model.evaluation.learned.sync.network import lower_half
from s2f.model.inference.runtime import prepare
from s2f.model.networks.discriminators import DISCRIMINATORS, Sizes
from s2f.model.networks.generator import Generator, face_size
from s2f.model.networks.layers import layer_channels, smallest
from s2f.model.networks.losses import mouth_region
from s2f.pipeline import faces
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.media import FrameReader
from s2f.pipeline.faces.alignment import crop, photo_points, similarity
from s2f.pipeline.faces.mouth import crop_points

Crops = dict[int, npt.NDArray[np.uint8]]

SIZES = [(128, 96), (256, 192), (384, 288), (512, 384)]


@pytest.mark.parametrize(
    ("size", "channels", "left"),
    [
        ((128, 96), [4, 8, 16, 32, 64], (4, 3)),
        ((64, 96), [4, 8, 16, 32, 64], (2, 3)),
        ((256, 192), [4, 8, 16, 32, 64, 64], (4, 3)),
        ((384, 288), [4, 8, 16, 32, 64], (12, 9)),
        ((512, 384), [4, 8, 16, 32, 64, 64, 64], (4, 3)),
    ],
)
def test_a_picture_is_halved_as_often_as_that_goes(
    size: tuple[int, int], channels: list[int], left: tuple[int, int]
) -> None:
    assert layer_channels(4, size) == channels
    assert smallest(size) == left


@pytest.mark.parametrize("size", SIZES)
def test_generator_and_its_prepared_form_make_frames_of_that_size(size: tuple[int, int]) -> None:
    generator = make_generator(size=size, blend=True).eval()
    again = Generator(**json.loads(json.dumps(generator.arguments)))
    again.load_state_dict(generator.state_dict())
    still, windows = torch.rand(1, 3, *size) * 2 - 1, torch.rand(1, 2, WINDOW) - 0.5
    noise = torch.randn(1, 2, generator.noise_size + generator.blinks)
    with torch.inference_mode():
        frames = generator(still, windows, noise)
        assert frames.shape == (1, 2, 3, *size)
        assert torch.equal(again.eval()(still, windows, noise), frames)
        assert (prepare(generator)(still, windows, noise) - frames).abs().max() < 1e-4


@pytest.mark.parametrize("halves", [False, True])
@pytest.mark.parametrize("sequence", ["audiovisual", "video"])
@pytest.mark.parametrize("size", SIZES[:3])
def test_all_discriminators_judge_faces_of_that_size(
    size: tuple[int, int], sequence: str, halves: bool
) -> None:
    still, frames = torch.rand(1, 3, *size), torch.rand(1, 16, 3, *size)
    for entry in DISCRIMINATORS.values():
        judge = entry.build(Sizes(2, WINDOW, RATE, 5, sequence, size, halves=halves))
        logits = judge(still, frames, torch.rand(1, 16, WINDOW))
        assert logits.ndim == 1
        assert torch.isfinite(logits).all()


def test_arguments_of_older_runs_mean_the_papers_size() -> None:
    assert Generator(**SMALL).size == (128, 96)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(96, 128), (128, 128), (100, 75), (0, 0), (64, 48)])
def test_other_sizes_are_refused_in_words(size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="take faces of 96 x 128 px") as caught:
        face_size(size)
    assert "align.size" in caught.value.hint


@pytest.fixture(scope="module")
def crops(data: Path) -> Crops:
    """A face of a large picture in three sizes, by how many times the usual one they have."""
    picture = next(iter(FrameReader(data / "grid/s1/bbaf2n.mpg", Fraction(25))))
    large = cv2.resize(picture, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    points = photo_points(large, faces.open_backend("dlib"))
    sizes = {times: (96 * times, 128 * times) for times in (1, 2, 3)}
    return {
        times: crop(large, similarity(points[None], size)[0], size)[None] for times, size in sizes.items()
    }


def test_points_of_a_crop_are_told_in_px_of_the_usual_size(crops: Crops) -> None:
    backend = faces.open_backend("dlib")
    usual, *others = (crop_points(each, backend) for each in crops.values())
    for points in others:
        assert np.abs(points - usual).mean() < 0.5


def test_lip_reader_and_sync_scorer_see_the_same_mouth_in_any_size(crops: Crops) -> None:
    mouths = [cut_mouths(each).astype(int) for each in crops.values()]
    lower = [lower_half(torch.from_numpy(each).permute(0, 3, 1, 2)[None].float()) for each in crops.values()]
    for mouth, half in zip(mouths[1:], lower[1:], strict=True):
        assert mouth.shape == (1, 40, 64)
        assert np.abs(mouth - mouths[0]).mean() < 4
        assert half.shape == (1, 1, 3, 64, 96)
        assert (half - lower[0]).abs().mean() < 4
    for wrong in ((3, 128, 128, 3), (3, 64, 48, 3), (3, 128, 96, 1), (0, 128, 96, 3), (128, 96, 3)):
        with pytest.raises(InputError, match="no aligned faces"):
            cut_mouths(np.zeros(wrong, np.uint8))
    with pytest.raises(InputError, match="no aligned faces"):
        cut_mouths(np.zeros((3, 128, 96, 3), np.float32))  # type: ignore[arg-type]


def test_the_losses_look_at_the_same_mouth_in_any_size(crops: Crops) -> None:
    for times, each in crops.items():
        assert mouth_region(torch.from_numpy(each).permute(0, 3, 1, 2)).shape == (
            1,
            3,
            44 * times,
            60 * times,
        )
