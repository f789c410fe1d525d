"""The measures: known answers, blur, time shifts, genuine faces, and CPBD computed a second time by loops."""

import math

import cv2
import numpy as np
import pytest
from scipy import ndimage
from skimage import data as pictures
from skimage.feature import canny
from support.prepared import Prepared

from s2f.model.metrics import Frames, Values
from s2f.model.metrics.interval import bootstrap
from s2f.model.metrics.measures import FACE, IDENTITY, MEASURES, MOUTH
from s2f.model.metrics.mouth import correlation, find_points, mouth_distance, opening_correlation
from s2f.model.metrics.reconstruction import lower_l1, psnr, ssim
from s2f.model.metrics.scoring import ClipVideos, score_clip
from s2f.model.metrics.sharpness import cpbd, edge_widths, fdbm
from s2f.pipeline.core import mjpeg
from s2f.pipeline.faces import open_backend
from s2f.pipeline.faces.base import Points
from s2f.pipeline.faces.mouth import opening
from s2f.pipeline.faces.settings import DEFAULT_FACES

# Pictures that lie inside the scikit-image wheel.
STANDARD = ("camera", "astronaut", "chelsea", "coffee", "coins", "page")
BLURS = (0, 0.5, 0.8, 1.2, 2)
# Measures that need a face.
FACIAL = tuple(each.name for each in MEASURES if each.needs_face and each.group in (IDENTITY, MOUTH, FACE))
# Measures that need sound, and the reason without it.
HEARD = {
    "loudness_r": "there is no sound, or the mouth does not move",
    "silence_leak": "there is no sound, or no pause that is long enough",
}


@pytest.fixture(scope="module")
def crops(prepared_small: Prepared) -> dict[str, Frames]:
    """Aligned frames of one clip of each of three speakers, by clip id."""
    found = sorted((prepared_small.out / "artifacts/align").glob("*.avi"))
    return {path.name.partition(".")[0]: mjpeg.decode(path.read_bytes()) for path in found}


@pytest.fixture(scope="module")
def points(crops: dict[str, Frames]) -> dict[str, Points]:
    return {clip: find_points(frames, open_backend("dlib")) for clip, frames in crops.items()}


def standard(name: str, blur: float = 0) -> Frames:
    """A standard picture as a video of one frame."""
    picture = getattr(pictures, name)()
    colour = np.stack([picture] * 3, axis=2) if picture.ndim == 2 else picture
    return (cv2.GaussianBlur(colour, (0, 0), blur) if blur else colour)[None]


def grey_video(*greys: np.ndarray) -> Frames:
    """Grey pictures as an RGB video."""
    return np.stack([np.stack([grey.round().astype(np.uint8)] * 3, axis=2) for grey in greys])


def flat(*levels: int) -> Frames:
    return grey_video(*(np.full((128, 96), level) for level in levels))


def test_a_video_equals_itself(crops: dict[str, Frames], points: dict[str, Points]) -> None:
    for clip, frames in crops.items():
        assert psnr(frames, frames) == math.inf
        assert ssim(frames, frames) == pytest.approx(np.ones(len(frames)))
        assert lower_l1(frames, frames) == 0
        assert opening_correlation(points[clip], points[clip]) == pytest.approx(1)
        assert mouth_distance(points[clip], points[clip]) == 0


@pytest.mark.parametrize("offset", [1, 7, 100])
def test_a_constant_offset_has_the_psnr_and_the_l1_of_the_formula(offset: int) -> None:
    real = np.random.default_rng(0).integers(0, 150, (3, 128, 96, 3)).astype(np.uint8)
    for video in (real, real + offset), (real + offset, real):
        assert psnr(*video) == pytest.approx(20 * np.log10(255 / offset))
        assert lower_l1(*video) == pytest.approx(offset / 127.5)


def test_a_video_has_one_psnr_from_its_whole_error() -> None:
    assert psnr(flat(100, 100), flat(100, 120)) == pytest.approx(10 * np.log10(255**2 / 200))


def test_the_l1_is_that_of_the_lower_half() -> None:
    upper, lower = flat(0), flat(0)
    upper[:, :64], lower[:, 64:] = 255, 255
    assert lower_l1(upper, flat(0)) == 0
    assert lower_l1(lower, flat(0)) == 2


