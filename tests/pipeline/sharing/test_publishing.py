"""A published set: read by the libraries that it is made for, with a card that says what is known."""

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from huggingface_hub import DatasetCard
from support.model_shards import change_members, make_members, make_shards
from support.prepared import Command, Prepared, refused
from support.readers import read_by

from s2f.pipeline.core import files, manifest, mjpeg, wav
from s2f.pipeline.core.errors import InputError, OutputError
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.core.schema import SHARDS
from s2f.pipeline.sharing.publishing import Published, publish
from s2f.pipeline.sharing.sample_loader import part_filter, sample_loader

CLIPS = {"train": 8, "val": 2}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of shards alone, several of a split."""
    return make_shards(tmp_path_factory.mktemp("drawn") / "set")


@pytest.fixture(scope="module")
def published(drawn: Path) -> Path:
    publish(PreparedSet(str(drawn)), drawn.parent / "faces")
    return drawn.parent / "faces"


@pytest.fixture(scope="module")
def real(prepared_small: Prepared, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Published]:
    folder = tmp_path_factory.mktemp("real") / "grid"
    return folder, publish(PreparedSet(str(prepared_small.out)), folder)


DATASETS = """
import json, sys
from datasets import load_dataset
folder = sys.argv[1]
whole = load_dataset(folder)
files = {split: f"{folder}/shards/{split}-*.tar" for split in whole}
same = load_dataset("webdataset", data_files=files, features=whole["train"].features)
streamed = load_dataset(folder, split="train", streaming=True)
first = whole["train"][0]
print(json.dumps({
    "clips": {split: [each["clip_id"] for each in whole[split]["json"]] for split in whole},
    "same": {split: same[split]["__key__"] == whole[split]["__key__"] for split in whole},
    "streamed": [each["__key__"] for each in streamed],
    "about": first["json"],
    "avi": len(first["avi"]["bytes"]), "wav": len(first["wav"]), "points": len(first["npy"]),
}))
"""


@pytest.mark.slow
def test_the_datasets_library_opens_the_folder_and_its_shards(
    published: Path, real: tuple[Path, Published], tmp_path: Path
) -> None:
    read = read_by(DATASETS, tmp_path, published)
    assert {split: len(clips) for split, clips in read["clips"].items()} == CLIPS
    assert all(read["same"].values())
    assert read["streamed"] == read["clips"]["train"]
    members = make_members("train_000", "train", 12, 0)
    assert (read["avi"], read["wav"], read["points"]) == (len(members["avi"]), len(members["wav"]), 12)
    assert read["about"] == json.loads(members["json"])


@pytest.mark.slow
def test_texts_that_only_later_clips_have_are_read(tmp_path: Path) -> None:
    """The library looks at five clips to find out the types of all."""

    def told(data: bytes) -> bytes:
        return json.dumps(json.loads(data) | {"text": "bin blue"}).encode()

    make_shards(tmp_path / "set", train=8, per_shard=8)
    change_members(tmp_path / "set", {"train_007.json": told})
    shards = tmp_path / "set/shards"
    rows = pq.ParquetFile(shards / "manifest.parquet").read()
    hashed = [row | {"sha256": files.sha256(shards / row["shard"])} for row in rows.to_pylist()]
    manifest.write_table(shards / "manifest.parquet", hashed, SHARDS)
    publish(PreparedSet(str(tmp_path / "set")), tmp_path / "faces")
    script = """
