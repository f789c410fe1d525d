"""What is said, as files tell it: in any Unicode encoding, with or without a heading; possible times."""

import codecs
import re
from collections.abc import Iterable

from s2f.pipeline.core.files import Place
from s2f.pipeline.corpora.base import Label

# Byte order marks and what they tell; that of UTF-32 begins like that of UTF-16, so it comes first.
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

# Files of LRS2 and LRS3 begin with `Text:`; those of LRW and VoxCeleb2 tell of the clip, not what is said.
HEADING = re.compile(r"(Text|Identity|Reference|Disk reference)\s*:(.*)")
SENTENCE = "Text"

CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


def read(place: Place) -> str:
    """The characters of a text file.

    Raises ValueError where its encoding is not known: a guess would give wrong letters without a word.
    """
    data = place.read_bytes()
    encoding = next((name for mark, name in MARKS if data.startswith(mark)), None) or _unmarked(data)
    try:
        # Some programs end a text with NUL, as C does.
        text = data.decode(encoding).rstrip("\0")
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not in {encoding.removesuffix('-sig').upper()}; save it as UTF-8") from error
    if CONTROL.search(text):
        raise ValueError("it holds bytes that are no text; save it as UTF-8")
    return text


def sentence(text: str) -> str | None:
    """What is said, without what else the file tells; None where it tells nothing of that."""
    heading = HEADING.match(text.lstrip())
    if heading is None:
        return text.strip() or None
    return heading[2].strip() or None if heading[1] == SENTENCE else None


def ordered(labels: Iterable[Label]) -> list[Label]:
    """The labels as they are. Raises ValueError where their times cannot be true."""
    before, found = 0.0, list(labels)
    for label in found:
        if not label.start < label.end:
            raise ValueError(f"{label.label!r} ends at {label.end:g} s, and begins at {label.start:g} s")
        if label.start < before:
            raise ValueError(f"{label.label!r} begins at {label.start:g} s, before {before:g} s")
        before = label.end
    return found


def _unmarked(data: bytes) -> str:
    """UTF-8, or UTF-16 where every second byte of letters would be NUL."""
    for name, odd in (("utf-16-le", data[1::2]), ("utf-16-be", data[::2])):
        if len(data) > 1 and len(data) % 2 == 0 and 2 * odd.count(0) > len(odd):
            return name
    return "utf-8"
