"""scan: which clip, whose, what is said, and what the container says of itself."""

from dataclasses import replace
from typing import Annotated

import pyarrow as pa
from pydantic import AfterValidator, Field

from s2f.pipeline.core import media
from s2f.pipeline.core.errors import CodecError, Rejected
from s2f.pipeline.core.files import as_text
from s2f.pipeline.core.params import Params
from s2f.pipeline.core.schema import Row
from s2f.pipeline.corpora import CORPORA, open_corpus
from s2f.pipeline.corpora.base import Source
from s2f.pipeline.corpora.listing import AUTO, speaker_pattern
from s2f.pipeline.stages.base import Clip, Stage


def _known(corpus: str) -> str:
    if corpus not in (AUTO, *CORPORA):
        raise ValueError(f"it should be {AUTO}, {' or '.join(CORPORA)}")
    return corpus


def _pattern(text: str) -> str:
    speaker_pattern(text)
    return text


class ScanParams(Params):
    """Settings of the scan stage."""

    corpus: Annotated[str, AfterValidator(_known)] = Field(
        AUTO,
        description=f"{AUTO}, {', '.join(list(CORPORA)[:-1])} or {list(CORPORA)[-1]}",
        json_schema_extra={"enum": [AUTO, *CORPORA]},
    )
    speaker: Annotated[str, AfterValidator(_pattern)] | None = Field(
        None,
        description="who speaks, where folders do not tell: a path such as {speaker}/**, or an expression",
    )


COLUMNS = pa.schema(
    [
        ("corpus", pa.string()),
        ("speaker", pa.string()),
        ("utterance", pa.string()),
        ("emotion", pa.string()),
        ("source", pa.string()),
        ("begin", pa.float64()),
        ("end", pa.float64()),
        ("alignment", pa.string()),
        ("sha256", pa.string()),
        ("stamp", pa.string()),
        ("text", pa.string()),
        (
            "labels",
            pa.list_(pa.struct([("label", pa.string()), ("start", pa.float64()), ("end", pa.float64())])),
        ),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("source_fps", pa.float64()),
        ("duration", pa.float64()),
        ("video_codec", pa.string()),
        ("video_start", pa.float64()),
        ("audio_codec", pa.string()),
        ("source_rate", pa.int32()),
        ("channels", pa.int32()),
        ("video_stream", pa.int32()),
        ("video_streams", pa.int32()),
        ("sound_track", pa.int32()),
        ("sound_tracks", pa.int32()),
    ]
)


def origin(source: Source) -> Row:
    """Where a clip came from: known even of one that cannot be read."""
    return {
        "corpus": source.corpus,
        "speaker": source.speaker,
        "utterance": source.utterance,
        "emotion": source.emotion or None,
        "source": source.name,
        "stamp": source.stamp,
        "begin": source.piece.begin if source.piece else None,
        "end": source.piece.end if source.piece else None,
    }


def run(clip: Clip, params: ScanParams) -> Row:
    """Probe one clip and read its text."""
    source = clip.source
    corpus = open_corpus(source.corpus)
    try:
        found = media.probe(clip.video, clip.begin)
    except CodecError as error:
        raise Rejected("unknown_codec", error.message) from error
    text, labels = source.piece.text if source.piece else None, []
    notes = [found.video.note, found.sound.note if found.sound else ""]
    try:
        labels = [vars(label) for label in corpus.labels(source)]
        text = text or corpus.text(source)
    except ValueError as error:
        notes.append(f"the alignment {source.alignment} cannot be read: {error}")
        text = corpus.text(replace(source, aligned=None))
    row: Row = {
        "alignment": as_text(source.aligned) if source.aligned else None,
        "text": text,
        "labels": labels,
        "width": found.width,
        "height": found.height,
        "source_fps": found.fps,
        "duration": _duration(source, found),
        "video_codec": found.video_codec,
        "video_start": found.video_start,
        "audio_codec": found.audio_codec,
        "source_rate": found.sample_rate,
        "channels": found.channels,
        "video_stream": found.video.number,
        "video_streams": found.video.count,
        "sound_track": found.sound.number if found.sound else None,
        "sound_tracks": found.sound.count if found.sound else 0,
        "message": "; ".join(filter(None, notes)),
    }
    if found.audio_codec is None:
        raise Rejected("no_audio", "the video has no audio stream", **row)
    return row


def _duration(source: Source, found: media.Probe) -> float:
    """Seconds of the video, or of the piece of it that there is."""
    if source.piece is None:
        return found.duration
    return max(0.0, min(source.piece.end, found.duration or source.piece.end) - source.piece.begin)


STAGE = Stage(
    name="scan",
    version=5,
    description="Which files are clips, whose they are, what is said.",
    params=ScanParams,
    columns=COLUMNS,
    run=run,
    reasons={
        "no_audio": "the video has no audio stream",
        "unknown_codec": "the codec of the picture or the sound is not known to ffmpeg",
    },
)
