"""Cache keys stay as they are: a set that an earlier version has prepared is not prepared again."""

from pathlib import Path

from s2f.pipeline.corpora.base import Source
from s2f.pipeline.prep import plan
from s2f.pipeline.prep.settings import PrepSettings
from s2f.pipeline.stages import shard

# With the defaults. A stage whose `version` is raised gets a new line here, as do those that read from it.
KEYS = {
    "scan": "5.499fae0f864d94a3.0487368e2c07036c.",
    "detect": "6.aecb7e776f24e22b.2cb4c3f512f6ff38.0821dab4c39189fe",
    "align": "1.acbcf571662a03a4.886d535f4a44fc1c.",
    "resample": "2.3bb8c9073b218359.886d535f4a44fc1c.",
    "window": "1.2f7e622a80a78f4f.3977a79114488f1a.",
}
SAMPLE = "3.train.46f042c07c9bc5fb."


def grid_clip() -> Source:
    return Source("grid", "s1", "bbaf2n", Path("raw"), "s1/bbaf2n.mpg", "alignments/s1/bbaf2n.align")


def test_the_keys_of_a_clip_are_those_of_earlier_versions() -> None:
    assert plan.keys(grid_clip(), "content", plan.configured(PrepSettings())) == KEYS


def test_the_key_of_a_sample_is_that_of_the_version_with_points() -> None:
    assert shard.sample("s1_bbaf2n", KEYS, "train", 1).key == SAMPLE