import json, sys
from datasets import load_dataset
print(json.dumps([each["text"] for each in load_dataset(sys.argv[1])["train"]["json"]]))
"""
    assert read_by(script, tmp_path, tmp_path / "faces") == [None] * 7 + ["bin blue"]


CROISSANT = """
import json, sys
import mlcroissant
found = mlcroissant.Dataset(sys.argv[1] + "/croissant.json")
text = lambda value: value.decode() if isinstance(value, bytes) else value
print(json.dumps({
    "errors": list(found.metadata.ctx.issues.errors),
    "files": {each.name: each.sha256 for each in found.metadata.distribution},
    "licences": found.metadata.license,
    "records": [{k.split("/")[1]: text(v) for k, v in each.items()} for each in found.records("clips")],
}))
"""


@pytest.mark.slow
def test_croissant_is_valid_and_gives_every_clip(
    published: Path, real: tuple[Path, Published], tmp_path: Path
) -> None:
    read = read_by(CROISSANT, tmp_path, published)
    assert read["errors"] == []
    assert {record["clip_id"] for record in read["records"]} == clip_ids(published)
    assert read["records"][0]["seconds"] == pytest.approx(0.48)
    rows = PreparedSet(str(published.parent / "set")).shard_rows
    hashes = {f"shards/{row['shard']}": row["sha256"] for row in rows}
    assert read["files"].items() >= hashes.items()
    assert read["licences"] == ["unknown"]
    found = read_by(CROISSANT, tmp_path, real[0])
    assert found["licences"] == ["cc-by-4.0"]
    assert {record["text"] for record in found["records"]} >= {"bin blue at f two now"}


ENERGON = """
import itertools, json, sys, warnings
warnings.simplefilter("ignore")
from megatron.energon import WorkerConfig, get_loader, get_train_dataset, get_val_dataset
config = WorkerConfig.default_worker_config(0)
common = dict(worker_config=config, batch_size=1, auto_decode=False)
train = get_train_dataset(sys.argv[1], split_part="train", shuffle_buffer_size=None,
    max_samples_per_sequence=None, **common)
val = get_val_dataset(sys.argv[1], split_part="val", **common)
found = {}
# Training never ends; its first epoch has each clip once.
for clips, count in ((train, 8), (val, None)):
    for batch in itertools.islice(get_loader(clips), count):
        video = batch.video
        found[batch.__key__[0]] = [list(video[part].shape) for part in ("frames", "sound", "points")]
print(json.dumps(found))
"""


@pytest.mark.slow
def test_energon_reads_every_clip_of_a_split(published: Path, tmp_path: Path) -> None:
    found = read_by(ENERGON, tmp_path, published)
    assert {key.rpartition("/")[2] for key in found} == clip_ids(published)
    assert all(shapes == [[1, 12, 3, 128, 96], [1, 7680], [1, 12, 68, 2]] for shapes in found.values())
    # Its own tool makes the same index.
    script = """
import json, sys
from pathlib import Path
from megatron.energon.epathlib import EPath
from megatron.energon.flavors.webdataset.prepare import WebdatasetPreparator
folder = Path(sys.argv[1])
tars = [f"shards/{each.name}" for each in sorted(folder.glob("shards/*.tar"))]
WebdatasetPreparator.prepare_dataset(EPath(folder), tars, workers=1,
    split_parts_patterns=[(split, f"shards/{split}-.*") for split in ("train", "val", "test")])
