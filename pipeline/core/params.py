"""The base of every block of settings: frozen and strict; how YAML becomes one, and what may be wrong."""

import difflib
import functools
import json
import logging
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from s2f.pipeline.core.errors import ConfigError

LOG = logging.getLogger(__name__)


class Params(BaseModel):
    """A frozen block of settings; unknown keys and wrong types are refused.

    `RENAMED` has the names that settings had in earlier versions, and those of today; a block that has any
    applies `renamed` before it is validated. (Not done here: pydantic would no longer take lists of JSON
    for tuples.) `FREE` has the
    settings of a training that may change when it goes on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    RENAMED: ClassVar[Mapping[str, str]] = {}
    FREE: ClassVar[Collection[str]] = ()

    @classmethod
    def renamed(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        """The data with today's names; a warning names them."""
        old = [name for name in data if name in cls.RENAMED and cls.RENAMED[name] not in data]
        if old:
            words = ", ".join(f"{name} is now {cls.RENAMED[name]}" for name in old)
            _warn(f"settings have new names: {words}")
        return {cls.RENAMED[name] if name in old else name: value for name, value in data.items()}


Block = TypeVar("Block", bound=Params)


@functools.cache
def _warn(words: str) -> None:
    """Once, though the settings of a run are read several times."""
    LOG.warning(words)


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


def nearest(name: str, known: Collection[str]) -> str:
    """A hint for a name that is not known."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"


def _explained(error: ValidationError, block: type[BaseModel], where: str, hint: str) -> ConfigError:
    """The first thing that is wrong, and the nearest right name where a key is unknown."""
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return ConfigError(
            f"unknown setting {name}{where}",
            nearest(str(first["loc"][-1]), _keys_beside(first["loc"], block)),
        )
    message = first["msg"].removeprefix("Value error, ")
    given = "" if isinstance(first["input"], dict) else f" is {first['input']!r}"
    return ConfigError(f"setting {name}{where}{given}: {message}", hint)


def _keys_beside(location: tuple[int | str, ...], block: type[BaseModel]) -> list[str]:
    for part in location[:-1]:
        if isinstance(part, str):  # else the place in a list, whose block has been found
            kind = block.model_fields[part].annotation
            inner = [each for each in (kind, *get_args(kind)) if isinstance(each, type)]
            block = next((each for each in inner if issubclass(each, BaseModel)), block)
    return list(block.model_fields)
