"""Face backends behind one protocol; tracks, alignment, mouth, identity."""

import functools
import importlib
from pathlib import Path
from typing import TYPE_CHECKING, cast

from s2f.pipeline.core.errors import InputError

if TYPE_CHECKING:
    from s2f.pipeline.faces.base import Backend, BackendModule

# The module of each backend. They are imported when they are used, since each brings a large library.
BACKENDS = {
    "dlib": "s2f.pipeline.faces.dlib",
    "mediapipe": "s2f.pipeline.faces.mediapipe",
}
DEFAULT = "dlib"
# Detectors see pictures reduced to so many px, unless they are told otherwise.
MAX_SIDE = 640


@functools.cache
def open_backend(name: str, max_side: int = MAX_SIDE, model: str | None = None) -> "Backend":
    """The backend of that name, one per process: loading its model takes longer than a clip.

    Raises InputError for an unknown name, MissingError where its package or its model is not installed.
    """
    return _module(name).open_backend(max_side, model)


def model_files(name: str, model: str | None = None) -> list[Path]:
    """The model files that a backend works with; their content is part of what its results depend on.

    Raises InputError for an unknown name, MissingError where a file is not there.
    """
    return _module(name).model_files(model)


def preload(name: str) -> tuple[str, ...]:
    """The modules to import in the process that workers are forked from, so that they share its models."""
    return _module(name).PRELOAD


def known(name: str) -> str:
    """The name of a backend. Raises ValueError, which names all of them, for any other."""
    if name not in BACKENDS:
        raise ValueError(f"it should be {' or '.join(BACKENDS)}")
    return name


def _module(name: str) -> "BackendModule":
    if name not in BACKENDS:
        raise InputError(f"there is no face backend {name}", f"known here: {', '.join(BACKENDS)}")
    return cast("BackendModule", importlib.import_module(BACKENDS[name]))