def test_ssim_of_flat_pictures_is_its_term_of_luminance() -> None:
    steady = (0.01 * 255) ** 2
    expected = [(2 * 100 * b + steady) / (100**2 + b**2 + steady) for b in (100, 120, 250)]
    assert ssim(flat(100, 100, 100), flat(100, 120, 250)) == pytest.approx(expected)


def test_noise_lowers_the_similarity(crops: dict[str, Frames]) -> None:
    real = crops["s1_bbaf2n"][:3]
    rng = np.random.default_rng(0)
    noisy = [
        np.clip(real + rng.normal(0, sigma, real.shape), 0, 255).astype(np.uint8) for sigma in (3, 9, 27)
    ]
    similar = [ssim(each, real).mean() for each in noisy]
    assert 1 > similar[0] > similar[1] > similar[2] > 0


def test_a_picture_of_waves_has_their_magnitudes_alone() -> None:
    rows, columns = np.mgrid[:128, :96]
    across, down = np.cos(2 * np.pi * 5 * columns / 96), np.cos(2 * np.pi * 9 * rows / 128)
    strong, weak = 128 + 40 * across + 40 * down, 128 + 40 * across + 0.1 * down
    found = fdbm(grey_video(np.full((128, 96), 128), strong, weak))
    assert found == pytest.approx(np.array([1, 5, 3]) / (128 * 96))


@pytest.mark.parametrize("name", STANDARD)
def test_blur_lowers_both_measures_of_sharpness(name: str) -> None:
    for measure in (fdbm, cpbd):
        found = np.concatenate([measure(standard(name, blur)) for blur in BLURS])
        assert np.all(np.diff(found) < 0), (measure, found)


def test_blur_lowers_both_on_genuine_faces(crops: dict[str, Frames]) -> None:
    for frames in crops.values():
        blurred = [
            np.stack([cv2.GaussianBlur(frame, (0, 0), blur) if blur else frame for frame in frames[::15]])
            for blur in BLURS[:-1]
        ]
        for measure in (fdbm, cpbd):
            assert np.all(np.diff([measure(each).mean() for each in blurred]) < 0)


def ramp(width: int, low: int, high: int) -> np.ndarray:
    """A picture with one vertical edge that rises evenly over so many px."""
    columns = np.interp(np.arange(96), [30, 30 + width], [low, high])
    return np.tile(columns, (128, 1))


@pytest.mark.parametrize(("low", "high", "just_noticeable"), [(10, 240, 3), (100, 150, 5)])
def test_an_edge_is_as_wide_as_its_ramp_and_sharp_up_to_the_noticeable_width(
    low: int, high: int, just_noticeable: int
) -> None:
    for width in range(2, 10):
        for grey in (ramp(width, low, high), ramp(width, high, low)):
            video = grey_video(grey)
            widths = edge_widths(video[..., 0])[0, 1:-1]
            assert set(np.unique(widths)) == {0, width}
            assert cpbd(video) == [float(width <= just_noticeable)]


def test_without_edges_there_is_no_cpbd() -> None:
    noise = np.random.default_rng(0).normal(0, 4, (128, 96))
    outside = flat(100)
    outside[:, :, 80:] = 200
    found = cpbd(np.concatenate([flat(0, 100), outside, grey_video(128 + noise)]))
    assert np.isnan(found[:3]).all()
    assert np.isfinite(found[3])


def looped_cpbd(video: Frames) -> Values:
    """The same measure of each frame again: slowly, pixel by pixel, as the paper words it."""
    return np.array([looped(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(float)) for frame in video])


