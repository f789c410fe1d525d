"""A prepared set as a folder that the Hugging Face Hub takes as it is, and other programs read.

FOLDER/README.md             the data card
FOLDER/clips.parquet         one row per clip
FOLDER/shards/*.tar          the shards as they are
FOLDER/shards/*.tar.idx      where their samples begin, for Energon
FOLDER/.nv-meta/             splits, counts and sample loader, for Energon
FOLDER/croissant.json        the set in JSON-LD
"""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from s2f.pipeline.core import cards, files, manifest, shards
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.files import as_text
from s2f.pipeline.core.prepared_set import SHARD_FOLDER, PreparedSet
from s2f.pipeline.core.progress import Progress
from s2f.pipeline.core.shards import Shard
from s2f.pipeline.corpora import rights
from s2f.pipeline.sharing import card, contents, croissant, energon
from s2f.pipeline.sharing.contents import Contents

TABLE, JSON_LD = "clips.parquet", "croissant.json"

CLIPS = pa.schema(
    [
        ("clip_id", pa.string()),
        ("split", pa.string()),
        ("shard", pa.string()),
        ("corpus", pa.string()),
        ("speaker", pa.string()),
        ("utterance", pa.string()),
        ("text", pa.string()),
        ("frames", pa.int64()),
        ("first", pa.int64()),
        ("seconds", pa.float64()),
        ("fps", pa.string()),
        ("sample_rate", pa.int64()),
        ("source", pa.string()),
        ("source_sha256", pa.string()),
    ]
)


@dataclass(frozen=True)
class Published:
    """The folder of a published set, what is in it, and the corpora that must not simply be passed on."""

    folder: Path
    shards: int
    clips: int
    doubtful: tuple[str, ...]

    def in_words(self) -> str:
        """What was written, and that nothing has left this machine."""
        return f"{self.folder}: {self.clips} clips in {self.shards} shards; nothing was uploaded"


def publish(
    data: PreparedSet, folder: Path, progress: Progress = lambda what, done, total: None
) -> Published:
    """Write a prepared set as a folder for others; its shards are linked where that is possible.

    Raises InputError where the set holds no clips or a shard is damaged, OutputError where the folder holds
    something already.
    """
    if not data.shards:
        raise InputError(f"{data} has no clips in its shards", "prepare more clips")
    with files.appearing_folder(folder) as made:
        (made / SHARD_FOLDER).mkdir()
        found = []
        for done, shard in enumerate(data.shards):
            progress("shards", done, len(data.shards))
            found.append(_take(shard, made / SHARD_FOLDER))
        progress("shards", len(data.shards), len(data.shards))
        rows = [row for each in found for row in each.clips]
        manifest.write_table(made / TABLE, rows, CLIPS)
        about = card.About.of(data, as_text(folder.resolve().name), found)
        energon.write(made, found)
        table = croissant.File(TABLE, files.sha256(made / TABLE), (made / TABLE).stat().st_size)
        files.write_bytes(made / JSON_LD, croissant.describe(about, found, table, CLIPS))
        files.write_bytes(made / cards.CARD, card.write(about, found))
    doubtful = [rights(name) for name in about.corpora if not rights(name).shareable]
    words = tuple(f"{each.title} ({each.licence})" for each in doubtful)
    return Published(folder, len(found), len(rows), words)


def _take(shard: Shard, folder: Path) -> Contents:
    try:
        source = shards.local(shard)
        found = contents.read(shard, source)
    except FileNotFoundError as error:
        raise InputError(f"the shard {shard.path} is missing", shards.AGAIN) from error
    except ValueError as error:
        raise InputError(f"the shard {shard.path} is damaged: {error}", shards.AGAIN) from error
    files.link(source, folder / shard.path.name)
    return found
