"""The model card of a generator: what it does, on which data it was trained, its figures and its limits."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from s2f.model.hub.figures import Measured, validated
from s2f.model.hub.origins import PACKAGE_CARD, Origin, origins
from s2f.model.networks.weights import Talker
from s2f.model.training.curves import CURVES, read_lines
from s2f.pipeline.core import cards
from s2f.pipeline.corpora import rights

TASK = "image-to-video"
TAGS = ["talking-head", "audio-driven-animation", "speech", "safetensors", "synthetic-media"]

LOADING = """\
In place of FOLDER the name of the model on the Hub serves too, with `pip install 's2f[hub]'`:

{python}

FOLDER, on this machine, is a run to every command of s2f:

{shell}"""
PYTHON = """
import s2f

talker = s2f.load_generator("FOLDER")
print(talker.fps, talker.sample_rate, talker.size)
"""
SHELL = "s2f animate --run FOLDER --image me.jpg --audio speech.wav --out me.mp4"
SYNTHETIC = """\
What it makes never happened. s2f writes into the metadata of each mp4 that it is synthetic
(`trainedAlgorithmicMedia`); do not take that out, and say so where the video is shown. It must not be used
to make a person say what he or she has not agreed to."""
LICENCES = """\
The licences are those of the data. Whether they bind the weights is for who publishes them to find out, and
to say as `license` at the top of this card."""
LIMITS = """\
- It knows faces from the front, like those that it was trained on. Others come out less well.
- It knows the languages and voices of its data alone.
- Only the figures above were measured; where there are none, nothing is known of how good it is.
- It has not been tested for how well it serves people of different age, sex or skin colour."""


def write(run: Path, name: str, talker: Talker, measured: Measured | None) -> bytes:
    """The content of README.md for the weights of the folder `run`. Raises CheckpointError."""
    known = origins(run)
    packed = _package_sections(run)
    tables = [measured.as_table() if measured else "", validated(run), packed.get("Figures", "")]
    sections = {
        "Summary": _summary(talker),
        "How to load it": LOADING.format(python=cards.code(PYTHON), shell=cards.code(SHELL, "sh")),
        "Its output is synthetic": SYNTHETIC,
        "Data and licences": f"{_data(known)}\n\n{LICENCES}",
        "How it was made": packed.get("Made by", _made(run, known)),
        "Figures": "\n\n".join(filter(None, tables)) or "None were measured.",
        "Limits": "\n\n".join(filter(None, [packed.get("Limits", ""), LIMITS])),
    }
    front = {
        **licence(known),
        "library_name": "s2f",
        "pipeline_tag": TASK,
        "tags": TAGS,
        **({"model-index": measured.model_index(name, TASK)} if measured else {}),
    }
    return cards.card(front, name, sections)


def licence(known: Sequence[Origin]) -> dict[str, str]:
    """The licence as the Hub reads it: that of the data, `other` with all names where there are several."""
    if not all(each.clips for each in known):
        return {"license": cards.UNKNOWN}
    ids = cards.licence(rights(name).hub for each in known for name in each.clips)
    if len(ids) == 1 or cards.UNKNOWN in ids:
        return {"license": ids[0] if len(ids) == 1 else cards.UNKNOWN}
    return {"license": "other", "license_name": "-and-".join(ids), "license_link": cards.CARD}


def _summary(talker: Talker) -> str:
    width, height = talker.size
    count = sum(weight.numel() for weight in talker.generator.parameters())
    return (
        f"A still face and speech to a talking face of {width} x {height} px, {talker.fps} frames per second."
        f" It hears mono sound of {talker.sample_rate} Hz, and has {count:,} weights, as safetensors."
        f" Written by s2f {version('s2f')}."
    )


def _data(known: Sequence[Origin]) -> str:
    rows: list[list[object]] = []
    for each in known:
        if not each.clips:
            rows.append([each.name, cards.UNKNOWN, cards.UNKNOWN, cards.UNKNOWN, cards.UNKNOWN])
        for name, clips in each.clips.items():
            right = rights(name)
            makers = right.makers or cards.UNKNOWN
            rows.append([each.name, right.title, clips or cards.UNKNOWN, makers, right.licence])
    words = "Names of files say from which corpus a clip is; nobody has checked that."
    return f"{cards.table(['set', 'corpus', 'clips trained on', 'makers', 'licence'], rows)}\n\n{words}"


def _made(run: Path, known: Sequence[Origin]) -> str:
    lines = read_lines(run / CURVES)
    if not lines:
        return "Not known: the weights came without the log of their training."
    people = f" of {known[0].people} people" if known[0].people else ""
    begun = " It began with the weights of another training." if len(known) > 1 else ""
    return (
        f"`s2f train` on {known[0].name}{people}: {lines[-1]['step']:,} steps in"
        f" {lines[-1]['seconds'] / 3600:.1f} h.{begun}"
    )


def _package_sections(run: Path) -> dict[str, str]:
    """The sections of the card that comes with the package's own weights, by heading."""
    path = run / PACKAGE_CARD
    if not path.exists():
        return {}
    parts = path.read_text(encoding="utf-8").split("\n## ")[1:]
    return {head: body.strip() for head, _, body in (part.partition("\n") for part in parts)}
