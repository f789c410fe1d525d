"""stages.yaml → frozen, validated settings; `--set a.b=c` overrides."""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import Field

from s2f import model
from s2f.model.evaluation.learned.lipreading.config import LipreadParams
from s2f.model.evaluation.learned.sync.config import SyncParams
from s2f.model.training.config import TrainParams
from s2f.pipeline.audit.settings import AuditParams
from s2f.pipeline.core.errors import ConfigError
from s2f.pipeline.core.params import Params, checked, read_yaml
from s2f.pipeline.prep.settings import PrepSettings

DEFAULT_FILE = Path("stages.yaml")
PRESETS = Path(model.__file__).parent / "presets"

# What a JSON Schema says about a setting besides what it may be.
ABOUT = ("default", "description", "title")


Block = TypeVar("Block", bound=Params)


class Settings(PrepSettings):
    """All settings: those of the preparation, of the audit and of each training."""

    audit: AuditParams = Field(
        AuditParams(), description="From where on the audit finds a clip worth a look."
    )
    train: TrainParams = Field(
        TrainParams(), description="The GAN, in the paper's size; for two CPU cores see docs/training.md."
    )
    lipread: LipreadParams = Field(LipreadParams(), description="The lip reader, in a size for CPUs.")
    sync: SyncParams = Field(SyncParams(), description="The sync scorer, in a size for CPUs.")


HEAD = """\
# yaml-language-server: $schema=stages.schema.json
# Editors complete and check this file by its JSON Schema: s2f settings --schema > stages.schema.json
#
# Every setting of s2f, with its default. Give another file with --config, or override one setting with
# --set, for instance: s2f prep RAW --out OUT --set detect.every=12
"""


def render() -> str:
    """stages.yaml: every setting with its default and what it means."""
    lines = [HEAD]
    for name, block in Settings.model_fields.items():
        lines += [f"# {block.description}", f"{name}:"]
        for key, value in block.default.model_dump(mode="json").items():
            field = type(block.default).model_fields[key]
            # What the recipe decides has a value here, but is null until it is given.
            default = None if field.default is None else value
            written = yaml.safe_dump(
                {key: default}, default_flow_style=True, width=1000, sort_keys=False
            ).strip()[1:-1]
            lines.append(f"  {written:<48}# {field.description}")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def schema() -> dict[str, Any]:
    """The JSON Schema of stages.yaml, for editors. A setting that its recipe decides may be null."""
    content = Settings.model_json_schema()
    for block in (content, *content["$defs"].values()):
        for setting in block.get("properties", {}).values():
            if "default" in setting and setting["default"] is None and "anyOf" not in setting:
                kind = {name: setting.pop(name) for name in list(setting) if name not in ABOUT}
                setting["anyOf"] = [kind, {"type": "null"}]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **content}


def presets() -> dict[str, Path]:
    """The files of the named settings that come with the package, by name."""
    return {path.stem: path for path in sorted(PRESETS.glob("*.yaml"))}


def load(path: Path | None, overrides: list[str], preset: str | None = None) -> Settings:
    """Settings from a YAML file, a preset and overrides like `detect.every=12`; the later ones win.

    Without a path, stages.yaml of the working folder serves if there is one, else the defaults.
    Raises ConfigError, which names the key and the nearest right one.
    """
    if path is None and DEFAULT_FILE.exists():
        path = DEFAULT_FILE
    data = _read(path) if path else {}
    for name, block in (_read(_preset(preset)) if preset else {}).items():
        data[name] = (data.get(name) or {}) | block
    for override in overrides:
        _apply(data, override)
    where = f" in {path}" if path else ""
    return checked(Settings, data, where, "see docs/stages.md for what it may be")


def changed(name: str, params: Block, path: Path | None, overrides: list[str]) -> Block:
    """The settings of a block, but for what a YAML file or overrides give. Raises ConfigError."""
    given = _read(path) if path else {}
    for override in overrides:
        _apply(given, override)
    block = type(params)
    data = given | {name: params.model_dump(mode="json") | block.renamed(given.get(name) or {})}
    settings = getattr(checked(Settings, data, f" in {path}" if path else "", "see docs/stages.md"), name)
    assert isinstance(settings, block)
    return settings


def _preset(name: str) -> Path:
    known = presets()
    if name not in known:
        raise ConfigError(f"there is no preset {name}", f"the presets are {', '.join(known)}")
    return known[name]


def _read(path: Path) -> dict[str, Any]:
    data = read_yaml(path, "--config")
    if data is None:
        return {}
    if not isinstance(data, dict) or not all(isinstance(name, str) for name in data):
        raise ConfigError(
            f"{path} holds no settings", "it should be blocks such as 'detect:' with keys below"
        )
    return data


def _apply(data: dict[str, Any], override: str) -> None:
    name, equals, value = override.partition("=")
    *blocks, last = name.strip().split(".")
    if not equals or not blocks:
        raise ConfigError(f"--set {override} is no setting", "write it like --set detect.every=12")
    for block in blocks:
        data = data.setdefault(block, {})
        if not isinstance(data, dict):
            raise ConfigError(
                f"--set {override}: {block} is no block of settings", "write it like --set detect.every=12"
            )
    field = Settings.model_fields.get(blocks[0])
    if field:
        # Else an old name would stand beside the new one of the file.
        (last,) = field.default.renamed({last: value})
    try:
        data[last] = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError(
            f"--set {override}: the value is not valid YAML", "quote it, or check the brackets"
        ) from error
