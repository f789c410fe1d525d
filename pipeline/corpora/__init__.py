"""GRID, TCD-TIMIT, CREMA-D and others, plain folders: a file per corpus, and one table."""

import functools
import importlib
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from s2f.pipeline.corpora.base import Corpus, Rights

# The module of each corpus, the most particular first: any folder is a "folder".
CORPORA = {
    "grid": "s2f.pipeline.corpora.grid",
    "tcd_timit": "s2f.pipeline.corpora.tcd_timit",
    "crema_d": "s2f.pipeline.corpora.crema_d",
    "ravdess": "s2f.pipeline.corpora.ravdess",
    "lrw": "s2f.pipeline.corpora.lrw",
    "lrs3": "s2f.pipeline.corpora.lrs3",
    "voxceleb2": "s2f.pipeline.corpora.voxceleb2",
    "folder": "s2f.pipeline.corpora.folder",
}


@functools.cache
def open_corpus(name: str) -> "Corpus":
    """The functions of a corpus by its name in CORPORA: those of its module, or else of `unknown`."""
    from s2f.pipeline.corpora import unknown

    module = importlib.import_module(CORPORA[name])
    return cast("Corpus", SimpleNamespace(**{**vars(unknown), **vars(module)}))


def rights(name: str) -> "Rights":
    """Whose a corpus is, by its name; unknown for a name that is not in CORPORA."""
    from s2f.pipeline.corpora import unknown

    return open_corpus(name).RIGHTS if name in CORPORA else unknown.RIGHTS


def sentence(utterance: str) -> str | None:
    """The words that the name of an utterance stands for in any corpus; None where it stands for none."""
    name = named_corpus(utterance)
    return open_corpus(name).sentence(utterance) if name else None


def named_corpus(utterance: str) -> str | None:
    """The corpus in which the name of an utterance stands for words; None where there is none."""
    return next((name for name in CORPORA if open_corpus(name).sentence(utterance)), None)
