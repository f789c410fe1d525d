"""`s2f animate`: a photo and speech to a video."""

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from s2f.pipeline.app.commands.options import PRETRAINED, VideoFaces, errors, say
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.faces import DEFAULT


def animate(
    image: Annotated[Path, typer.Option(help="A photo with a face; with --aligned an aligned crop.")],
    out: Annotated[Path, typer.Option("--out", help="The video, .mp4; with --stream a file, FIFO or -.")],
    run: Annotated[Path, typer.Option("--run", help="Folder of a trained model.")] = PRETRAINED,
    audio: Annotated[Path | None, typer.Option(help="Speech in any format that ffmpeg reads.")] = None,
    stream: Annotated[
        bool, typer.Option("--stream", help="Speech is mono PCM s16le from standard input, live.")
    ] = False,
    rate: Annotated[
        int | None,
        typer.Option(min=1000, max=384_000, help="With --stream: Hz of the PCM, if not the model's."),
    ] = None,
    format_: Annotated[
        Literal["mp4", "rgb24"], typer.Option("--format", help="What --stream writes.")
    ] = "mp4",
    aligned: Annotated[bool, typer.Option("--aligned", help="The image is already an aligned crop.")] = False,
    faces: VideoFaces = DEFAULT,
    seed: Annotated[
        int, typer.Option(help="Seed of the noise: another one blinks and moves differently.")
    ] = 0,
) -> None:
    """Make a photo speak.

    With --stream it speaks while the sound comes in: fragmented mp4, or bare rgb24 frames of 96 x 128.

    Example: s2f animate --image me.jpg --audio speech.wav --out me.mp4
    """
    from s2f.pipeline.faces.settings import FaceSettings

    if stream == (audio is not None):
        raise InputError("the speech must come from one place", "give either --audio or --stream")
    # Before torch is loaded: threads that wait by spinning take the processors from what they wait for.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    finder = FaceSettings(faces)
    if audio is None:
        from s2f.model.inference import live

        done = live.animate_live(
            run, image, out, form=format_, sample_rate=rate, aligned=aligned, faces=finder, seed=seed
        )
        errors.print(done.in_words())
        return
    from s2f.model.inference import animate as animation

    made = animation.animate(run, image, audio, out, aligned=aligned, faces=finder, seed=seed)
    say(made.in_words())
