"""The base of every block of settings: frozen and strict; how YAML becomes one, and what may be wrong."""

import difflib
import functools
import json
import logging
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from s2f.pipeline.core.errors import ConfigError

LOG = logging.getLogger(__name__)


class Params(BaseModel):
    """A frozen block of settings; unknown keys and wrong types are refused.

    `FREE` names the settings of a training that may change when it is resumed; `RENAMED` maps the old names
    of settings to the new ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    FREE: ClassVar[Collection[str]] = ()
    RENAMED: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def renamed(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        """The data with the new names; a warning names them. An old name beside a given new one stays."""
        names = {old: new for old, new in cls.RENAMED.items() if old in data and data.get(new) is None}
        if names:
            words = ", ".join(f"{old} is now {new}" for old, new in names.items())
            _warn_once(f"settings have new names: {words}")
        kept = {name: value for name, value in data.items() if name not in (*names, *names.values())}
        return kept | {new: data[old] for old, new in names.items()}


class RenamedParams(Params):
    """A block that is read with the old names of its settings too.

    It may not hold tuples: after a validator in Python a strict block refuses lists for them.
    """

    @model_validator(mode="before")
    @classmethod
    def _understand_old_names(cls, data: Any) -> Any:
        return cls.renamed(data) if isinstance(data, dict) else data


Block = TypeVar("Block", bound=Params)


@functools.cache
def _warn_once(message: str) -> None:
    LOG.warning("%s", message)


def read_yaml(path: Path, option: str) -> Any:
    """What a YAML file holds, which was named by such an option. Raises ConfigError."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}", f"check the path given with {option}"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" at line {where.line + 1}" if where else ""
        problem = getattr(error, "problem", None) or "it is not text"
        raise ConfigError(
            f"{path} is not valid YAML{line}: {problem}", "check indentation, colons and quotes"
        ) from error


def checked(block: type[Block], data: dict[str, Any], where: str, hint: str) -> Block:
    """Settings from what YAML holds.

    Raises ConfigError, which names the key, as in "unknown setting evry{where}", and the nearest right
    one, or else gives the hint.
    """
    try:
        return block.model_validate_json(json.dumps(data, default=str))
    except ValidationError as error:
        raise _explained(error, block, where, hint) from error
    except TypeError as error:
        raise ConfigError(f"a key{where} is no text", "write keys as words, without quotes") from error


def nearest(name: str, known: Collection[str], renamed: Mapping[str, str] = {}) -> str:
    """A hint for a name that is not known; one that is like an old name is told the new one."""
    near = difflib.get_close_matches(name, [*known, *renamed], n=1, cutoff=0.5)
    return f"did you mean {renamed.get(near[0], near[0])}?" if near else f"known here: {', '.join(known)}"


def _explained(error: ValidationError, block: type[BaseModel], where: str, hint: str) -> ConfigError:
    """The first thing that is wrong, and the nearest right name where a key is unknown."""
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        beside = _block_of(first["loc"], block)
        renamed = beside.RENAMED if issubclass(beside, Params) else {}
        return ConfigError(
            f"unknown setting {name}{where}", nearest(str(first["loc"][-1]), beside.model_fields, renamed)
        )
    message = first["msg"].removeprefix("Value error, ")
    given = "" if isinstance(first["input"], dict) else f" is {first['input']!r}"
    return ConfigError(f"setting {name}{where}{given}: {message}", hint)


def _block_of(location: tuple[int | str, ...], block: type[BaseModel]) -> type[BaseModel]:
    """The block in which a setting at this place lies."""
    for part in location[:-1]:
        if isinstance(part, str):  # else the place in a list, whose block has been found
            kind = block.model_fields[part].annotation
            inner = [each for each in (kind, *get_args(kind)) if isinstance(each, type)]
            block = next((each for each in inner if issubclass(each, BaseModel)), block)
    return block
