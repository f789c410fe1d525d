"""Which backend finds faces: a choice to be handed to other processes, and that of a prepared set."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from s2f.pipeline.faces import DEFAULT, MAX_SIDE, open_backend
from s2f.pipeline.faces.base import Backend

if TYPE_CHECKING:
    # It loads pyarrow, which those who have no prepared set, as s2f animate, do without.
    from s2f.pipeline.core.prepared_set import PreparedSet


@dataclass(frozen=True)
class FaceSettings:
    """The name of a backend, and its model file where that is not found by itself."""

    backend: str = DEFAULT
    model: str | None = None

    def open(self, max_side: int = MAX_SIDE) -> Backend:
        """The backend of this process; see open_backend."""
        return open_backend(self.backend, max_side, self.model)


DEFAULT_FACES = FaceSettings()


def read_settings(data: "PreparedSet") -> FaceSettings:
    """The backend that found the faces of a prepared set; the default where its settings were not kept.

    A model file that is not on this machine is looked for in the usual places. Raises ConfigError where
    OUT/stages.yaml is damaged.
    """
    detect = data.settings.get("detect", {})
    model = detect.get("model")
    here = model and Path(model).expanduser().is_file()
    return FaceSettings(detect.get("backend", DEFAULT), model if here else None)
