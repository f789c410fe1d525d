"""Which face of a clip is kept, and which piece of it."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from support.prepared import Prepared

from s2f.pipeline.core import media, wav
from s2f.pipeline.faces import mouth, open_backend, tracking
from s2f.pipeline.faces.base import Picture

FPS = Fraction(25)


@pytest.fixture(scope="module")
def covered(talking: list[Picture], data: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """A clip whose face is not seen in its first 25 frames."""
    folder = tmp_path_factory.mktemp("covered")
    (folder / "raw/ann").mkdir(parents=True)
    frames = [np.full_like(talking[0], 90)] * 25 + talking[25:]
    media.write_video(folder / "raw/ann/a.mp4", frames, FPS, data / "grid/s1/bbaf2n.mpg")
    return Prepared(folder / "raw", folder / "out")


@pytest.mark.slow
def test_a_clip_whose_face_comes_late_is_rejected_or_trimmed(covered: Prepared, data: Path) -> None:
    with pytest.raises(Exception, match="no clip is left"):
        covered.prepare()
    assert covered.ending("ann_a") == ("detect", "rejected", "face_lost")
    covered.prepare("detect.trim=true")
    row = covered.rows("detect")["ann_a"]
    assert (row["status"], row["first"], row["frames"]) == ("ok", 25, 50)
    sound = wav.decode(covered.artifact("resample", "ann_a").read_bytes())
    whole = np.concatenate(list(media.read_audio(data / "grid/s1/bbaf2n.mpg", 16_000)))
    assert len(sound) == 32_000
    shifts = {at: float(np.dot(sound[:30_000], whole[at : at + 30_000])) for at in range(15_000, 17_000, 4)}
    assert max(shifts, key=lambda at: shifts[at]) == pytest.approx(16_000, abs=40)


def test_a_face_covered_between_two_key_frames_is_noticed(talking: list[Picture]) -> None:
    """A grey card for three frames, on none of which the detector would have run."""
    covered = [picture.copy() for picture in talking]
    for picture in covered[18:21]:
        picture[100:, 80:280] = 90
    (track,), total = tracking.find_tracks(covered, open_backend("dlib"), 8, 5)
    assert total == 75
    assert sorted(set(range(75)) - set(track.frames)) == [18, 19, 20]
    confidence = track.dense(0, 75).confidence
    assert np.flatnonzero(confidence == 0).tolist() == [18, 19, 20]


@pytest.mark.slow
def test_of_two_faces_the_one_that_talks_is_kept(
    talking: list[Picture], other: list[Picture], data: Path, tmp_path: Path
) -> None:
    """One of the two is a photo: it is seen as long, but its mouth does not move."""
    (tmp_path / "raw/two").mkdir(parents=True)
    for name, pair in (("left", (talking, other[:1] * 75)), ("right", (other[:1] * 75, talking))):
        frames = [np.hstack(both) for both in zip(*pair, strict=True)]
        media.write_video(tmp_path / f"raw/two/{name}.mp4", frames, FPS, data / "grid/s1/bbaf2n.mpg")
    both = Prepared(tmp_path / "raw", tmp_path / "out")
    both.prepare("shard.split_by=utterance")
    for name, side in (("left", 0), ("right", 1)):
        row = both.rows("detect")[f"two_{name}"]
        assert (row["status"], row["faces"]) == ("ok", 2)
        assert "2 faces" in row["several_faces"]
        with np.load(both.artifact("detect", f"two_{name}"), allow_pickle=False) as track:
            assert int(track["boxes"].mean(axis=0)[[0, 2]].mean() > 360) == side
    with pytest.raises(Exception, match="no clip is left"):
        both.prepare("detect.several_faces=reject")
    assert both.ending("two_left") == ("detect", "rejected", "several_faces")


def test_mouths_talk_where_people_talk(data: Path, talking: list[Picture]) -> None:
    (track,), _ = tracking.find_tracks(talking, open_backend("dlib"), 8, 5)
    # He speaks from 0.95 to 2.1 s.
    assert 20 < mouth.talking_frames(np.stack(track.points)) < 50
    still = np.repeat(np.stack(track.points)[:1], 75, axis=0)
    assert mouth.talking_frames(still) == 0