def looped(grey: np.ndarray) -> float:
    gradient = ndimage.convolve(grey, [[1, 0, -1], [2, 0, -2], [1, 0, -1]], mode="nearest")
    strong = 4 * np.mean(gradient**2)
    smooth = ndimage.gaussian_filter(grey, np.sqrt(2), mode="nearest")
    slope = np.hypot(ndimage.sobel(smooth, 0, mode="nearest"), ndimage.sobel(smooth, 1, mode="nearest"))
    upper = np.quantile(slope, 0.7)
    edges = canny(grey, np.sqrt(2), 0.4 * upper, upper, mode="nearest")
    height, width = grey.shape
    percents = []
    for top in range(0, height // 64 * 64, 64):
        for left in range(0, width // 64 * 64, 64):
            block = (slice(top, top + 64), slice(left, left + 64))
            if edges[block].sum() <= 0.002 * 64 * 64:
                continue
            w_jnb = 5 if np.ptp(grey[block]) <= 50 else 3
            for row in range(max(1, top), min(height - 1, top + 64)):
                for column in range(max(1, left), min(width - 1, left + 64)):
                    if gradient[row, column] ** 2 > strong and is_peak(gradient**2, row, column):
                        w = marziliano(grey, row, column)
                        if w:
                            percents.append(round(100 * (1 - np.exp(-((w / w_jnb) ** 3.6)))))
    return np.mean([percent <= 63 for percent in percents]) if percents else math.nan


def is_peak(strength: np.ndarray, row: int, column: int) -> bool:
    here = strength[row, column]
    across = strength[row, column - 1] <= here > strength[row, column + 1]
    return across or strength[row - 1, column] <= here > strength[row + 1, column]


def marziliano(grey: np.ndarray, row: int, column: int) -> int:
    """From the dark foot of an edge to its bright one, along the row; 0 for an edge that lies slanted."""
    across = grey[row, column + 1] - grey[row, column - 1]
    down = grey[row + 1, column] - grey[row - 1, column]
    slant = math.degrees(math.atan2(down, across))
    if across == 0 or 22.5 < abs(slant) < 157.5:
        return 0
    rise = 1 if across > 0 else -1
    feet = []
    for step in (-1, 1):
        at = column + step
        while 0 <= at + step < grey.shape[1] and step * rise * (grey[row, at + step] - grey[row, at]) > 0:
            at += step
        feet.append(at)
    return feet[1] - feet[0]


def test_cpbd_equals_its_computation_by_loops(crops: dict[str, Frames]) -> None:
    faces = np.concatenate([frames[::30] for frames in crops.values()])
    found = cpbd(faces)
    assert found == pytest.approx(looped_cpbd(faces), abs=1e-9)
    assert found.std() > 0
    for name, blur in (("chelsea", 0.0), ("coins", 1.0), ("page", 0.8)):
        part = standard(name, blur)[:, 10:185, 20:250]
        assert cpbd(part) == pytest.approx(looped_cpbd(part), abs=1e-9)
    quiet = np.clip(standard("camera")[:, :200, 100:300] * 0.15 + 100, 0, 255).astype(np.uint8)
    assert cpbd(quiet) == pytest.approx(looped_cpbd(quiet), abs=1e-9)


def test_genuine_grid_is_as_sharp_as_the_paper_is_recalled_to_report(crops: dict[str, Frames]) -> None:
    """About .121 and .281 over GRID; speakers differ."""
    each = np.array([(fdbm(frames[::5]).mean(), cpbd(frames[::5]).mean()) for frames in crops.values()])
    assert each.mean(axis=0) == pytest.approx([0.121, 0.281], rel=0.35)
    assert each[:, 0].min() > 0.08


def test_a_mouth_that_comes_late_correlates_less(points: dict[str, Points]) -> None:
    for found in points.values():
        late = [opening_correlation(np.roll(found, shift, axis=0), found) for shift in (0, 1, 2, 4)]
        assert late[0] == pytest.approx(1)
        assert np.all(np.diff(late) < 0), late


def test_the_distance_of_two_mouths_is_in_px(points: dict[str, Points]) -> None:
    found = points["s1_bbaf2n"]
    elsewhere = found.copy()
    elsewhere[:, 48:] += (3, 4)
    elsewhere[:, :48] += 50
    assert mouth_distance(elsewhere, found) == pytest.approx(5, abs=1e-4)
    elsewhere[::2] = np.nan
    assert mouth_distance(elsewhere, found) == pytest.approx(5, abs=1e-4)
    assert math.isnan(mouth_distance(np.full_like(found, np.nan), found))


def test_correlation_by_hand() -> None:
    ticks = np.arange(5, dtype=np.float32)
    assert correlation(ticks, 3 - 2 * ticks) == pytest.approx(-1)
    nan = np.float32(np.nan)
    gaps = np.array([nan, 1, 2, 9], np.float32), np.array([5, 1, 2, nan], np.float32)
    assert correlation(*gaps) == pytest.approx(1)
    assert math.isnan(correlation(ticks, np.ones(5, np.float32)))
    assert math.isnan(correlation(ticks[:1], ticks[:1]))


def test_points_are_found_where_there_is_a_face(crops: dict[str, Frames], points: dict[str, Points]) -> None:
    assert all(np.isfinite(found).all() for found in points.values())
    noise = np.random.default_rng(0).integers(0, 255, (6, 128, 96, 3)).astype(np.uint8)
    assert np.isnan(find_points(noise, open_backend("dlib"))).all()
    assert np.isfinite(find_points(crops["s1_bbaf2n"][:1], open_backend("dlib"))).all()


def test_the_scores_of_a_clip(crops: dict[str, Frames], points: dict[str, Points]) -> None:
    real = crops["s1_bbaf2n"]
    late = np.roll(real, 2, axis=0)
    found = score_clip(ClipVideos("a", real, {"same": real, "late": late}), DEFAULT_FACES)
    assert (found.clip_id, found.frames) == ("a", len(real))
    # They need sound.
    assert {each.measure for each in found.missing} == {"loudness_r", "silence_leak"}
    assert found.scores.keys() == {"same", "late", "still", "real"}
    same, still = found.scores["same"], found.scores["still"]
    assert same["psnr"] == math.inf
    assert (same["ssim"], same["mouth_r"]) == pytest.approx((1, 1))
    assert (same["mouth_px"], same["l1"]) == (0, 0)
    moved = np.roll(points["s1_bbaf2n"], 2, axis=0)
    assert found.scores["late"]["mouth_r"] == pytest.approx(opening_correlation(moved, points["s1_bbaf2n"]))
    assert still["psnr"] == psnr(np.repeat(real[:1], len(real), axis=0), real)
    assert still["fdbm"] == pytest.approx(fdbm(real[:1])[0])
    assert "mouth_r" not in still
    assert still["mouth_px"] > 0
    expected = {"fdbm": fdbm(real).mean(), "cpbd": cpbd(real).mean()}
    assert {name: found.scores["real"][name] for name in expected} == pytest.approx(expected)
    for name in ("acd", "blinks", "blink_s"):
        assert same[name] == found.scores["real"][name] > 0
    assert found.openings.keys() == {"same", "late", "real"}
    assert found.openings["late"] == pytest.approx(opening(moved))


def test_what_cannot_be_measured_is_named_with_its_reason(crops: dict[str, Frames]) -> None:
    real = crops["s1_bbaf2n"][:6]
    made = {"grey": np.full_like(real, 128), "frozen": np.repeat(real[:1], 6, axis=0)}
    found = score_clip(ClipVideos("a", real, made), DEFAULT_FACES)
    assert {(each.video, each.measure, each.reason) for each in found.missing} == {
        ("grey", "cpbd", "no edge is found"),
        *(("grey", name, "no face is found in its frames") for name in FACIAL),
        ("frozen", "mouth_r", "the mouth does not move"),
        *((video, *each) for video in ("frozen", "real") for each in HEARD.items()),
    }
    assert math.isnan(found.scores["grey"]["cpbd"])
    faceless = score_clip(ClipVideos("b", np.full_like(real, 128), {"good": real}), DEFAULT_FACES)
    assert ("good", "mouth_r", "no face is found in the real frames") in {
        (each.video, each.measure, each.reason) for each in faceless.missing
    }


def test_the_interval_of_a_mean() -> None:
    values = np.random.default_rng(0).normal(20, 3, 400)
    found = bootstrap(values)
    reach = 1.96 * values.std() / 20
    assert found.mean == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx((found.mean - reach, found.mean + reach), abs=reach / 10)
    assert (bootstrap(values), found.clips) == (found, 400)
    assert bootstrap(values, seed=1).low != found.low
    unknown = bootstrap(np.array([5, np.nan, 5, 5]))
    assert (unknown.mean, unknown.low, unknown.high, unknown.clips) == (5, 5, 5, 3)


def test_too_few_clips_for_an_interval() -> None:
    one, none = bootstrap(np.array([4.0, np.nan])), bootstrap(np.array([np.nan]))
    assert (one.mean, one.clips, none.clips) == (4, 1, 0)
    assert all(math.isnan(value) for value in (one.low, one.high, none.mean, none.low, none.high))
    assert bootstrap(np.array([math.inf, math.inf, 30])).high == math.inf
