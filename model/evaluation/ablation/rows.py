"""The rows of an ablation, from YAML: which settings each changes, and the figures reported for it."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

from pydantic import Field

from s2f.model.evaluation.learned.metrics import LEARNED_METRICS
from s2f.model.metrics.scoring import MEASURES
from s2f.model.training.config import RECIPES, TrainParams
from s2f.pipeline.core.errors import ConfigError
from s2f.pipeline.core.params import Params, checked, nearest, read_yaml

# The lists of rows that come with the package, by name, and the one that is taken by default.
SHIPPED = {file.stem: file for file in sorted(Path(__file__).parent.glob("*.yaml"))}
DEFAULT = "grid_bmvc2018"

# All metrics by name, with those that need a lip reader or a sync scorer.
TITLES = {metric.name: metric.title for metric in (*MEASURES, *LEARNED_METRICS)}


class AblationRow(Params):
    """One training: its name, its changes to the train block, and the figures reported for it."""

    name: str = Field(min_length=1)
    train: dict[str, Any] = Field({})
    reported: dict[str, float] = Field({})

    @property
    def slug(self) -> str:
        """The name as a folder's: "L1 + frame" is l1-frame."""
        return re.sub(r"[\W_]+", "-", self.name.lower()).strip("-")


class AblationRows(Params):
    """All rows of an ablation, the source of their reported figures, and how certain these are.

    The keys of reported figures are the names of our columns; `real` has those of the real videos. `apart`
    gives the reason for each metric whose reported figures cannot be compared with ours.
    """

    source: str = ""
    certainty: str = ""
    apart: dict[str, str] = Field({})
    real: dict[str, float] = Field({})
    rows: tuple[AblationRow, ...]


def load(path: Path | None) -> AblationRows:
    """The rows in a YAML file or in a list of the package; None: those of the paper. Raises ConfigError."""
    path = SHIPPED.get(str(path or DEFAULT), path or Path(DEFAULT))
    where = f" in {path}"
    data = read_yaml(path, "--rows")
    if not isinstance(data, dict):
        raise ConfigError(f"{path} holds no rows", "write 'rows:' with a list below, each '- name: ...'")
    plan = checked(AblationRows, data, where, "see docs/training.md, Ablations")
    if not plan.rows:
        raise ConfigError(f"the list of rows{where} is empty", "write '- name: ...' below 'rows:'")
    _check_names(plan, where)
    _check_figures(plan, where)
    return plan


def settings(plan: AblationRows, base: TrainParams) -> list[TrainParams]:
    """The settings of each row: those of `base` with its changes. Raises ConfigError."""
    every: list[TrainParams] = []
    for row in plan.rows:
        params = _changed(row, base)
        if params in every:
            twin = plan.rows[every.index(params)].name
            raise ConfigError(
                f"the rows '{twin}' and '{row.name}' would be the same training",
                "what a row switches off, such as train.frame_weight, must be on in --config and --set",
            )
        every.append(params)
    return every


def _changed(row: AblationRow, base: TrainParams) -> TrainParams:
    given = base.model_dump()
    if row.train.get("recipe", base.recipe) != base.recipe:
        # Settings that come from the base's recipe are left to the row's recipe.
        defaults = RECIPES[base.recipe]
        given = {name: value for name, value in given.items() if defaults.get(name) != value}
    where = f" of the row '{row.name}'"
    return checked(TrainParams, given | row.train, where, "see docs/training.md for what it may be")


def _check_names(plan: AblationRows, where: str) -> None:
    for row in plan.rows:
        if not row.slug:
            raise ConfigError(
                f"the name '{row.name}'{where} has no letter or digit", "it names the run's folder"
            )
    name, count = Counter(row.slug for row in plan.rows).most_common(1)[0]
    if count > 1:
        alike = ", ".join(f"'{row.name}'" for row in plan.rows if row.slug == name)
        raise ConfigError(
            f"{count} rows{where} have the same name: {alike}",
            f"each run needs its own folder, but these would share runs/{name}",
        )


def _check_figures(plan: AblationRows, where: str) -> None:
    figures = [plan.real, *(row.reported for row in plan.rows)]
    for name in [*plan.apart, *(name for each in figures for name in each)]:
        if name not in TITLES:
            raise ConfigError(f"unknown metric {name}{where}", nearest(name, list(TITLES)))
    if any(figures) and not (plan.source and plan.certainty):
        raise ConfigError(
            f"reported figures{where} come without source and certainty",
            "write where they are published, and whether you checked them: 'source: ...', 'certainty: ...'",
        )
