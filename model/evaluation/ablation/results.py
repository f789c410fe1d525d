"""What an ablation has found: its rows with ours and the reported figures, and their order, also as JSON."""

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from s2f.model.evaluation.ablation.directions import Direction, directions
from s2f.model.evaluation.ablation.recipes import Recipes, Row
from s2f.model.evaluation.results import Evaluation, finite
from s2f.model.metrics.interval import Interval
from s2f.model.metrics.scoring import REAL, STILL
from s2f.model.training.config import TrainParams


@dataclass(frozen=True)
class Trained:
    """What became of a row: its run, the steps done, its name in the evaluation, or why there is no model."""

    row: Row
    run: Path
    steps: int
    name: str = ""
    failed: str = ""


@dataclass(frozen=True)
class Ablation:
    """All rows, the settings that they have in common, and their evaluation."""

    recipes: Recipes
    base: TrainParams
    trained: tuple[Trained, ...]
    evaluation: Evaluation

    @cached_property
    def reported(self) -> list[str]:
        """The measures that were reported and compare with ours: in the table's order, then the others."""
        named = {name for row in self.recipes.rows for name in row.reported} | set(self.recipes.real)
        known = [each.name for each in self.evaluation.columns]
        order = [*known, *sorted(named - set(known))]
        return [name for name in order if name in named and name not in self.recipes.apart]

    @cached_property
    def order(self) -> list[Direction]:
        """Each row against each earlier one, as reported and here."""
        names = [each.name for each in self.trained]
        return directions(self.recipes.rows, names, self.evaluation, self.reported)

    def scores(self, name: str) -> dict[str, Interval]:
        """Our means of a row of the evaluation by column; none where there is no such row."""
        return next((row.scores for row in self.evaluation.rows if row.name == name), {})


def summary(found: Ablation) -> dict[str, Any]:
    """The ablation as it is written to JSON; what is no finite number is null."""
    evaluation, recipes = found.evaluation, found.recipes

    def reported(figures: dict[str, float]) -> dict[str, Any] | None:
        # Beside the figures each time, so that none goes anywhere without it.
        known = {"source": recipes.source, "certainty": recipes.certainty, "figures": figures}
        return known if figures else None

    content = {
        **evaluation.source,
        "clips": evaluation.clips,
        "measured": len(evaluation.scored),
        "seed": evaluation.seed,
        "train": found.base.model_dump(),
        "rows": [
            {
                "name": each.row.name,
                "run": str(each.run),
                "train": each.row.train,
                "steps": each.steps,
                "failed": each.failed or None,
                "scores": _plain(found.scores(each.name)),
                "reported": reported(each.row.reported),
            }
            for each in found.trained
        ],
        "still": {"scores": _plain(found.scores(STILL))},
        "real": {"scores": _plain(found.scores(REAL)), "reported": reported(recipes.real)},
        "not_compared": recipes.apart,
        "order": [
            {**asdict(each), "reported": reported({each.measure: each.reported})} for each in found.order
        ],
    }
    plain: dict[str, Any] = finite(content)
    return plain


def _plain(scores: dict[str, Interval]) -> dict[str, Any]:
    return {name: asdict(interval) for name, interval in scores.items()}
