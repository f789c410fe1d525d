"""`s2f studio`: a page in the browser."""

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from s2f.pipeline.app.commands.options import say, warn
from s2f.pipeline.core.errors import MissingError

LOOPBACK = "127.0.0.1"


def studio(
    folder: Annotated[
        Path, typer.Argument(help="Folder with the runs and prepared sets to be shown; nothing else is.")
    ] = Path(),
    host: Annotated[
        str, typer.Option(help="Address to serve at: 0.0.0.0 lets all machines of the network in.")
    ] = LOOPBACK,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 = any that is free.")] = 7860,
    upload_mb: Annotated[float, typer.Option(min=0.001, help="The largest file that may be sent.")] = 50,
    speech_seconds: Annotated[float, typer.Option(min=0.1, help="The longest speech.")] = 120,
) -> None:
    """A page in the browser: make a photo speak, watch a training, look through a prepared set.

    Example: s2f studio
    """
    missing = [name for name in ("starlette", "uvicorn") if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingError(f"the studio needs {' and '.join(missing)}", 'pip install "s2f[studio]"')
    from s2f.pipeline.app.studio import server
    from s2f.pipeline.app.studio.sessions import Limits

    if host not in (LOOPBACK, "localhost", "::1"):
        warn(f"whoever reaches {host} can use the studio and see what lies in the folder")
    limits = Limits(upload=round(upload_mb * 1e6), upload_seconds=120.0, speech=speech_seconds)
    server.serve(folder, host, port, limits, say)
