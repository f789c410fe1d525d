"""A published set in Croissant 1.0, the JSON-LD that describes sets for machine learning (MLCommons)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from s2f.pipeline.core.prepared_set import SHARD_FOLDER
from s2f.pipeline.sharing.card import About
from s2f.pipeline.sharing.contents import Contents

# That of the specification.
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
TYPES = {pa.string(): "sc:Text", pa.int64(): "sc:Integer", pa.float64(): "sc:Float"}


@dataclass(frozen=True)
class File:
    """A file of the folder."""

    name: str
    sha256: str
    bytes: int


def describe(about: About, found: Sequence[Contents], table: File, columns: pa.Schema) -> bytes:
    """The content of croissant.json: every file with its hash, and the columns of the table of clips."""
    content = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": about.name,
        "description": about.summary(),
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "license": about.licences,
        "citeAs": "; ".join(about.makers) or "unknown",
        "keywords": about.TAGS,
        "version": "1.0.0",
        "distribution": [
            _file(table, "application/x-parquet", "One row per clip."),
            *(_shard(each) for each in found),
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "clips",
                "name": "clips",
                "description": "One record per clip; its pictures and sound lie in the shard that it names.",
                "key": {"@id": "clips/clip_id"},
                "field": [_field(table, column) for column in columns],
            }
        ],
    }
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def _shard(each: Contents) -> dict[str, Any]:
    file = File(f"{SHARD_FOLDER}/{each.name}", each.sha256, each.bytes)
    words = (
        f"{len(each.clips)} clips of the split {each.split} as WebDataset: {', '.join(sorted(each.endings))}."
    )
    return _file(file, "application/x-tar", words)


def _file(file: File, encoding: str, words: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file.name,
        "name": file.name,
        "description": words,
        "contentUrl": file.name,
        "contentSize": f"{file.bytes} B",
        "encodingFormat": encoding,
        "sha256": file.sha256,
    }


def _field(table: File, column: pa.Field) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"clips/{column.name}",
        "name": column.name,
        "dataType": TYPES[column.type],
        "source": {"fileObject": {"@id": table.name}, "extract": {"column": column.name}},
    }