print(json.dumps(len(tars)))
"""
    shutil.copytree(published, tmp_path / "again")
    assert read_by(script, tmp_path, tmp_path / "again") == 4
    for path in sorted(published.rglob("*.idx")):
        assert (tmp_path / "again/shards" / path.name).read_bytes() == path.read_bytes()
    for name in (".info.yaml", "split.yaml"):
        ours, theirs = (folder / ".nv-meta" / name for folder in (published, tmp_path / "again"))
        assert loaded(ours) == loaded(theirs)


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def clip_ids(folder: Path) -> set[str]:
    return {*pq.ParquetFile(folder / "clips.parquet").read()["clip_id"].to_pylist()}


def test_the_sample_loader_gives_what_the_members_hold() -> None:
    members = make_members("a", "train", 12, 0)
    made = sample_loader({"__key__": "a", **members})
    video = made["video"]
    # Two decoders of JPEG round differently.
    frames = video["frames"].permute(0, 2, 3, 1).numpy().astype(int)
    assert abs(frames - mjpeg.decode(members["avi"])).max() <= 4
    assert np.allclose(video["sound"].numpy() / 32768, wav.decode(members["wav"]), atol=1e-4)
    assert np.array_equal(video["points"].numpy(), np.load(io.BytesIO(members["npy"])))
    assert (made["context"], video["fps"], video["sample_rate"]) == ("", "25", 16_000)
    assert all(map(part_filter, members))
    # What Energon has decoded is left as it is, and sets of an older s2f have no points.
    del members["npy"]
    decoded = sample_loader({"__key__": "a", **members, "avi": 1, "wav": 2, "json": video["about"]})["video"]
    assert (decoded["frames"], decoded["sound"], decoded["points"]) == (1, 2, None)


def test_the_card_is_read_by_the_hub_and_says_what_is_known(
    real: tuple[Path, Published], prepared_small: Prepared
) -> None:
    folder, told = real
    card = DatasetCard.load(folder / "README.md")
    assert card.data.license == "cc-by-4.0"
    assert card.data.size_categories == ["n<1K"]
    splits = {each["split"] for each in card.data.to_dict()["configs"][0]["data_files"]}
    assert splits == {row["split"] for row in prepared_small.shards()}
    text = card.text
    for words in (
        "GRID audiovisual sentence corpus",
        "Cooke",
        "CC BY 4.0",
        "96 x 128 px",
        "3 speaking people",
    ):
        assert words in text
    assert "| detect | 3 | 3 | 0 | 0 |" in text
    assert "| segment |" not in text
    assert str(prepared_small.out.parent) not in text
    assert (told.clips, told.doubtful) == (3, ())


def test_the_card_says_what_was_rejected_and_why_and_that_the_rest_is_unknown(
    small: Prepared, published: Path, tmp_path: Path
) -> None:
    small.prepare("detect.min_face=0.99")
    (small.raw / "s9").mkdir()
    (small.raw / "s9/lwwz5a.mpg").write_bytes(b"no video")
    small.prepare()
    publish(PreparedSet(str(small.out)), tmp_path / "grid")
    text = (tmp_path / "grid/README.md").read_text()
    assert "| scan | 4 | 3 | 0 | 1 |" in text
    assert "| scan | `unreadable` | 1 |" in text
    unknown = (published / "README.md").read_text()
    assert "Not known: the set was published without the manifests" in unknown
    assert DatasetCard(unknown).data.license == "unknown"


def test_shards_are_linked_and_the_set_stays_as_it_is(drawn: Path, published: Path) -> None:
    for path in (drawn / "shards").glob("*.tar"):
        assert path.samefile(published / "shards" / path.name)
    assert not list(drawn.parent.glob(".faces*"))


def test_a_corpus_that_may_not_be_passed_on_is_told(s2f: Command, drawn: Path) -> None:
    ended = s2f("publish", drawn, "faces")
    assert ended.code == 0
    assert "nothing was uploaded" in ended.out
    assert "may not be allowed to pass this on: videos of unknown origin (unknown)" in ended.err


def test_what_cannot_be_published_is_a_sentence(s2f: Command, drawn: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    refused(s2f("publish", drawn, tmp_path / "full"), "full is there already", "no empty folder")
    refused(s2f("publish", drawn, tmp_path / "full/file"), "is there already")
    refused(s2f("publish", drawn, "/proc/faces"), "cannot be written")
    refused(s2f("publish", tmp_path / "full", "faces"), "holds no shards")
    make_shards(tmp_path / "empty", train=0, val=0)
    refused(s2f("publish", tmp_path / "empty", "faces"), "has no clips in its shards")
    assert not Path("faces").exists()


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[:-700], lambda data: data[:600] + b"?" + data[601:], None],
    ids=["cut", "changed", "missing"],
)
def test_a_damaged_shard_is_not_published(damage: Any, drawn: Path, tmp_path: Path) -> None:
    shutil.copytree(drawn, tmp_path / "set")
    path = tmp_path / "set/shards/train-000001.tar"
    path.write_bytes(damage(path.read_bytes())) if damage else path.unlink()
    with pytest.raises(InputError, match="train-000001"):
        publish(PreparedSet(str(tmp_path / "set")), tmp_path / "faces")
    assert [each.name for each in tmp_path.iterdir()] == ["set"]


def test_an_empty_folder_is_filled(drawn: Path, tmp_path: Path) -> None:
    (tmp_path / "faces").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "faces")
    publish(PreparedSet(str(drawn)), tmp_path / "link")
    assert (tmp_path / "faces/croissant.json").exists()
    with pytest.raises(OutputError, match="no empty folder"):
        publish(PreparedSet(str(drawn)), tmp_path / "faces")
