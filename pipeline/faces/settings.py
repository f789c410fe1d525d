"""Which backend finds faces: a choice to be handed to other processes, and that of a prepared set."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from s2f.pipeline.core.errors import ConfigError
from s2f.pipeline.core.files import Place
from s2f.pipeline.faces import DEFAULT, MAX_SIDE, open_backend
from s2f.pipeline.faces.base import Backend


@dataclass(frozen=True)
class FaceSettings:
    """The name of a backend, and its model file where that is not found by itself."""

    backend: str = DEFAULT
    model: str | None = None

    def open(self, max_side: int = MAX_SIDE) -> Backend:
        """The backend of this process; see open_backend."""
        return open_backend(self.backend, max_side, self.model)


DEFAULT_FACES = FaceSettings()


def read_settings(out: Place) -> FaceSettings:
    """What the faces of a prepared set were found with, by OUT/stages.yaml; the default where it has none.

    A model file that is not on this machine is looked for in the usual places. Raises ConfigError where
    stages.yaml is damaged.
    """
    path = out / "stages.yaml"
    try:
        detect = yaml.safe_load(path.read_bytes())["detect"]
    except OSError:
        return DEFAULT_FACES
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} holds no settings of a prepared set", "run 's2f prep' again") from error
    model = detect.get("model")
    here = model and Path(model).expanduser().is_file()
    return FaceSettings(detect.get("backend", DEFAULT), model if here else None)
