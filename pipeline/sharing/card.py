"""The data card of a published set: what is in it, where it comes from, what was left out, its limits."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, ClassVar

from s2f.pipeline.core import cards
from s2f.pipeline.core.manifest import Manifest
from s2f.pipeline.core.prepared_set import MANIFESTS, SHARD_FOLDER, PreparedSet
from s2f.pipeline.core.schema import COMMON, FRAMES, META, POINTS, SOUND, Row, SampleMeta
from s2f.pipeline.core.shards import Media
from s2f.pipeline.corpora import rights
from s2f.pipeline.prep import funnel
from s2f.pipeline.prep.funnel import Funnel
from s2f.pipeline.sharing.contents import Contents
from s2f.pipeline.stages import load_stages
from s2f.pipeline.stages.splits import SPLITS

MEMBERS = {
    FRAMES: "the aligned face, RGB as Motion JPEG",
    META: "whose clip it is, what is said, rates, and where the window of each frame begins",
    POINTS: "the 68 points of the face in every frame, px of the crop, float16 (n, 68, 2)",
    SOUND: "mono sound, as long as the frames",
}
# How the Hub's datasets library is to see each member: so nothing is needed to decode it.
FEATURES: dict[str, dict[str, Any]] = {
    FRAMES: {"dtype": {"video": {"decode": False}}},
    POINTS: {"list": {"list": {"list": "float16"}}},
    SOUND: {"dtype": "binary"},
}
# By the type of a field of the JSON.
DTYPES: dict[Any, dict[str, Any]] = {
    int: {"dtype": "int64"},
    str: {"dtype": "string"},
    str | None: {"dtype": "string"},
    list[int]: {"list": "int64"},
}
SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M"}
LARGEST = "1M<n<10M"

LOADING = """\
With the Hub's library; in place of FOLDER the name of the set on the Hub serves too:

{datasets}

`cast_column("{FRAMES}", datasets.Video())` and `cast_column("{SOUND}", datasets.Audio())` decode, where
torchcodec is installed. With webdataset and s2f:

{webdataset}

With NVIDIA's Energon, whose index lies in `.nv-meta` and beside the shards:

{energon}

`croissant.json` describes the files and the table of clips in Croissant."""
DATASETS = """
import datasets

clips = datasets.load_dataset("FOLDER", split="{split}")
"""
WEBDATASET = """
import webdataset as wds
from s2f.pipeline.core import mjpeg, wav

for sample in wds.WebDataset("FOLDER/{shard}", shardshuffle=False):
    frames = mjpeg.decode(sample["avi"])  # uint8 (n, height, width, 3)
    sound = wav.decode(sample["wav"])  # float32 (samples,)
"""
ENERGON = """
from megatron.energon import WorkerConfig, get_loader, get_train_dataset

train = get_train_dataset(
    "FOLDER",
    split_part="{split}",
    worker_config=WorkerConfig.default_worker_config(0),
    batch_size=1,
    shuffle_buffer_size=None,
    max_samples_per_sequence=None,
    auto_decode=False,  # the loader of the set decodes
)
for batch in get_loader(train):
    frames, sound = batch.video["frames"], batch.video["sound"]
