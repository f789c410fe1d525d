"""`s2f stage`: one stage of the preparation."""

from typing import Annotated

import typer

from s2f.pipeline.app.commands.options import STAGE_HELP, Config, Limit, Out, Raw, Set, Speakers
from s2f.pipeline.app.commands.prep import listed, prepare


def stage(
    name: Annotated[str, typer.Argument(help=STAGE_HELP)],
    raw: Raw,
    out: Out,
    config: Config = None,
    set_: Set = None,
    speakers: Speakers = "",
    limit: Limit = None,
) -> None:
    """Run one stage alone, on what the stages before it have made.

    Example: s2f stage align data/grid --out out/grid
    """
    from s2f.pipeline.prep.plan import Selection, chosen_stages

    prepare(raw, out, config, set_ or [], Selection(chosen_stages(name), listed(speakers), limit))
