"""Files damaged at random: no crash, no hang, nothing unforeseen; each is used, or has a reason of its own.

So many files are tried as S2F_FUZZ says, from the number S2F_FUZZ_FIRST on; `make fuzz` tries ten thousand.
"""

import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from support import mutations
from support.prepared import Command

from s2f.model.inference.animate import read_photo
from s2f.pipeline.core.errors import S2fError
from s2f.pipeline.core.executors import WorkerLostError, open_executor
from s2f.pipeline.core.media import check_sound
from s2f.pipeline.stages import load_stages

COUNT = int(os.environ.get("S2F_FUZZ", "300"))
FIRST = int(os.environ.get("S2F_FUZZ_FIRST", "0"))
SEED = 1
# Files that were broken, or crashed, before they had a reason.
VIDEOS, SOUNDS = (747, 3455, 4223), (965,)
# Seconds for one file; the slowest needs about one.
LIMIT = 60

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60 + 2 * COUNT)]


@pytest.fixture(scope="module")
def clip(data: Path) -> Path:
    return data / "grid/s1/bbaf2n.mpg"


def numbers(tenths: int, *found: int) -> list[int]:
    """The numbers of the files of a kind, which is so many tenths of all, and of those once found wanting."""
    return sorted({*range(FIRST * tenths // 10, (FIRST + COUNT) * tenths // 10), *found})


def use_photo(path: Path) -> str:
    """Find the face of a photo; the error in words, or nothing."""
    try:
        read_photo(path, (96, 128))
    except S2fError as error:
        return f"{error.message} {error.hint}"
    return ""


def use_sound(path: Path) -> str:
    """Read a sound to its end; the error in words, or nothing."""
    try:
        check_sound(path, 16_000)
    except S2fError as error:
        return f"{error.message} {error.hint}"
    return ""


def test_damaged_videos_are_kept_or_have_a_reason(s2f: Command, clip: Path, tmp_path: Path) -> None:
    raw, out = tmp_path / "raw/s1", tmp_path / "out"
    raw.mkdir(parents=True)
    sources = mutations.make_videos(clip, tmp_path)
    videos = list(mutations.damaged(sources, raw, numbers(8, *VIDEOS), SEED))
    done = s2f("prep", raw.parent, "--out", out, "--set", f"run.time_limit={LIMIT}", "--set", "run.workers=2")
    assert done.code == 0, done.err
    assert "Traceback" not in done.out + done.err
    known, ended = set(), set()
    for stage in load_stages():
        path = out / "manifests" / f"{stage.name}.parquet"
        rows = pq.read_table(path).to_pylist() if stage.run and path.exists() else []
        known |= {row["clip_id"] for row in rows}
        for row in rows:
            if row["status"] != "ok":
                assert row["reason"] in stage.reasons or row["reason"] == "unreadable", row
                assert row["message"], row
            if row["status"] != "ok" or stage.name in ("segment", "window"):
                ended.add(row["clip_id"])
    assert len(known) >= len(videos)
    assert ended == known


@pytest.mark.parametrize(
    ("make", "use"), [(mutations.make_photos, use_photo), (mutations.make_sounds, use_sound)]
)
def test_damaged_photos_and_sounds_are_used_or_refused_in_words(
    make: mutations.Make, use: mutations.Use, clip: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "damaged"
    folder.mkdir()
    paths = list(mutations.damaged(make(clip, tmp_path), folder, numbers(1, *SOUNDS), SEED))
    for path, told in open_executor(workers=2).run(use, paths, len(paths), LIMIT):
        assert not isinstance(told, WorkerLostError), (path, told)
        # Bytes of the file have no place in a sentence for people.
        assert "\n" not in told
        assert told.isprintable(), (path, told)
