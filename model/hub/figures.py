"""What was measured of a generator: its last validation, and an evaluation; in words and as a model-index."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s2f.model.metrics.scoring import REAL, STILL
from s2f.model.networks.weights import BEST
from s2f.model.training.curves import read_metrics
from s2f.pipeline.core import cards
from s2f.pipeline.core.errors import InputError

# The scores of a validation by tag; each has one of the still frame beside it, if that is measured.
VALIDATED = {"val/l1": "L1", "val/psnr": "PSNR, dB", "val/mouth": "mouth r"}


@dataclass(frozen=True)
class Measured:
    """The means of an evaluation: by measure its title, and what the generated, still and real ones have."""

    data: str
    split: str
    clips: int
    rows: dict[str, tuple[str, float | None, float | None, float | None]]

    def as_table(self) -> str:
        """The table in Markdown."""
        lines = [[title, *map(cards.figure, values)] for title, *values in self.rows.values()]
        words = f"`s2f evaluate`, means over {self.clips} clips of the split {self.split} of {self.data}:"
        return f"{words}\n\n{cards.table(['', 'generated', 'still', 'real'], lines)}"

    def model_index(self, name: str, task: str) -> list[dict[str, Any]]:
        """The same as the Hub reads it."""
        metrics = [
            {"type": measure, "name": title, "value": value}
            for measure, (title, value, _, _) in self.rows.items()
            if value is not None
        ]
        data = {"type": self.data, "name": self.data, "split": self.split}
        return [{"name": name, "results": [{"task": {"type": task}, "dataset": data, "metrics": metrics}]}]


def validated(run: Path) -> str:
    """The validation of the weights that are published, as a table; empty where there was none."""
    rows = [row for row in read_metrics(run) if "val/l1" in row]
    if not rows:
        return ""
    row = min(rows, key=lambda each: float(each["val/l1"])) if (run / BEST).exists() else rows[-1]
    lines = [
        [title, cards.figure(row[tag]), cards.figure(row.get(f"{tag}_still"))]
        for tag, title in VALIDATED.items()
        if tag in row
    ]
    words = f"Validation of the training at step {row['step']}, means over clips of the val split:"
    return f"{words}\n\n{cards.table(['', 'generated', 'still'], lines)}"


def read(path: Path, run: Path) -> Measured:
    """The figures of a run in the JSON of an evaluation. Raises InputError where it has none."""
    hint = "give the evaluation.json or --json file of 's2f evaluate'"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        rows = {row["name"]: row["scores"] for row in content["rows"]}
        named = [name for name in (str(run), run.resolve().name) if name in rows.keys() - {STILL, REAL}]
        if not named:
            names = ", ".join(rows) or "nothing"
            raise InputError(f"{path} measures {names}, not {run}", "evaluate this run")
        columns = [
            [_mean(rows.get(name, {}), measure) for measure in content["measures"]]
            for name in (named[0], STILL, REAL)
        ]
        titles = [(name, each["title"]) for name, each in content["measures"].items()]
        return Measured(
            str(content.get("data", "unknown")).rstrip("/").rpartition("/")[2],
            str(content.get("split", "unknown")),
            int(content["measured"]),
            {
                name: (title, *values)
                for (name, title), values in zip(titles, zip(*columns, strict=True), strict=True)
                if values[0] is not None
            },
        )
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", hint) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} holds no evaluation of a run", hint) from error


def _mean(scores: dict[str, Any], measure: str) -> float | None:
    return scores[measure]["mean"] if measure in scores else None
