"""Cache keys stay as they are: a set that an earlier version has prepared is not prepared again."""

from pathlib import Path

from s2f.pipeline.app import config
from s2f.pipeline.corpora.base import Source
from s2f.pipeline.prep import plan
from s2f.pipeline.prep.settings import PrepSettings
from s2f.pipeline.stages import shard
from s2f.pipeline.stages.resample import ResampleParams

# With the defaults. A stage whose `version` is raised gets a new line here, as do those that read from it.
KEYS = {
    "scan": "5.a512c3047be27208.0487368e2c07036c.",
    "detect": "7.aecb7e776f24e22b.a7d8517719d01102.0821dab4c39189fe",
    "align": "1.acbcf571662a03a4.ffe8cc137980944e.",
    "resample": "2.3bb8c9073b218359.ffe8cc137980944e.",
    "window": "1.2f7e622a80a78f4f.7b92f9a0c232242d.",
}
SAMPLE = "3.train.352cb62fa9b83c7f."


def grid_clip() -> Source:
    return Source("grid", "s1", "bbaf2n", Path("raw"), "s1/bbaf2n.mpg", "alignments/s1/bbaf2n.align")


def test_the_keys_of_a_clip_are_those_of_earlier_versions() -> None:
    assert plan.keys(grid_clip(), "content", plan.configured(PrepSettings())) == KEYS


def test_an_offset_of_others_changes_no_key_of_a_clip() -> None:
    def keys(**offsets: float) -> dict[str, str]:
        settings = config.Settings(resample=ResampleParams(offsets=offsets))
        return plan.keys(grid_clip(), "content", plan.configured(settings))

    assert keys(s2=80, s1_other=40, s1_bbaf2n=0) == KEYS
    own = keys(s1=80)
    assert {name for name in KEYS if own[name] != KEYS[name]} == {"resample", "window"}
    assert own != keys(s1=40) != keys(s1_bbaf2n=80, s1=40) == own


def test_the_key_of_a_sample_is_that_of_the_version_with_points() -> None:
    assert shard.sample("s1_bbaf2n", KEYS, "train", 1).key == SAMPLE
