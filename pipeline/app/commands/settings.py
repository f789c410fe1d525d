"""`s2f settings`: stages.yaml, and its JSON Schema."""

import json
from typing import Annotated

import typer


def settings(
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema instead, by which editors complete.")
    ] = False,
) -> None:
    """Print stages.yaml: every setting with its default and what it means.

    Example: s2f settings > stages.yaml
    """
    from s2f.pipeline.app import config

    text = json.dumps(config.schema(), indent=1) + "\n" if schema else config.render()
    typer.echo(text, nl=False)
