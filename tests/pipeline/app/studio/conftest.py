"""A studio on a folder, and browsers that look at it."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from support.kept import kept
from support.model_runs import RATE
from support.model_shards import make_sound
from support.prepared import Prepared, copy_clips
from support.studio import Served, serving, write_training

from s2f.pipeline.core import wav
from s2f.pipeline.core.media import FrameReader
from s2f.pipeline.core.pictures import encode_png

CLIPS = ("s1/bbaf2n", "s2/pwij3p", "s3/sbia1a", "s4/bbaf2a")
FAKE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


@pytest.fixture(scope="module")
def folder(slow: None, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with raw clips, a set of them, one of which is rejected, a training, a photo and a speech."""

    def make(folder: Path) -> None:
        Prepared(copy_clips(data, folder / "raw", *CLIPS), folder / "out").prepare()

    return kept("studio", make, tmp_path_factory.mktemp("studio"), ("pipeline",))


@pytest.fixture(scope="module")
def material(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo, a speech of 1.2 s, and a training in the folder."""
    picture = next(iter(FrameReader(folder / "raw/s1/bbaf2n.mpg", Fraction(25))))
    found = tmp_path_factory.mktemp("material")
    (found / "me.png").write_bytes(encode_png(picture))
    (found / "speech.wav").write_bytes(wav.encode(make_sound(30, 0), RATE))
    (found / "words.png").write_text("no picture at all")
    write_training(folder / "runs/one", picture)
    return found


@pytest.fixture(scope="module")
def studio(folder: Path, material: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A studio on that folder."""
    with serving(folder, tmp_path_factory.mktemp("served") / "tmp") as served:
        yield served


@pytest.fixture(scope="module")
def fake_devices(browser: str) -> Iterator[Browser]:
    """A Chromium whose camera and microphone are its own."""
    with sync_playwright() as started:
        opened = started.chromium.launch(executable_path=browser, args=["--no-sandbox", *FAKE])
        yield opened
        opened.close()


@pytest.fixture
def visit(fake_devices: Browser, studio: Served) -> Iterator[Callable[..., Page]]:
    """Open the studio as one more person. At its end no page may have broken, or asked anybody else."""
    contexts, complaints = [], []

    def opened(width: int = 1280, height: int = 900, tab: str = "") -> Page:
        context = fake_devices.new_context(
            viewport={"width": width, "height": height},
            permissions=["camera", "microphone"],
            accept_downloads=True,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        own = (studio.address, f"blob:{studio.address}", "data:")
        context.on("request", lambda asked: asked.url.startswith(own) or complaints.append(asked.url))
        page.goto(f"{studio.address}/{tab}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []
