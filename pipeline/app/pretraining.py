"""Trains the weights that come with the package from folders of raw corpora: `make pretrained`.

Everything lies below a work folder, and what is done there is not done again: the same command goes on
where it was stopped. The generator is trained on one core, lip reader and sync scorer beside it on another.
"""

import io
import json
import math
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow.parquet as pq
import torch
from safetensors.torch import load_file, save

from s2f.model.evaluation.learned.lipreading.reader import KIND as READER
from s2f.model.evaluation.learned.sync.scorer import KIND as SCORER
from s2f.model.networks.weights import GENERATOR, PRETRAINED, Kind, located
from s2f.model.training.curves import CURVES, read_lines
from s2f.pipeline.core import wav
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.files import make_folder, write_bytes
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.core.schema import POINTS, SOUND, Row
from s2f.pipeline.core.shards import read_clips, read_meta
from s2f.pipeline.faces import mouth, talking

Result = TypeVar("Result")

# The corpora below the folder of shared data, and the settings of their preparation.
CORPORA = ("grid", "grid_s1", "grid_many", "crema")
PREP = (
    "shard.split_by=utterance",
    "shard.shares={train: 0.92, val: 0.02, test: 0.06}",
    "shard.test=[s5, s30, '1011', '1020', '1030', '1041', '1052', '1062', '1077', '1088']",
    "shard.val=[s26, '1013', '1042', '1071']",
)
# The generator's trainings, each of which begins with the weights of the one before: their presets.
STAGES = ("listen", "paint", "sharpen")
# The settings of the judges' trainings.
READ = ("lipread.epochs=40", "lipread.validate_every=5", "lipread.dropout=0.2", "lipread.threads=1")
SYNC = ("sync.steps=600", "sync.threads=1")
# Clips of one person that the regression of who talks is fitted on, at most.
PER_SPEAKER = 40
# Sentences of others that each one left out is told from.
RIVALS = 6
LICENCES = """\
- GRID audiovisual sentence corpus, Cooke, Barker, Cunningham and Shao 2006, CC BY 4.0
- CREMA-D, Cao et al. 2014, ODbL 1.0
"""


@dataclass(frozen=True)
class Published:
    """Weights of the package: their kind, the runs that made them, what they do and what they cannot."""

    kind: Kind
    trained: tuple[Path, ...]
    title: str
    does: str
    limits: str

    @property
    def run(self) -> Path:
        """The run that holds the weights."""
        return self.trained[-1]


def main(data: Path, work: Path) -> None:
    """Prepare the corpora below `data`, train everything below `work`, and write the package's weights."""
    prepared = work / "set"
    gather(data, work / "raw")
    run("prep", work / "raw", "--out", prepared, *_sets(PREP))
    write_talking(PreparedSet(prepared), talking.REGRESSION)
    last = beside(lambda: train_judges(prepared, work), lambda: train_generator(prepared, work))
    judges = ("--lipreader", work / "reader", "--sync", work / "sync")
    run("evaluate", last, "--data", prepared, "--split", "test", *judges, "--out", work / "scores")
    scores = json.loads((work / "scores" / "evaluation.json").read_text())
    table = figures(
        scores,
        pq.read_table(work / "scores" / "clips.parquet").to_pylist(),
        trained_on(PreparedSet(prepared)),
    )
    for each in published(work):
        publish(each, table, located(PRETRAINED, each.kind))


# A clip's speaker, the spectra of its sound, and how far its mouth is open.
Said = tuple[str, talking.Floats, talking.Floats]


def write_talking(data: PreparedSet, path: Path) -> None:
    """Fit the regression that tells who talks, on up to PER_SPEAKER training clips of each person."""
    counts = Counter[str]()
    fitted = []
    for speaker, heard, opening in _said(data, "train"):
        counts[speaker] += 1
        if counts[speaker] <= PER_SPEAKER:
            fitted.append((heard, opening))
    weights = talking.fit(fitted)
    held_out = [*_said(data, "val"), *_said(data, "test")]
    content = {
        "made by": "make pretrained",
        "data": f"{len(fitted)} clips of {len(counts)} people",
        "licences": LICENCES.splitlines(),
        "right": {
            name: _right(held_out, people, weights) for name, people in _people(held_out, counts).items()
        },
        "weights": [round(float(weight), 6) for weight in weights],
    }
    write_bytes(path, (json.dumps(content, indent=1) + "\n").encode())


def _said(data: PreparedSet, split: str) -> Iterator[Said]:
    for shard in data.split(split):
        for _, found in read_clips(shard, [*shard.clips]):
            if isinstance(found, InputError):
                raise found
            meta, points = read_meta(found), np.load(io.BytesIO(found[POINTS]), allow_pickle=False)
            heard = talking.spectra([wav.decode(found[SOUND])], meta.rate)
            opening = mouth.relative_opening(points.astype(np.float32))
            yield meta.speaker, heard[: len(opening)], opening


def _people(clips: Sequence[Said], known: Collection[str]) -> dict[str, set[str]]:
    """Whose clips are judged together: people whose other clips were fitted on, and others by corpus."""
    speakers = {speaker for speaker, _, _ in clips}
    others = speakers - {*known}
    grid = {speaker for speaker in others if speaker.startswith("s")}
    return {
        "people fitted on": speakers & {*known},
        "others of GRID": grid,
        "others of CREMA-D": others - grid,
    }


