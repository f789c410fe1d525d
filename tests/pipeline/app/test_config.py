"""Settings: every mistake is named with its key, and the nearest right one."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
import yaml
from pydantic import BaseModel, ValidationError

from s2f.pipeline.app import config
from s2f.pipeline.core.errors import ConfigError
from s2f.pipeline.core.params import Params
from s2f.pipeline.prep.settings import save

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Away from the repository, whose own stages.yaml would be read."""
    monkeypatch.chdir(tmp_path)


def written(text: str) -> Path:
    path = Path("settings.yaml")
    path.write_text(text, encoding="utf-8")
    return path


def refused(load: Callable[[], object], *words: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load()
    for word in words:
        assert word in caught.value.message
    assert caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint
    return caught.value


def test_without_a_file_there_are_defaults() -> None:
    settings = config.load(None, [])
    assert settings == config.Settings()
    assert (settings.detect.fps, settings.align.size, settings.resample.sample_rate) == (
        "25",
        (96, 128),
        16_000,
    )
    assert (settings.window.seconds, settings.train.width) == (0.16, 64)


def test_a_file_in_the_working_folder_serves() -> None:
    Path("stages.yaml").write_text("detect:\n  every: 3\n", encoding="utf-8")
    assert config.load(None, []).detect.every == 3
    assert config.load(written("align:\n  smooth: 1\n"), []).detect.every == 8


@pytest.mark.parametrize("text", ["", "# nothing but a comment\n", "{}"])
def test_an_empty_file_leaves_the_defaults(text: str) -> None:
    assert config.load(written(text), []) == config.Settings()


@pytest.mark.parametrize(
    ("text", "name", "near"),
    [
        ("detect:\n  evry: 3\n", "detect.evry", "every"),
        ("aling:\n  smooth: 1\n", "aling", "align"),
        ("shard:\n  shares: {train: 1, vall: 0, test: 0}\n", "shard.shares.vall", "val"),
        ("train:\n  with: 16\n", "train.with", "width"),
        # Like an old name: the new one is told.
        ("train:\n  sequence_rat: 1e-4\n", "train.sequence_rat", "sequence_lr"),
        ("lipread:\n  rte: 0.1\n", "lipread.rte", "lr"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_right_one(text: str, name: str, near: str) -> None:
    error = refused(lambda: config.load(written(text), []), name, "settings.yaml")
    assert error.hint == f"did you mean {near}?"


def test_a_key_like_no_other_is_answered_with_all_keys() -> None:
    error = refused(lambda: config.load(written("window:\n  xyzzy: 3\n"), []), "window.xyzzy")
    assert "seconds" in error.hint
    assert "min_loudness" in error.hint


@pytest.mark.parametrize(
    ("override", "name"),
    [
        ("detect.every=often", "detect.every"),
        ("detect.every=2.5", "detect.every"),
        ("detect.every=0", "detect.every"),
        ("detect.every=true", "detect.every"),
        ("detect.every='8'", "detect.every"),
        ("detect.every=", "detect.every"),
        ("detect.fps=fast", "detect.fps"),
        ("detect.fps=0", "detect.fps"),
        ("detect.fps=1/0", "detect.fps"),
        ("detect.fps=[25]", "detect.fps"),
        ("detect.backend=dlibb", "detect.backend"),
        ("align.size=96", "align.size"),
        ("align.size=[96]", "align.size"),
        ("align.size=[97, 128]", "align.size"),
        ("align.size=[96.0, 128.0]", "align.size"),
        ("window.seconds=.nan", "window.seconds"),
        ("window.seconds=.inf", "window.seconds"),
        ("window.seconds=2020-01-01", "window.seconds"),
        ("shard.shares={train: 1, val: 1, test: 1}", "shard.shares"),
        ("shard.train=s1", "shard.train"),
        ("scan.corpus=grids", "scan.corpus"),
        ("run.workers=-1", "run.workers"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_its_key(override: str, name: str) -> None:
    block, key = name.split(".")
    text = f"{block}:\n  {key}: {override.partition('=')[2]}\n"
    refused(lambda: config.load(None, [override]), f"setting {name}")
    refused(lambda: config.load(written(text), []), f"setting {name}", "settings.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "detect: [1, 2\n",
        "detect:\n\tevery: 8\n",
        "a: b: c\n",
        "detect: {every: 8\nalign: 1\n",
        "%",
        "? [a]\n: b\n",
    ],
)
def test_broken_yaml_is_named_with_its_line(text: str) -> None:
    refused(lambda: config.load(written(text), []), "settings.yaml", "not valid YAML at line")


@pytest.mark.parametrize(
    "text", ["- detect\n", "detect\n", "5\n", "2020-01-01: 1\n", "1: 2\n", "detect: 8\n", "detect:\n"]
)
def test_yaml_that_holds_no_blocks_is_refused(text: str) -> None:
    refused(lambda: config.load(written(text), []), "settings.yaml")


def test_a_file_that_cannot_be_read_is_refused() -> None:
    refused(lambda: config.load(Path("none.yaml"), []), "none.yaml", "cannot be read")
    Path("folder").mkdir()
    refused(lambda: config.load(Path("folder"), []), "folder", "cannot be read")
    Path("bytes.yaml").write_bytes(b"\xff\xfe\x00\xd8")
    refused(lambda: config.load(Path("bytes.yaml"), []), "bytes.yaml")


def test_overrides_win_over_the_file_and_the_last_over_the_first() -> None:
    path = written("detect:\n  every: 3\n  max_gap: 2\n")
    settings = config.load(
        path, ["detect.every=4", "detect.every=12", "shard.shares.train=0.7", "shard.shares.test=0.1"]
    )
    assert (settings.detect.every, settings.detect.max_gap) == (12, 2)
    assert settings.shard.shares.model_dump() == {"train": 0.7, "val": 0.2, "test": 0.1}


@pytest.mark.parametrize(
    ("override", "wanted"),
    [
        ("detect.fps=30000/1001", ("detect", "fps", "30000/1001")),
        ("detect.fps=30", ("detect", "fps", "30")),
        ("align.size=[64, 80]", ("align", "size", (64, 80))),
        ("shard.test=[s1, s2]", ("shard", "test", ("s1", "s2"))),
        ("window.seconds=1", ("window", "seconds", 1.0)),
        (" window.min_loudness =-35.5", ("window", "min_loudness", -35.5)),
        ("shard.split_by=utterance", ("shard", "split_by", "utterance")),
    ],
)
def test_values_are_written_as_in_yaml(override: str, wanted: tuple[str, str, object]) -> None:
    block, name, value = wanted
    assert getattr(getattr(config.load(None, [override]), block), name) == value


@pytest.mark.parametrize(
    "override", ["every=12", "detect.every", "=3", "", "detect.every.more=1", "detect.every=[1", "detect=8"]
)
def test_an_override_that_is_no_setting_is_refused(override: str) -> None:
    refused(lambda: config.load(None, [override]))
    refused(lambda: config.load(written("detect:\n  every: 8\n"), [override]))


def test_settings_come_back_as_they_were_saved() -> None:
    overrides = [
        "detect.fps=30000/1001",
        "align.size=[64, 80]",
        "shard.test=[s1, '02']",
        "window.seconds=0.2",
    ]
    settings = config.load(None, overrides)
    save(settings, Path("saved.yaml"))
    assert config.load(Path("saved.yaml"), []) == settings
    save(config.Settings(), Path("saved.yaml"))
    assert config.load(Path("saved.yaml"), []) == config.Settings()


def test_the_file_with_all_settings_holds_the_defaults_and_explains_each() -> None:
    text = config.render()
    assert config.load(written(text), []) == config.Settings()
    stated = yaml.safe_load(text)
    assert stated.keys() == config.Settings.model_fields.keys()
    for name, block in config.Settings.model_fields.items():
        assert stated[name].keys() == type(block.default).model_fields.keys()
        for key, field in type(block.default).model_fields.items():
            assert field.description, f"{name}.{key}"
            assert field.description in text


def test_the_file_in_the_repository_is_that_file() -> None:
    assert (REPOSITORY / "stages.yaml").read_text(encoding="utf-8") == config.render()


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        config.Settings().detect.every = 3  # type: ignore[misc]


def test_every_block_refuses_unknown_keys() -> None:
    blocks: list[type[BaseModel]] = [config.Settings]
    for block in blocks:
        assert issubclass(block, Params)
        found = [field.annotation for field in block.model_fields.values()]
        blocks += [each for each in found if isinstance(each, type) and issubclass(each, BaseModel)]
    assert len(blocks) == 14
    assert not any(dataclasses.is_dataclass(block) for block in blocks)


def test_the_schema_takes_the_file_in_the_repository() -> None:
    stated = yaml.safe_load((REPOSITORY / "stages.yaml").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(config.schema())
    jsonschema.validate(stated, config.schema())
    jsonschema.validate({"train": {"l1_weight": None}}, config.schema())
    jsonschema.validate({"detect": {"fps": 25}}, config.schema())
    jsonschema.validate({}, config.schema())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("detect: {evry: 3}", "evry"),
        ("aling: {}", "aling"),
        ("scan: {corpus: grids}", "grids"),
        ("run: {engine: slurm}", "slurm"),
        ("detect: {every: often}", "often"),
        ("align: {size: [96]}", "96"),
        ("train: {width: null}", "None"),
    ],
)
def test_the_schema_refuses_what_prep_refuses(text: str, words: str) -> None:
    with pytest.raises(jsonschema.ValidationError, match=words):
        jsonschema.validate(yaml.safe_load(text), config.schema())
    with pytest.raises(ConfigError):
        config.load(written(text), [])


def test_the_schema_explains_every_setting() -> None:
    schema = config.schema()
    blocks = schema["$defs"].values()
    assert len(blocks) == 13
    for block in (schema, *blocks):
        assert block["additionalProperties"] is False
    for block in blocks:
        assert all(setting["description"] for setting in block["properties"].values())
