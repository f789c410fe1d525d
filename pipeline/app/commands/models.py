"""`s2f models`: the model files of the face backends."""

import typer

from s2f.pipeline.app.commands.options import say

models = typer.Typer(
    name="models",
    no_args_is_help=True,
    help="The model files of the face backends.\n\nExample: s2f models fetch",
)


@models.command()
def fetch() -> None:
    """Download MediaPipe's face model into the user's cache and check it.

    Example: s2f models fetch
    """
    from s2f.pipeline.faces import mediapipe_model

    say(f"{mediapipe_model.fetch()}: the face model of MediaPipe, complete")