"""
LIMITS = """\
- Faces, crops and sound were found and cut by programs. Nobody has looked at every clip.
- Faces were turned upright and scaled to one size; what lies around them is cut off.
- Clips that were rejected are missing, so the set is easier than its source.
- Who speaks and what is said is as the source tells it; where it does not, it is not known.
- It is not balanced over age, sex, skin colour or language."""
RECORDINGS = "How many clips came to each stage, and how they ended; `segment` counts long recordings."
CONSENT = """\
The set shows faces and voices of people. Pass it on, and train with it, only as its licence and the consent
of these people allow; where either is unknown, ask. Names of files and speakers are those of the source, and
may name a person. Do not use it to make a person say what he or she has not agreed to, nor to recognise
people. Say of what is generated with it that it is synthetic. Clips of a person who asks for their removal
must be removed."""


@dataclass(frozen=True)
class About:
    """What is known of a published set.

    `corpora` counts the clips by the corpus that their files were taken for; `funnel` is empty where there
    are no manifests.
    """

    TAGS: ClassVar[list[str]] = [
        "webdataset",
        "audio-visual",
        "talking-head",
        "lip-reading",
        "faces",
        "speech",
    ]

    name: str
    media: Media
    size: tuple[int, int]
    corpora: Counter[str]
    people: int
    clips: int
    seconds: float
    funnel: tuple[Funnel, ...]

    @classmethod
    def of(cls, data: PreparedSet, name: str, found: Sequence[Contents]) -> "About":
        """What the shards and manifests of a set tell. Raises InputError."""
        rows = [row for each in found for row in each.clips]
        return cls(
            name,
            data.media,
            data.size,
            Counter(row["corpus"] for row in rows),
            len(_people(rows)),
            len(rows),
            sum(row["seconds"] for row in rows),
            tuple(_funnel(data)),
        )

    @property
    def licences(self) -> list[str]:
        """The Hub's names of the corpora's licences."""
        return cards.licence(rights(name).hub for name in self.corpora)

    @property
    def makers(self) -> list[str]:
        """The corpora and who has made them, as far as they are known."""
        known = [rights(name) for name in self.corpora]
        return [f"{each.title}, {each.makers}" for each in known if each.makers]

    def summary(self) -> str:
        """One sentence."""
        height, width = self.size
        return (
            f"{self.clips} clips of {self.people} speaking people, {_hours(self.seconds)}: faces aligned to"
            f" {width} x {height} px at {self.media.fps} frames per second with mono sound at"
            f" {self.media.sample_rate} Hz, prepared by s2f {version('s2f')}."
        )


def write(about: About, found: Sequence[Contents]) -> bytes:
    """The content of README.md."""
    sections = {
        "What is in it": _contents(found),
        "How to load it": _loading(found),
        "Where it comes from": _origin(about),
        "What was left out": _left_out(about.funnel),
        "Limits": LIMITS,
        "Consent and likeness": CONSENT,
    }
    return cards.card(front(about, found), about.name, {"Summary": about.summary(), **sections})


def front(about: About, found: Sequence[Contents]) -> dict[str, Any]:
    """What the Hub and its datasets library read."""
    return {
        "pretty_name": about.name,
        "license": about.licences if len(about.licences) > 1 else about.licences[0],
        "task_categories": ["image-to-video"],
        "tags": about.TAGS,
        "size_categories": [next((word for most, word in SIZES.items() if about.clips < most), LARGEST)],
        "configs": [
            {
                "config_name": "default",
                "data_files": [
                    {"split": split, "path": f"{SHARD_FOLDER}/{split}-*.tar"}
                    for split in SPLITS
                    if any(each.split == split for each in found)
                ],
            }
        ],
        "dataset_info": {"config_name": "default", "features": _features(found)},
    }


def _features(found: Sequence[Contents]) -> list[dict[str, Any]]:
    fields = [{"name": name, **DTYPES[field.annotation]} for name, field in SampleMeta.model_fields.items()]
    known = {**FEATURES, META: {"struct": fields}}
    endings = sorted(frozenset[str]().union(*(each.endings for each in found)) & known.keys())
    keys = [{"name": name, "dtype": "string"} for name in ("__key__", "__url__")]
    return [*({"name": ending, **known[ending]} for ending in endings), *keys]


def _contents(found: Sequence[Contents]) -> str:
    rows = []
    for split in SPLITS:
        shards = [each for each in found if each.split == split]
        clips = [row for each in shards for row in each.clips]
        hours = _hours(sum(row["seconds"] for row in clips))
        rows.append([split, len(clips), len(_people(clips)), hours, len(shards)])
    endings = frozenset[str]().union(*(each.endings for each in found))
    members = [[f"`{ending}`", words] for ending, words in MEMBERS.items() if ending in endings]
    return "\n\n".join(
        [
            cards.table(["split", "clips", "people", "length", "shards"], rows),
            "A sample of a shard is a clip:",
            cards.table(["member", "what"], members),
            "`clips.parquet` has one row per clip.",
        ]
    )


def _loading(found: Sequence[Contents]) -> str:
    first = {"split": found[0].split, "shard": f"{SHARD_FOLDER}/{found[0].name}"}
    examples = {"datasets": DATASETS, "webdataset": WEBDATASET, "energon": ENERGON}
    code = {name: cards.code(example.format(**first)) for name, example in examples.items()}
    return LOADING.format(FRAMES=FRAMES, SOUND=SOUND, **code)


def _origin(about: About) -> str:
    known = {name: rights(name) for name in about.corpora}
    rows = [
        [each.title, about.corpora[name], each.makers or cards.UNKNOWN, each.licence]
        for name, each in known.items()
    ]
    words = (
        "Names of files say from which corpus a clip is; nobody has checked that. The licence is the one that"
        " the makers of the corpus give."
    )
    return f"{cards.table(['corpus', 'clips', 'makers', 'licence'], rows)}\n\n{words}"


def _left_out(lines: Sequence[Funnel]) -> str:
    if not lines:
        return "Not known: the set was published without the manifests of its preparation."
    stages = cards.table(
        ["stage", "came in", "passed", "rejected", "failed"],
        [[each.stage, each.entered, each.ok, each.rejected, each.failed] for each in lines],
    )
    meanings = {stage.name: stage.reasons for stage in load_stages()}
    reasons = [
        [each.stage, f"`{reason}`", count, meanings[each.stage].get(reason, "")]
        for each in lines
        for reason, count in each.reasons.items()
    ]
    why = cards.table(["stage", "reason", "clips", "what it means"], reasons) if reasons else "Nothing."
    return f"{RECORDINGS}\n\n{stages}\n\n{why}"


def _funnel(data: PreparedSet) -> list[Funnel]:
    folder = data.place / MANIFESTS
    if not (folder / "scan.parquet").exists():
        return []
    tables = {stage.name: Manifest(folder, stage.name, COMMON) for stage in load_stages() if stage.run}
    # Only long recordings are cut.
    return [line for name, table in tables.items() if (line := funnel.count(name, table)).entered]


def _people(rows: Sequence[Row]) -> set[tuple[str, str]]:
    return {(row["corpus"], row["speaker"]) for row in rows}


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.1f} min"
