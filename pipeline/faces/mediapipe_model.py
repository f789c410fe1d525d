"""Where MediaPipe's model is looked for, and how it is fetched."""

import os
import urllib.error
import urllib.request
from pathlib import Path

import platformdirs

from s2f.pipeline.core import files
from s2f.pipeline.core.errors import InputError, MissingError

NAME = "face_landmarker.task"
# MediaPipe's own place of publication; float16, version 1, Apache-2.0.
ADDRESS = (
    "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/"
    "face_landmarker.task"
)
SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"


def face_landmarker(named: str | None = None) -> Path:
    """MediaPipe's face model: as named, else in $S2F_MODELS, else in the user's cache.

    Raises MissingError, which names these ways, where it is in none of them.
    """
    if named:
        places = [Path(named).expanduser()]
    else:
        folder = os.environ.get("S2F_MODELS")
        places = [*([Path(folder) / NAME] if folder else []), cache() / NAME]
    for place in places:
        if place.is_file():
            return place
    raise MissingError(
        f"MediaPipe's model is not at {' or '.join(map(str, places))}",
        "run 's2f models fetch', or name its folder with S2F_MODELS, or the file with detect.model",
    )


def cache() -> Path:
    """The user's folder for models."""
    return platformdirs.user_cache_path("s2f") / "models"


def fetch(address: str = ADDRESS, sha256: str = SHA256) -> Path:
    """Download the model into the user's cache, unless it is there; returns its path.

    Raises InputError where it cannot be fetched, or is not the known file.
    """
    target = cache() / NAME
    if target.is_file() and files.sha256(target) == sha256:
        return target
    try:
        with urllib.request.urlopen(address, timeout=60) as answer:  # noqa: S310 - a fixed https address
            data = answer.read()
    except (urllib.error.URLError, OSError) as error:
        raise InputError(
            f"{address} cannot be fetched: {error}", f"fetch it by other means and put it at {target}"
        ) from error
    with files.appearing(target) as temporary:
        temporary.write_bytes(data)
        if (actual := files.sha256(temporary)) != sha256:
            raise InputError(
                f"{address} has the SHA-256 {actual}, not {sha256}", "try again, or fetch it by other means"
            )
    return target
