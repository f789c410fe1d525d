"""`s2f study`: ask people which clips are real."""

from pathlib import Path
from typing import Annotated

import typer

from s2f.pipeline.app.commands.options import Json, Limit, console, say, warn

study = typer.Typer(
    name="study",
    no_args_is_help=True,
    help="Ask people which clips are real: the paper's Turing test.\n\n"
    "Example: s2f study make --generated made --reference real --out study.html --pairs",
)


@study.command()
def make(
    generated: Annotated[
        list[str], typer.Option("--generated", help="Folder of generated videos, or NAME=FOLDER; several.")
    ],
    reference: Annotated[
        Path, typer.Option("--reference", help="Folder of the real ones, by the same names.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The page, .html; the key is written beside it.")],
    pairs: Annotated[bool, typer.Option("--pairs", help="Two clips at a time: which one is real?")] = False,
    title: Annotated[str, typer.Option(help="Title of the page.")] = "Real or generated?",
    seed: Annotated[int, typer.Option(help="Seed of the order and of the clips' ids.")] = 0,
    limit: Limit = None,
) -> None:
    """Write a page that shows real and generated clips and saves a viewer's answers, ready to send.

    Example: s2f study make --generated made --reference real --out study.html --pairs --limit 24
    """
    from s2f.model.evaluation.study import clips, page
    from s2f.pipeline.core.progress import progress_lines

    matches, lacking = clips.match(clips.systems(generated), reference)
    with progress_lines(console) as show:
        made = page.make(
            matches[:limit],
            out,
            pairs=pairs,
            title=title,
            seed=seed,
            show=lambda done: show("clips", done, len(matches[:limit])),
        )
    say(made.in_words())
    for warning in filter(None, (clips.left_out(lacking), page.size_warning(made))):
        warn(warning)


@study.command()
def score(
    answers: Annotated[list[Path], typer.Argument(help="Files that the viewers' browsers have saved.")],
    key: Annotated[Path, typer.Option("--key", help="The .key.json beside the page.")],
    json: Json = None,
    csv: Annotated[
        Path | None, typer.Option(help="Also write each judgement to this file, for 's2f study agree'.")
    ] = None,
) -> None:
    """Show how often generated clips were taken for real, with exact 95 % intervals.

    Example: s2f study score answers/*.json --key study.key.json
    """
    from s2f.model.evaluation.study import report, scores

    result = scores.score(answers, key)
    console.print(report.table(result))
    console.print(report.notes(result), end="", markup=False, highlight=False, soft_wrap=True)
    if json:
        scores.write_json(result, json)
    if csv:
        scores.write_csv(result, csv)


@study.command()
def agree(
    answers: Annotated[
        Path, typer.Argument(help="CSV with clip, video and answer: of 's2f study score', or any study.")
    ],
    scores: Annotated[Path, typer.Option("--scores", help="Folder that 's2f evaluate --out' has written.")],
    seed: Annotated[int, typer.Option(help="Seed of the intervals.")] = 0,
    json: Json = None,
) -> None:
    """Show which measures agree with the viewers: rank correlations with 95 % intervals.

    Example: s2f study agree answers.csv --scores scores
    """
    from s2f.model.evaluation.study import agreement

    found = agreement.agreement(answers, scores, seed)
    if found:
        console.print(agreement.table(found))
    for line in agreement.notes(found):
        say(line)
    if json:
        agreement.write_json(found, json)
