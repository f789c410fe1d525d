"""Which files hold several clips: long recordings, cut into pieces, and those of a table of pieces.

What the segment stage has found is a row per recording in a manifest of its own. From it follows which clips
there are, before any of them is prepared.
"""

import logging
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from s2f.pipeline.core.files import Place
from s2f.pipeline.core.manifest import Manifest
from s2f.pipeline.core.schema import Row
from s2f.pipeline.corpora.base import Piece, Source
from s2f.pipeline.corpora.pieces import NAME, ListedPiece, read_pieces, span
from s2f.pipeline.prep import plan, worker
from s2f.pipeline.prep.parts import Part
from s2f.pipeline.prep.plan import Reason, Selection
from s2f.pipeline.prep.settings import PrepSettings
from s2f.pipeline.stages import scan
from s2f.pipeline.stages.base import ConfiguredStage
from s2f.pipeline.stages.detect import DetectParams
from s2f.pipeline.stages.segment import STAGE, CutParams, SegmentParams

LOG = logging.getLogger(__name__)

# Lists of pieces are rounded: an end that lies so many seconds after that of the recording is not told.
BEYOND = 0.2


class Recordings:
    """Which of the files of a raw folder hold several clips, and which clips.

    Files are given by the ids that they have as clips.
    """

    def __init__(
        self,
        files: Iterable[Source],
        raw: Place,
        out: Place,
        settings: PrepSettings,
        part: Part | None = None,
    ) -> None:
        self.longest = settings.block(SegmentParams).max_seconds
        self._out, self._part = out, part
        self._listed = _listed(files, raw, settings.block(SegmentParams))
        params = CutParams(segment=settings.block(SegmentParams), detect=settings.block(DetectParams))
        self._cut = ConfiguredStage.of(STAGE, params)
        self._given = ConfiguredStage.of(STAGE, params.model_copy(update={"given": True}))

    @cached_property
    def _whole(self) -> Manifest:
        return Manifest(self._out / "manifests", STAGE.name, STAGE.schema)

    @cached_property
    def manifest(self) -> Manifest:
        """What is known of the recordings."""
        return self._whole.copied(self._part.folder(self._out)) if self._part else self._whole

    @property
    def speakers(self) -> set[str]:
        """The speakers that a table of pieces names."""
        return {each.speaker for pieces in self._listed.values() for each in pieces if each.speaker}

    def recorded(self) -> dict[str, tuple[str, str]]:
        """The names and speakers of the recordings by their ids, as all parts know them."""
        names, speakers = self._whole.column("source"), self._whole.column("speaker")
        return {clip_id: (name, speakers[clip_id]) for clip_id, name in names.items()}

    def sources(self, files: Mapping[str, Source]) -> dict[str, Source]:
        """The clips by their ids: files that are clips as they are, and the known pieces of the others."""
        found: dict[str, Source] = {}
        for clip_id, source in files.items():
            if not self._is_recording(source):
                found[clip_id] = source
            elif clip_id in self.manifest:
                for piece in self._pieces(source, self.manifest.row(clip_id)):
                    # A table may give one speaker to files of one name.
                    named = piece if piece.clip_id not in found else replace(piece, given=piece.hashed_id())
                    found[named.clip_id] = named
        return found

    def content(self, source: Source) -> str | None:
        """The hash of a piece's recording, where the recording has not changed since it was read."""
        return self._hashes.get((source.relative, source.stamp)) or None if source.piece else None

    def due(
        self, files: Mapping[str, Source], long: Collection[str], selection: Selection
    ) -> Iterator[tuple[Source, Reason]]:
        """The recordings that are to be read, and why; `long` are files that have turned out to be long."""
        for clip_id, source in files.items():
            if clip_id not in long and not self._is_recording(source):
                continue
            if selection.speakers and source.speaker not in selection.speakers:
                continue
            if reason := self._why(source, selection):
                yield source, reason

    def task(self, source: Source, selection: Selection) -> worker.Task:
        """What a worker needs to cut a recording."""
        rows = {STAGE.name: self.manifest.row(source.clip_id)} if source.clip_id in self.manifest else {}
        stages = [self._configured(source)]
        return worker.Task(source, None, stages, selection, rows, self._out / "artifacts")

    def put(self, source: Source, row: Row) -> None:
        """Take over what a worker has found in a recording."""
        beyond = [
            span(each.piece)
            for each in self._listed.get(source.relative, ())
            if row.get("duration") and each.piece.end > row["duration"] + BEYOND
        ]
        if beyond:
            told = (
                f"pieces end after the {row['duration']:g} s that it has: {len(beyond)}, such as {beyond[0]}"
            )
            LOG.warning("%s: %s", source.name, told)
            row = {**row, "message": told}
        self.manifest.put({"sha256": ""} | scan.origin(source) | row)
        self._hashes[source.relative, source.stamp] = row.get("sha256", "")

    def forget_vanished(self, files: Mapping[str, Source]) -> None:
        """Drop what is known of files that are there no longer, or that are clips as they are."""
        for clip_id in [*self.manifest]:
            if clip_id not in files or not self._is_recording(files[clip_id]):
                self.manifest.remove(clip_id)

    @cached_property
    def _hashes(self) -> dict[tuple[str, str], str]:
        return {(row["source"], row["stamp"]): row["sha256"] for row in self.manifest.rows()}

    def _is_recording(self, source: Source) -> bool:
        if source.relative in self._listed:
            return True
        clip_id = source.clip_id
        return (
            clip_id in self.manifest and (self.manifest.row(clip_id)["duration"] or math.inf) > self.longest
        )

    def _configured(self, source: Source) -> ConfiguredStage:
        return self._given if source.relative in self._listed else self._cut

    def _why(self, source: Source, selection: Selection) -> Reason | None:
        if source.clip_id not in self.manifest:
            return "new"
        row = self.manifest.row(source.clip_id)
        configured = self._configured(source)
        if row["stamp"] != source.stamp:
            return "input changed"
        wanted = plan.keys(source, row["sha256"], [configured])[STAGE.name]
        brief = (row["key"], row["status"], row["reason"])
        return plan.why(STAGE, wanted, brief, present=True, selection=selection)

    def _pieces(self, source: Source, row: Row) -> Iterator[Source]:
        """The pieces of a recording as clips. What is said in the whole file is not what a piece says."""
        listed = self._listed.get(source.relative)
        if listed is None:
            listed = [
                ListedPiece(Piece(each["begin"], each["end"], tuple(each["box"])))
                for each in row["pieces"] or ()
            ]
        for each in listed:
            speaker = each.speaker or source.speaker
            yield replace(
                source,
                speaker=speaker,
                given=source.given if speaker == source.speaker else "",
                utterance=f"{source.utterance}-{each.piece.name}",
                aligned=None,
                piece=each.piece,
            )


def _listed(files: Iterable[Source], raw: Place, params: SegmentParams) -> dict[str, list[ListedPiece]]:
    """The pieces of a table by the file, for files that are there; one line says how many are not."""
    path = Path(params.pieces).expanduser() if params.pieces else raw / NAME
    if not params.pieces and not path.exists():
        return {}
    listed = read_pieces(path)
    known = {source.relative for source in files}
    absent = sorted(listed.keys() - known)
    if absent:
        LOG.warning(
            "%s names %d files that are not among the raw videos, such as %s", path, len(absent), absent[0]
        )
    return {name: pieces for name, pieces in listed.items() if name in known}