def _right(clips: Sequence[Said], people: set[str], weights: talking.Floats) -> str:
    """How often the face that says a sentence is told from one that says another, each against RIVALS."""
    draw, right, total = random.Random(0), 0, 0
    for number, (speaker, heard, opening) in enumerate(clips):
        if speaker not in people:
            continue
        rivals = [other for at, (_, _, other) in enumerate(clips) if at != number]
        for rival in draw.sample(rivals, RIVALS):
            count = min(len(opening), len(rival))
            expected = talking.expected_opening(heard, weights)[:count]
            agreed = [talking.agreement(each[:count], expected) for each in (opening, rival)]
            right, total = right + (agreed[0] > agreed[1]), total + 1
    return f"{right} of {total}"


def beside(other: Callable[[], object], work: Callable[[], Result]) -> Result:
    """What `work` gives, done while `other` is done in a thread. Raises what either of them raises."""
    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(other)
        result = work()
        done.result()
    return result


def gather(data: Path, raw: Path) -> None:
    """One raw folder of links to all corpora. Raises InputError where one is missing."""
    for name in CORPORA:
        if not (data / name).is_dir():
            raise InputError(f"{data} lacks the corpus {name}", "name the folder that holds the corpora")
        make_folder(raw)
        if not (raw / name).exists():
            (raw / name).symlink_to((data / name).absolute(), target_is_directory=True)


def train_generator(prepared: Path, work: Path) -> Path:
    """Train the generator stage by stage; the run of the last one."""
    start: tuple[object, ...] = ()
    for stage in STAGES:
        folder = work / stage
        _train("train", folder, (prepared, "--preset", stage, *start))
        start = ("--start", folder)
    return work / STAGES[-1]


def train_judges(prepared: Path, work: Path) -> None:
    """Train what measures: the lip reader, then the sync scorer."""
    _train("lipread train", work / "reader", (prepared, *_sets(READ)))
    _train("sync train", work / "sync", (prepared, *_sets(SYNC)))


def _train(command: str, folder: Path, more: Sequence[object]) -> None:
    if (folder / "state.pt").exists():
        run(*command.split(), "--run", folder, "--resume")
    else:
        run(*command.split(), *more, "--run", folder)


def run(*arguments: object) -> None:
    """Run a command of s2f in a process of its own, with one thread; an error ends everything."""
    program = [sys.executable, "-c", "from s2f.pipeline.app.cli import main; main()"]
    done = subprocess.run(
        [*program, *map(str, arguments)], env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False
    )
    if done.returncode:
        raise SystemExit(done.returncode)


def _sets(values: Sequence[str]) -> list[str]:
    return [part for value in values for part in ("--set", value)]


def published(work: Path) -> tuple[Published, ...]:
    """What goes into the package."""
    return (
        Published(
            GENERATOR,
            tuple(work / stage for stage in STAGES),
            "Generator",
            "A still face and speech to a talking face of 96 x 128 px at 25 frames per second.",
            "It has seen mostly one man of GRID, and some seventy people in one to twenty clips. Faces from"
            " the front, English, clear speech. Eyes close at random moments. It must not be used to make a"
            " person say what he or she has not agreed to.",
        ),
        Published(
            READER,
            (work / "reader",),
            "Lip reader",
            "Reads sentences of GRID from mouths of 64 x 40 px.",
            "It knows the 51 words of GRID alone, and reads one man well and others badly.",
        ),
        Published(
            SCORER,
            (work / "sync",),
            "Sync scorer",
            "Tells by how many frames the sound of a talking face is late.",
            "On people that it has not seen, one clip proves little.",
        ),
    )


def publish(each: Published, table: str, target: Path) -> None:
    """Write weights, in half precision, description and card to the folder `target`."""
    weights = each.run / each.kind.weights
    halves = {
        name: tensor.to(torch.float16) if tensor.is_floating_point() else tensor
        for name, tensor in load_file(weights).items()
    }
    make_folder(target)
    write_bytes(target / each.kind.weights, save(halves))
    shutil.copyfile(each.run / each.kind.description, target / each.kind.description)
    write_bytes(target / "card.md", card(each, table).encode())


def card(each: Published, table: str) -> str:
    """What people should know of the weights, in Markdown."""
    minutes = sum(read_lines(run / CURVES)[-1]["seconds"] for run in each.trained) / 60
    return f"""\
# {each.title}

{each.does}

## Data and licences

{LICENCES}
The weights may be used under the terms of these licences.

## Made by

`make pretrained`, from the corpora named above; seed 0. The training took {minutes:.0f} minutes of one core,
with other work beside it.

## Limits

{each.limits}

## Figures

The generator, with the lip reader and sync scorer as judges, on sentences that were not trained on. Means
over the clips:

{table}"""


def figures(scores: Mapping[str, Any], clips: Sequence[Row], known: Collection[str]) -> str:
    """The measures of generated and real videos as a table in Markdown: people trained on, and others."""
    run = scores["rows"][0]["name"]
    groups = [
        [row for row in clips if (row["speaker"] in known) is trained and row["video"] == video]
        for trained in (True, False)
        for video in (run, "still", "real")
    ]
    people = [
        f"{len(groups[first])} clips of people {words}"
        for first, words in ((0, "trained on"), (3, "not trained on"))
    ]
    lines = [
        f"| | {people[0]}: generated | still | real | {people[1]}: generated | still | real |",
        "|---" * (len(groups) + 1) + "|",
    ]
    for name, measure in scores["measures"].items():
        lines.append(f"| {measure['title']} | {' | '.join(_mean(group, name) for group in groups)} |")
    return "\n".join(lines) + "\n"


def _mean(rows: Sequence[Row], name: str) -> str:
    values = [row[name] for row in rows if row[name] is not None and math.isfinite(row[name])]
    return f"{sum(values) / len(values):.3g}" if values else "-"


def trained_on(data: PreparedSet) -> set[str]:
    """The people in the train split."""
    return {data.speakers[clip] for shard in data.split("train") for clip in shard.clips}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
