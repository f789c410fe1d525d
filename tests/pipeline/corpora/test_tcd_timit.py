"""The TCD-TIMIT way, on a tree re-encoded from GRID clips: 1080p, 30000/1001 frames/s, 48 kHz."""

import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from support.prepared import Prepared

from s2f.pipeline.core import media, windows
from s2f.pipeline.core.mjpeg import decode
from s2f.pipeline.faces import mouth, open_backend

NTSC = Fraction(30000, 1001)


@pytest.fixture(scope="module")
def tcd(slow: None, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("tcd")
    for grid, name in (
        ("s1/bbaf2n", "volunteers/01M/Clips/straightcam/sa1.mp4"),
        ("s2/pwij3p", "lipspeakers/Lipspkr1/Clips/straightcam/si1.mp4"),
    ):
        target = folder / "raw" / name
        target.parent.mkdir(parents=True)
        size = "scale=1350:1080:flags=bicubic,pad=1920:1080:(ow-iw)/2:0,setsar=1"
        codecs = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "16", "-c:a", "aac", "-ar", "48000"]
        source = ["-i", data / "grid" / f"{grid}.mpg", "-vf", f"{size},fps=30000/1001"]
        subprocess.run([media.ffmpeg_program(), "-v", "error", *source, *codecs, target], check=True)
    prepared = Prepared(folder / "raw", folder / "out")
    prepared.prepare("shard.split_by=utterance")
    return prepared


def test_every_clip_is_kept_at_the_target_rate(tcd: Prepared) -> None:
    assert {row["corpus"] for row in tcd.rows("scan").values()} == {"tcd_timit"}
    for row in tcd.rows("scan").values():
        assert (row["width"], row["height"], row["source_rate"]) == (1920, 1080, 48000)
        assert row["source_fps"] == pytest.approx(29.97, abs=0.01)
    assert {row["frames"] for row in tcd.rows("detect").values()} == {75}
    assert all(row["status"] == "ok" for row in tcd.rows("window").values())


def test_crops_are_cut_from_the_full_picture(tcd: Prepared, prepared_grid: Prepared) -> None:
    """A reduced one would give a face of a third of the width, and a scale above that."""
    row = tcd.rows("detect")["01M_sa1"]
    assert row["face_px"] > 350
    assert tcd.rows("align")["01M_sa1"]["scale"] < 0.3
    large, small = (
        decode(each.artifact("align", clip_id).read_bytes())
        for each, clip_id in ((tcd, "01M_sa1"), (prepared_grid, "s1_bbaf2n"))
    )
    assert np.abs(large[10].astype(int) - small[10]).mean() < 8
    openings = [mouth.mouth_opening(frames, open_backend("dlib")) for frames in (large, small)]
    assert np.corrcoef(openings)[0, 1] > 0.9


def test_a_minute_at_29_97_does_not_drift(tmp_path: Path) -> None:
    """Each frame shows its own number in its brightness; the k-th on the grid is that of k / 25 s."""
    video, count = tmp_path / "minute.mp4", 1798
    shades = [np.full((16, 16, 3), 16 + 6 * (number % 37), np.uint8) for number in range(37)]
    media.write_video(video, (shades[number % 37] for number in range(count)), NTSC)
    for number, picture in enumerate(media.FrameReader(video, Fraction(25))):
        nearest = number / Fraction(25) * NTSC
        shown = round((float(picture.mean()) - 16) / 6)
        away = min((shown - source) % 37 for source in (int(nearest), int(nearest) + 1))
        assert away == 0 or abs(nearest - round(nearest)) == Fraction(1, 2), number
    assert number + 1 == pytest.approx(60 * 25, abs=1)
    starts = windows.window_starts(count, NTSC, 16_000, 2560)
    exact = [(index + Fraction(1, 2)) / NTSC * 16_000 - 1280 for index in range(count)]
    assert max(abs(start - wanted) for start, wanted in zip(starts.tolist(), exact, strict=True)) <= 0.5
