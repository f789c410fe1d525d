"""`s2f animate`: a photo and speech to a video, or a video and other speech."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from s2f.pipeline.app.commands.options import PRETRAINED, VideoFaces, console, errors, say
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.progress import progress_lines
from s2f.pipeline.faces import DEFAULT

if TYPE_CHECKING:
    from s2f.model.inference.compositing import Part

# What moves of a face, by what of it is kept.
PARTS: dict[str, "Part"] = {"none": "face", "upper": "lower"}


def animate(
    out: Annotated[Path, typer.Option("--out", help="The video, .mp4; with --stream a file, FIFO or -.")],
    image: Annotated[
        Path | None, typer.Option(help="A photo with a face; with --aligned an aligned crop.")
    ] = None,
    video: Annotated[
        Path | None, typer.Option(help="In place of a photo: a video to be dubbed; heads move as they did.")
    ] = None,
    run: Annotated[Path, typer.Option("--run", help="Folder of a trained model.")] = PRETRAINED,
    audio: Annotated[Path | None, typer.Option(help="Speech in any format that ffmpeg reads.")] = None,
    text: Annotated[str | None, typer.Option(help="In place of sound: what is to be said.")] = None,
    voice: Annotated[
        str, typer.Option(help="With --text: a voice of espeak-ng, such as en-us or de+f2.")
    ] = "en",
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
    frame: Annotated[
        Literal["photo", "face"] | None,
        typer.Option(help="What is shown: the whole photo, or the face alone, as with --aligned."),
    ] = None,
    keep: Annotated[
        Literal["none", "upper"] | None,
        typer.Option(help="Of the face in a photo: upper leaves eyes and forehead as they are."),
    ] = None,
    scale: Annotated[
        int,
        typer.Option(
            min=1, max=8, help="How many times its own size, mostly 96 x 128 px, the face alone has."
        ),
    ] = 1,
    faces: VideoFaces = DEFAULT,
    seed: Annotated[
        int, typer.Option(help="Seed of the noise: another one blinks and moves differently.")
    ] = 0,
) -> None:
    """Make a photo speak, or a video say something else.

    The whole photo is shown, at its own size. With --stream the face alone speaks while the sound comes in:
    fragmented mp4, or bare rgb24 frames, mostly of 96 x 128.

    Example: s2f animate --image me.jpg --text "Good morning!" --out me.mp4
    """
    from s2f.pipeline.faces.settings import FaceSettings

    if stream + (audio is not None) + (text is not None) != 1:
        raise InputError("the speech must come from one place", "give either --audio, --text or --stream")
    if (image is None) == (video is None):
        raise InputError("one face is to speak", "give either --image or --video")
    alone = stream or aligned or frame == "face"
    if (frame == "photo" and (stream or aligned)) or (frame == "face" and video):
        raise InputError(
            f"--frame {frame} is not possible here",
            "with --stream or --aligned there is the face alone; a video is dubbed as a whole",
        )
    if scale > 1 and (not alone or stream):
        raise InputError("--scale is for the face alone", "add --frame face")
    if keep and alone:
        raise InputError("--keep is for a whole photo or a video", "leave out --frame face")
    if stream and video:
        raise InputError("a video cannot be dubbed live", "give --audio or --text, or a photo by --image")
    # Before torch is loaded: threads that wait by spinning take the processors from what they wait for.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    finder = FaceSettings(faces)
    if stream:
        from s2f.model.inference import live

        assert image
        done = live.animate_live(
            run, image, out, form=format_, sample_rate=rate, aligned=aligned, faces=finder, seed=seed
        )
        errors.print(done.in_words())
        return
    part = PARTS[keep or ("upper" if video else "none")]
    shown = progress_lines(console) if console.is_terminal else nullcontext(None)
    with _spoken(text or "", voice) if audio is None else nullcontext(audio) as speech, shown as progress:
        if video:
            from s2f.model.inference.dubbing import dub

            made = dub(run, video, speech, out, part=part, faces=finder, seed=seed, progress=progress)
        else:
            from s2f.model.inference import animate as animation

            assert image
            made = animation.animate(
                run,
                image,
                speech,
                out,
                aligned=aligned,
                whole=frame == "photo" if frame else None,
                part=part,
                scale=scale,
                faces=finder,
                seed=seed,
                progress=progress,
            )
    say(made.in_words())


@contextmanager
def _spoken(text: str, voice: str) -> Iterator[Path]:
    """A file with a text as speech."""
    from s2f.pipeline.demo.speech import speak_to_wav

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        speak_to_wav(text, path, voice=voice)
        yield path
