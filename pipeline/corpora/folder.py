"""A plain folder of `speaker/clip.ext`; what is said may lie beside a clip as `clip.txt`."""

from pathlib import PurePosixPath

from s2f.pipeline.core.files import Place
from s2f.pipeline.corpora import texts
from s2f.pipeline.corpora.base import VIDEO_ENDINGS, Source


def recognises(videos: list[PurePosixPath], home: str) -> bool:
    """Any folder serves."""
    return True


def find(files: list[PurePosixPath], root: Place) -> list[Source]:
    """Every video below the folder; the speaker is the folder it lies in."""
    beside = texts_beside(files)
    home = root.resolve().name
    return [
        Source(
            corpus="folder",
            speaker=path.parent.name or home,
            utterance=path.stem,
            root=root,
            relative=str(path),
            aligned=beside.get(path.with_suffix("")),
        )
        for path in files
        if path.suffix.lower() in VIDEO_ENDINGS
    ]


def texts_beside(files: list[PurePosixPath]) -> dict[PurePosixPath, str]:
    """The texts among the files, by the name of the clip that each lies beside, without its ending."""
    return {path.with_suffix(""): str(path) for path in files if path.suffix.lower() == ".txt"}


def text(source: Source) -> str | None:
    """The content of the text beside the clip."""
    return texts.sentence(texts.read(source.alignment)) if source.alignment else None
