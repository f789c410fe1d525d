"""A photo and a sound to a video of the photo that speaks, or of its face alone.

The sound is streamed, so that hours of it take no more memory than seconds. The code that prepared the
training data aligns the photo and cuts the windows of the sound.
"""

import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from s2f.model.data.pictures import to_pictures
from s2f.model.inference.compositing import Compositor, Face, Part, calm_colours
from s2f.model.inference.runtime import FRAMES, load_prepared
from s2f.model.networks.device import best_device
from s2f.model.networks.generator import Identity
from s2f.model.networks.generators import speak_on
from s2f.model.networks.noise import NoiseSource
from s2f.model.networks.related.pieces import Stretch
from s2f.model.networks.weights import Talker
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.files import make_folder
from s2f.pipeline.core.media import ENCODERS, SYNTHETIC, check_sound, read_audio, write_video
from s2f.pipeline.core.pictures import read_picture
from s2f.pipeline.core.progress import Progress
from s2f.pipeline.core.windows import Sound, cut_windows, frames_for, window_starts
from s2f.pipeline.faces.alignment import HEIGHT, PHOTO_SIDE, WIDTH, crop_photo, photo_points
from s2f.pipeline.faces.settings import DEFAULT_FACES, FaceSettings

LOG = logging.getLogger(__name__)

Picture = npt.NDArray[np.uint8]

# Players and decoders in hardware show no more px of a side (level 5.1 of H.264).
MOST_SIDE = 4096
# How far the aspect ratio of an aligned picture may be from 3 : 4.
ASPECT_TOLERANCE = 0.02


@dataclass(frozen=True)
class Animation:
    """A written video: its path, the number of its frames, their rate, and its length in seconds."""

    path: Path
    frames: int
    fps: float
    seconds: float

    def in_words(self) -> str:
        """The same as a sentence."""
        where = "standard output" if self.path == Path("-") else str(self.path)
        return f"{where}: {self.seconds:.2f} s of video, {self.frames:,} frames at {self.fps:g} per second"


def animate(
    run: Path,
    image: Path,
    audio: Path,
    out: Path,
    *,
    aligned: bool = False,
    whole: bool | None = None,
    part: Part = "face",
    scale: int = 1,
    faces: FaceSettings = DEFAULT_FACES,
    seed: int = 0,
    chunk_seconds: float = 1.0,
    progress: Progress | None = None,
) -> Animation:
    """Write a video of `image` speaking `audio`, with the generator of a trained run.

    aligned  the image is a crop like those in the shards; otherwise `faces` finds the face in it
    whole    the video shows the whole photo, by default where it is not aligned; else the face alone
    part     of a whole photo: what of the face moves
    scale    of a face alone: how many times as large it is shown
    progress is told of every frame that is written

    The video covers the sound to its end; `chunk_seconds` of sound are in memory at a time. Raises
    InputError where image, sound or `out` cannot be used, CheckpointError for the run.
    """
    check_files(audio, out)
    if whole is None:
        whole = not aligned
    device = best_device()
    talker = load_prepared(run, device)
    samples = check_sound(audio, talker.sample_rate)
    photo = read_photo(image, talker.size, faces) if whole else None
    still = photo.crop if photo else read_face(image, talker.size, aligned=aligned, faces=faces)
    sound = read_audio(audio, talker.sample_rate, chunk_seconds=chunk_seconds)
    frames = generate(talker, still, sound, device, seed)
    if photo:
        compositor = Compositor(photo, part)
        frames = (compositor.composite(calm_colours(frame, still)) for frame in frames)
    elif scale > 1:
        size = (talker.size[0] * scale, talker.size[1] * scale)
        frames = (np.asarray(cv2.resize(each, size, interpolation=cv2.INTER_CUBIC)) for each in frames)
    if progress:
        frames = told(frames, frames_for(samples, talker.fps, talker.sample_rate), progress)
    count = write_video(out, frames, talker.fps, sound=audio, comment=SYNTHETIC)
    return Animation(out, count, float(talker.fps), float(count / talker.fps))


def generate(
    talker: Talker, face: Picture, sound: Iterable[Sound], device: torch.device, seed: int
) -> Iterator[Picture]:
    """Yield the frames (h, w, 3) of the face speaking the sound, which comes in chunks of any length.

    The frames do not depend on the chunks, because the recurrent states are carried over. A frame is
    yielded as soon as the sound reaches the end of its window, or of those of its piece where the generator
    makes pieces. The face is encoded before the first chunk is requested.
    """
    with torch.inference_mode():
        identity = identify(talker, face, device)
        for frames in speak_on(talker.generator, identity, stretches(talker, sound, device, seed)):
            yield from to_pictures(frames[0])


def identify(talker: Talker, face: Picture, device: torch.device) -> Identity:
    """What the decoder needs to know of a face (h, w, 3)."""
    still = torch.from_numpy(face).to(device).permute(2, 0, 1)[None] / 127.5 - 1
    identity: Identity = talker.generator.identity(still)
    return identity


