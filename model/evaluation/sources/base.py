"""What is measured: clips with the videos that belong to each, from a source that reads or makes them."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from s2f.model.evaluation.probes.measuring import Probed
from s2f.model.metrics.scoring import PRELOAD, ClipVideos, Measure, Missing, Scored, SetMeasure
from s2f.pipeline.core.executors import WorkerLostError, open_executor
from s2f.pipeline.core.shards import Media
from s2f.pipeline.faces import preload
from s2f.pipeline.faces.settings import FaceSettings


class VideoSource(Protocol):
    """Clips, each a real video with the videos that are measured against it.

    title    what is measured, in words
    source   where it lies, by the keys of the JSON
    media    the rates of all clips
    names    the names of the videos beside the real one
    clips    the ids of all clips
    speeds   frames per second and times real time, by name; only of videos that are made here
    """

    title: str
    source: dict[str, str]
    media: Media
    names: tuple[str, ...]
    clips: tuple[str, ...]
    speeds: dict[str, tuple[float, float]]

    def score(self, workers: int, more: Sequence[Measure | SetMeasure]) -> Iterator[Scored | Missing]:
        """Measure each clip, by more measures too, in so many processes; yield results as they come.

        A clip that cannot be read or measured is Missing, with the reason.
        """
        ...

    def show(self, wanted: Collection[str]) -> Iterator[ClipVideos]:
        """The wanted clips, with exactly the frames that are measured."""
        ...

    def probe(
        self, probes: Sequence[str], sync: Path | None, workers: int, seed: int
    ) -> Iterator[Probed | Missing]:
        """What the runs make of other sounds, clip by clip; see `evaluation.probes`.

        Raises InputError where there are no runs, but videos only.
        """
        ...


class _HasClipId(Protocol):
    @property
    def clip_id(self) -> str: ...


_Item = TypeVar("_Item", bound=_HasClipId)
_Result = TypeVar("_Result")


def score_in_workers(
    work: Callable[[_Item], _Result | Missing],
    items: Iterable[_Item],
    count: int,
    workers: int,
    time_limit: float,
    faces: FaceSettings,
) -> Iterator[_Result | Missing]:
    """Measure `count` items in workers, which share the models of `faces`; yield results as they come.

    An item whose worker dies, or takes more than `time_limit` seconds, is Missing.
    """
    executor = open_executor(workers=workers, preload=(*PRELOAD, *preload(faces.backend)))
    for item, result in executor.run(work, items, count, time_limit):
        if isinstance(result, WorkerLostError):
            yield Missing(item.clip_id, "", "", result.message)
        else:
            yield result
