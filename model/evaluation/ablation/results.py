"""The results of an ablation: our and the reported figures of each row, and their order; also as JSON."""

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from s2f.model.evaluation.ablation.directions import Direction, directions
from s2f.model.evaluation.ablation.rows import AblationRow, AblationRows
from s2f.model.evaluation.ablation.seams import Seams
from s2f.model.evaluation.results import Evaluation, finite
from s2f.model.metrics.interval import Interval
from s2f.model.metrics.scoring import REAL, STILL
from s2f.model.training.config import TrainParams


@dataclass(frozen=True)
class Trained:
    """A row with its run and the steps done, and its name in the evaluation, or why it has no model.

    `seams` of a row whose generator makes pieces.
    """

    row: AblationRow
    run: Path
    steps: int
    name: str = ""
    failed: str = ""
    seams: Seams | None = None


@dataclass(frozen=True)
class Ablation:
    """All rows, the settings that they have in common, and their evaluation."""

    plan: AblationRows
    base: TrainParams
    trained: tuple[Trained, ...]
    evaluation: Evaluation

    @cached_property
    def reported(self) -> list[str]:
        """The reported metrics that can be compared with ours: first the measured ones, then the others."""
        named = {name for row in self.plan.rows for name in row.reported} | set(self.plan.real)
        known = [each.name for each in self.evaluation.columns]
        order = [*known, *sorted(named - set(known))]
        return [name for name in order if name in named and name not in self.plan.apart]

    @cached_property
    def order(self) -> list[Direction]:
        """Each row against each earlier one: the reported difference and ours."""
        names = [each.name for each in self.trained]
        return directions(self.plan.rows, names, self.evaluation, self.reported)

    def scores(self, name: str) -> dict[str, Interval]:
        """Our means of a row of the evaluation, by column; empty where there is no such row."""
        return next((row.scores for row in self.evaluation.rows if row.name == name), {})


def summary(ablation: Ablation) -> dict[str, Any]:
    """The content of the JSON; numbers that are not finite are null."""
    evaluation, plan = ablation.evaluation, ablation.plan

    def reported(figures: dict[str, float]) -> dict[str, Any] | None:
        # Source and certainty go with the figures everywhere, so that no figure is quoted without them.
        content = {"source": plan.source, "certainty": plan.certainty, "figures": figures}
        return content if figures else None

    content = {
        **evaluation.source,
        "clips": evaluation.clips,
        "measured": len(evaluation.scored),
        "seed": evaluation.seed,
        "train": ablation.base.model_dump(),
        "rows": [
            {
                "name": each.row.name,
                "run": str(each.run),
                "train": each.row.train,
                "steps": each.steps,
                "failed": each.failed or None,
                "scores": _plain(ablation.scores(each.name)),
                "pieces": asdict(each.seams) if each.seams else None,
                "reported": reported(each.row.reported),
            }
            for each in ablation.trained
        ],
        "still": {"scores": _plain(ablation.scores(STILL))},
        "real": {"scores": _plain(ablation.scores(REAL)), "reported": reported(plan.real)},
        "not_compared": plan.apart,
        "order": [
            {
                "name": each.name,
                "against": each.against,
                "measure": each.measure,
                "reported": reported({each.measure: each.reported}),
                "ours": asdict(each.ours) if each.ours else None,
                "found": each.agreement,
            }
            for each in ablation.order
        ],
    }
    plain: dict[str, Any] = finite(content)
    return plain


def _plain(scores: dict[str, Interval]) -> dict[str, Any]:
    return {name: asdict(interval) for name, interval in scores.items()}
