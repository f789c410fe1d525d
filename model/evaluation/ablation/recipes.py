"""The rows of an ablation, from YAML: what each changes in the training, and what was reported of it."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

from pydantic import Field

from s2f.model.evaluation.learned import measures as judges
from s2f.model.metrics.scoring import MEASURES
from s2f.model.training.config import RECIPES, TrainParams
from s2f.pipeline.core.errors import ConfigError
from s2f.pipeline.core.params import Params, checked, nearest, read_yaml

DEFAULT_FILE = Path(__file__).with_name("grid_bmvc2018.yaml")

# What an evaluation may measure besides, if it is given a lip reader and a sync scorer.
OTHERS = {each.name: each.title for each in judges.COLUMNS}


class Row(Params):
    """One training: its name, the settings of the train block that differ, the figures reported of it."""

    name: str = Field(min_length=1)
    train: dict[str, Any] = Field({})
    reported: dict[str, float] = Field({})

    @property
    def slug(self) -> str:
        """The name as a folder's: "L1 + frame" is l1-frame."""
        return re.sub(r"[\W_]+", "-", self.name.lower()).strip("-")


class Recipes(Params):
    """All rows, where their reported figures come from, and how sure these are.

    Reported figures go by the names of our columns. `apart` tells of some why they do not compare with
    ours; `real` are those of the real videos.
    """

    source: str = ""
    certainty: str = ""
    apart: dict[str, str] = Field({})
    real: dict[str, float] = Field({})
    rows: tuple[Row, ...]


def load(path: Path | None) -> Recipes:
    """The rows in a YAML file, or those of the paper. Raises ConfigError."""
    path = path or DEFAULT_FILE
    where = f" in {path}"
    data = read_yaml(path, "--recipes")
    if not isinstance(data, dict):
        raise ConfigError(f"{path} holds no rows", "write 'rows:' with a list below, each '- name: ...'")
    recipes = checked(Recipes, data, where, "see docs/training.md, Ablations")
    if not recipes.rows:
        raise ConfigError(f"the list of rows{where} is empty", "write '- name: ...' below 'rows:'")
    _check_names(recipes, where)
    _check_figures(recipes, where)
    return recipes


def settings(recipes: Recipes, base: TrainParams) -> list[TrainParams]:
    """What each row is trained with: the base, but for what it changes. Raises ConfigError."""
    found: list[TrainParams] = []
    for row in recipes.rows:
        params = _changed(row, base)
        if params in found:
            twin = recipes.rows[found.index(params)].name
            raise ConfigError(
                f"the rows '{twin}' and '{row.name}' would be the same training",
                "see that --config and --set leave on what the rows switch off, such as train.frame_weight",
            )
        found.append(params)
    return found


def _changed(row: Row, base: TrainParams) -> TrainParams:
    given = base.model_dump()
    if row.train.get("recipe", base.recipe) != base.recipe:
        # What the base has as its recipe says, the other recipe decides anew.
        decided = RECIPES[base.recipe]
        given = {name: value for name, value in given.items() if decided.get(name) != value}
    where = f" of the row '{row.name}'"
    return checked(TrainParams, given | row.train, where, "see docs/training.md for what it may be")


def _check_names(recipes: Recipes, where: str) -> None:
    for row in recipes.rows:
        if not row.slug:
            raise ConfigError(f"the name '{row.name}'{where} has no letter", "its run needs a folder's name")
    name, count = Counter(row.slug for row in recipes.rows).most_common(1)[0]
    if count > 1:
        alike = ", ".join(f"'{row.name}'" for row in recipes.rows if row.slug == name)
        raise ConfigError(
            f"{count} rows{where} have one name: {alike}", f"each is trained into a folder, here runs/{name}"
        )


def _check_figures(recipes: Recipes, where: str) -> None:
    known = [*(each.name for each in MEASURES), *OTHERS]
    figures = [recipes.real, *(row.reported for row in recipes.rows)]
    for name in [*recipes.apart, *(name for each in figures for name in each)]:
        if name not in known:
            raise ConfigError(f"unknown measure {name}{where}", nearest(name, known))
    if any(figures) and not (recipes.source and recipes.certainty):
        raise ConfigError(
            f"reported figures{where} come without source and certainty",
            "write where they stand, and whether they were checked: 'source: ...', 'certainty: ...'",
        )
