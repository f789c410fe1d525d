"""The tables of clips and speakers as data: sheets.js draws and sorts them."""

from typing import Any

from s2f.model.evaluation.results import Evaluation, speaker_means
from s2f.model.evaluation.table import heading

# Scores by video and column.
Scores = dict[str, dict[str, float]]


def sheets(evaluation: Evaluation, links: dict[str, str]) -> dict[str, Any]:
    """Scores by row, video and column, in the terms of JSON; `links` lead from a clip to its videos."""
    speakers = speaker_means(evaluation)
    return {
        "columns": [{"title": heading(each), "digits": each.digits} for each in evaluation.clip_columns],
        "videos": [row.name for row in evaluation.rows] + [each.title for each in evaluation.comparisons],
        "clips": {
            "about": ["speaker", "frames"],
            "rows": [
                {
                    "name": clip.clip_id,
                    "link": links.get(clip.clip_id),
                    "about": [clip.speaker, clip.frames],
                    "values": _values(evaluation, clip.scores),
                }
                for clip in evaluation.scored
            ],
        },
        "speakers": {
            "about": ["clips"],
            "rows": [
                {
                    "name": speaker,
                    "link": None,
                    "about": [sum(clip.speaker == speaker for clip in evaluation.scored)],
                    "values": _values(evaluation, means),
                }
                for speaker, means in speakers.items()
            ],
        },
    }


def _values(evaluation: Evaluation, scores: Scores) -> dict[str, list[float | None]]:
    """The value of each column by video, and by comparison the differences."""
    every = {
        row.name: [scores.get(row.name, {}).get(column.name) for column in evaluation.clip_columns]
        for row in evaluation.rows
    }
    for each in evaluation.comparisons:
        pairs = zip(every[each.name], every[each.against], strict=True)
        every[each.title] = [None if a is None or b is None else a - b for a, b in pairs]
    return every