def stretches(talker: Talker, sound: Iterable[Sound], device: torch.device, seed: int) -> Iterator[Stretch]:
    """Yield the windows of a sound that comes in chunks, with the noise of their frames."""
    noises = NoiseSource(talker.generator, torch.Generator().manual_seed(seed))
    window = int(talker.generator.arguments["window"])
    for ready in stream_windows(sound, talker.fps, talker.sample_rate, window):
        for windows in torch.split(torch.from_numpy(ready), FRAMES):
            yield windows.to(device)[None], noises.draw(1, len(windows)).to(device)


def stream_windows(sound: Iterable[Sound], fps: Fraction, sample_rate: int, size: int) -> Iterator[Sound]:
    """Yield the windows (n, size) of a sound that comes in chunks, each as soon as it is complete.

    Together they equal the windows that `cut_windows` cuts from the whole sound.
    """
    kept: Sound = np.zeros(0, np.float32)
    origin = shown = 0  # the first sample in `kept`; the number of frames done
    for chunk in sound:
        kept = np.concatenate([kept, chunk])
        ready = frames_for(origin + len(kept), fps, sample_rate) - shown
        starts = window_starts(max(0, ready), fps, sample_rate, size, first=shown)
        complete = int(np.searchsorted(starts, origin + len(kept) - size, side="right"))
        if complete:
            yield cut_windows(kept, starts[:complete] - origin, size)
            shown += complete
            begin = max(origin, int(window_starts(1, fps, sample_rate, size, first=shown)[0]))
            kept, origin = kept[begin - origin :], begin
    rest = frames_for(origin + len(kept), fps, sample_rate) - shown
    if rest > 0:
        yield cut_windows(kept, window_starts(rest, fps, sample_rate, size, first=shown) - origin, size)


def read_photo(image: Path, size: tuple[int, int], faces: FaceSettings = DEFAULT_FACES) -> Face:
    """The largest face of a picture file, to be cut in a size of width and height.

    The picture is of even size, as H.264 needs it, and no larger than players show it.
    Raises InputError where it shows no upright face.
    """
    picture = read_picture(image)
    try:
        points = photo_points(picture, faces.open(PHOTO_SIDE))
    except InputError as error:
        raise InputError(f"{image}: {error.message}", error.hint) from error
    # The face is looked for in all of the picture's pixels: it may be small.
    side = max(picture.shape[:2])
    if side > MOST_SIDE:
        LOG.warning("%s has a side of %d px: the video has %d", image, side, MOST_SIDE)
        share = MOST_SIDE / side
        picture = np.asarray(cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA))
        points = np.asarray((points + 0.5) * share - 0.5, np.float32)
    return Face(even(picture), points, size)


def even(picture: Picture) -> Picture:
    """A picture whose last column and row are repeated where their number is odd."""
    height, width = picture.shape[:2]
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def read_face(
    image: Path, size: tuple[int, int], *, aligned: bool, faces: FaceSettings = DEFAULT_FACES
) -> Picture:
    """The face in a picture file as an aligned RGB crop uint8 of a width and a height; see read_picture."""
    picture = read_picture(image)
    if aligned:
        return _fit(image, picture, size)
    try:
        return crop_photo(picture, faces.open(PHOTO_SIDE), size)
    except InputError as error:
        raise InputError(f"{image}: {error.message}", error.hint) from error


def told(frames: Iterator[Picture], total: int, progress: Progress) -> Iterator[Picture]:
    """The frames; `progress` is told of each."""
    progress("frames", 0, total)
    for done, frame in enumerate(frames, start=1):
        yield frame
        progress("frames", done, total)


def _fit(image: Path, picture: Picture, size: tuple[int, int]) -> Picture:
    height, width = picture.shape[:2]
    if abs(width * HEIGHT / (height * WIDTH) - 1) > ASPECT_TOLERANCE:
        raise InputError(
            f"{image} has {width} x {height} px, which is not the {WIDTH} x {HEIGHT} of an aligned face",
            f"give a picture in the ratio {WIDTH} : {HEIGHT}, or leave out --aligned to have it cropped",
        )
    resized = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.asarray(resized, np.uint8)


def check_files(audio: Path, out: Path) -> None:
    """Refuse before the work what could not be read or written after it. Raises InputError."""
    if not audio.is_file():
        raise InputError(f"{audio} is not a file", "give a sound file, such as a wav, flac, mp3 or mp4")
    if out.suffix.lower() not in ENCODERS:
        raise InputError(
            f"{out} does not end in {' or '.join(ENCODERS)}", "the ending decides the video format"
        )
    make_folder(out.parent)
    if out.is_dir() or (out.exists() and not os.access(out, os.W_OK)):
        raise InputError(f"{out} cannot be written", "give another name")
