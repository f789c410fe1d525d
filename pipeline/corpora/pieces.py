"""segments.csv: which pieces of which recordings are clips, as lists of HDTF, AVSpeech or VoxCeleb say it."""

import csv
import itertools
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass

from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.files import Place
from s2f.pipeline.corpora.base import Piece

LOG = logging.getLogger(__name__)

# Lines that cannot be used and are told one by one.
TOLD = 5
# The table of a raw folder that is taken where no other is named.
NAME = "segments.csv"
NEEDED, OPTIONAL = ("file", "start", "end"), ("speaker", "text", "box")
HINT = f"the first line names the columns {', '.join(NEEDED)}, and if wanted {', '.join(OPTIONAL)}"


@dataclass(frozen=True)
class ListedPiece:
    """A line of the table: the piece, and its speaker where the line names one."""

    piece: Piece
    speaker: str | None = None


def read_pieces(path: Place) -> dict[str, list[ListedPiece]]:
    """The pieces of each file, named below the raw folder; of one whose lines cannot be used, none.

    Says which lines cannot be used, and where pieces overlap. Raises InputError where it is no such table.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}", "give a table in UTF-8, as CSV") from error
    lines = csv.DictReader(text.splitlines(), skipinitialspace=True)
    names = tuple(lines.fieldnames or ())
    unknown = [name for name in names if name not in (*NEEDED, *OPTIONAL)]
    if unknown or not {*NEEDED} <= {*names}:
        raise InputError(f"{path} has the columns {', '.join(names) or 'none'}", HINT)
    found: dict[str, list[ListedPiece]] = {}
    unusable = []
    for line in lines:
        pieces = found.setdefault((line["file"] or "").strip(), [])
        try:
            listed = _piece(line)
            if any(each.piece.name == listed.piece.name for each in pieces):
                raise ValueError(f"it names {line['file']} from {span(listed.piece)} for the second time")
        except (ValueError, TypeError) as error:
            unusable.append(f"line {lines.line_num} of {path} is left out: {error}")
        else:
            pieces.append(listed)
    for told in unusable[:TOLD]:
        LOG.warning("%s", told)
    if len(unusable) > TOLD:
        LOG.warning("%d more lines of %s are left out", len(unusable) - TOLD, path)
    for name, pieces in found.items():
        _tell_overlaps(path, name, [each.piece for each in pieces])
    return found


def span(piece: Piece) -> str:
    """Begin and end in words."""
    return f"{piece.begin:g} to {piece.end:g} s"


def _tell_overlaps(path: Place, name: str, pieces: list[Piece]) -> None:
    """One line where pieces of a file share seconds, which then are in several clips."""
    pairs = itertools.pairwise(sorted(pieces, key=lambda each: (each.begin, each.end)))
    shared = [f"{span(one)} and {span(other)}" for one, other in pairs if other.begin < one.end]
    if shared:
        LOG.warning("%s: pieces of %s overlap, %d times, such as %s", path, name, len(shared), shared[0])


def _piece(line: Mapping[str, str | None]) -> ListedPiece:
    """A line of the table. Raises ValueError, TypeError."""
    begin, end = (_seconds(line[name] or "") for name in ("start", "end"))
    if not 0 <= begin < end:
        raise ValueError(f"it goes from {begin:g} to {end:g} s")
    box = (line.get("box") or "").split()
    sides = tuple(map(float, box))
    if box and (len(sides) != 4 or not (sides[0] < sides[2] and sides[1] < sides[3])):
        raise ValueError(f"the box {line['box']!r} is not left top right bottom in px")
    text, speaker = (line.get(name) or "" for name in ("text", "speaker"))
    return ListedPiece(Piece(begin, end, sides or None, text.strip() or None), speaker.strip() or None)


def _seconds(text: str) -> float:
    """Seconds, or hours:minutes:seconds."""
    seconds = 0.0
    for part in text.strip().split(":"):
        seconds = 60 * seconds + float(part)
    if not math.isfinite(seconds):
        raise ValueError(f"{text!r} is no time")
    return seconds
