"""The studio in a real Chromium: its own camera and microphone are fakes, all else is as people have it."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from support.comments import comment
from support.model_runs import make_generator, write_run
from support.prepared import Prepared

from s2f.pipeline.core import media
from s2f.pipeline.core.pictures import encode_png

pytestmark = pytest.mark.timeout(300)

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
# An animation takes seconds, and begins with loading torch.
SOON = 90_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, prepared_small: Prepared) -> Path:
    """A folder with a trained run and a prepared set."""
    folder = tmp_path_factory.mktemp("studio")
    write_run(folder / "runs/one", make_generator())
    shutil.copytree(prepared_small.out, folder / "out")
    shutil.copytree(prepared_small.raw, folder / "raw")
    return folder


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    script = Path(sys.executable).with_name("s2f")
    command = [script, "studio", folder, "--port", "0", "--upload-mb", "2", "--speech-seconds", "20"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        found = re.search(r"http://127\.0\.0\.1:\d+", server.stdout.readline())
        assert found
        yield found[0]
        server.terminate()
        assert server.wait(10) is not None


@pytest.fixture(scope="module")
def faking(browser: str) -> Iterator[Browser]:
    """A Chromium with a camera and a microphone that are there for tests."""
    fakes = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with sync_playwright() as started:
        opened = started.chromium.launch(executable_path=browser, args=["--no-sandbox", *fakes])
        yield opened
        opened.close()


@pytest.fixture
def page(faking: Browser, address: str) -> Iterator[Page]:
    """The studio at a desktop. At its end it may have complained of nothing, nor asked elsewhere."""
    with looking(faking, address) as (context, opened):
        yield opened
        context.close()


class looking:  # noqa: N801 - reads as what it does
    """A browser's window on the studio; at its end no script has failed, and nothing was asked elsewhere."""

    def __init__(self, browser: Browser, address: str, size: dict[str, int] = DESKTOP) -> None:
        self._context = browser.new_context(viewport=size, accept_downloads=True)  # type: ignore[arg-type]
        self._address, self._wrong = address, list[str]()

    def __enter__(self) -> tuple[BrowserContext, Page]:
        page = self._context.new_page()
        page.on("pageerror", lambda error: self._wrong.append(str(error)))
        page.on("request", lambda asked: self._look(asked.url))
        page.goto(self._address)
        return self._context, page

    def _look(self, url: str) -> None:
        if not url.startswith((self._address, "blob:", "data:")):
            self._wrong.append(url)

    def __exit__(self, *_: object) -> None:
        assert self._wrong == []


@pytest.fixture(scope="module")
def photo(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "me.png"
    path.write_bytes(encode_png(next(iter(media.FrameReader(data / "grid/s1/bbaf2n.mpg")))))
    return path


def order(page: Page, photo: Path, sound: Path) -> None:
    page.set_input_files("#photo-file", photo)
    page.set_input_files("#speech-file", sound)
    page.get_by_role("button", name="Make it speak").click()


def until(page: Page, condition: str) -> None:
    """Wait for a condition. The page's own policy forbids what playwright's wait_for_function does."""
    for _ in range(SOON // 200):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(200)
    pytest.fail(condition)


def test_a_photo_and_a_sound_become_a_video_that_plays_and_can_be_kept(
    page: Page, photo: Path, data: Path, tmp_path: Path
) -> None:
    order(page, photo, data / "audio/bus_chinese.wav")
    made = page.locator("figure.made")
    expect(made).to_be_visible(timeout=SOON)
    expect(made).to_contain_text("3.40 s of video, 85 frames")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    path = tmp_path / "speaking.mp4"
    download.value.save_as(path)
    found = media.probe(path)
    assert (found.width, found.height) == (360, 288)
    assert found.duration == pytest.approx(3.4, abs=0.1)
    assert comment(path) == media.SYNTHETIC
    assert sum(map(len, media.read_audio(path, 8000))) > 3 * 8000
    # It is seen to play.
    until(page, "document.querySelector('.made video').currentTime > 0.1")


def test_bad_input_is_a_sentence_and_the_page_lives_on(
    page: Page, photo: Path, data: Path, tmp_path: Path
) -> None:
    wrong = tmp_path / "letter.jpg"
    wrong.write_text("Dear all")
    error = page.locator("#animate > .error")
    order(page, wrong, data / "audio/bus_chinese.wav")
    expect(error).to_contain_text("is not a picture that can be read", timeout=SOON)
    large = tmp_path / "large.wav"
    large.write_bytes(bytes(2_100_000))
    order(page, photo, large)
    expect(error).to_contain_text("larger than 2 MB")
    page.get_by_text("Text", exact=True).click()
    page.get_by_role("button", name="Make it speak").click()
    expect(error).to_contain_text("there is no speech")
    page.get_by_label("What is to be said").fill("Good morning")
    page.get_by_role("button", name="Make it speak").click()
    expect(page.locator("figure.made")).to_be_visible(timeout=SOON)
    expect(error).to_be_hidden()


def test_camera_and_microphone(page: Page) -> None:
    page.get_by_text("Camera", exact=True).click()
    page.get_by_role("button", name="Take the photo").click()
    page.get_by_text("Microphone", exact=True).click()
    page.get_by_role("button", name="Record").click()
    page.wait_for_timeout(1500)
    page.locator("button.record").click()
    expect(page.locator("[data-from=speech] figcaption")).to_contain_text("recording.")
    page.get_by_role("button", name="Make it speak").click()
    # The fake camera shows no face: the same sentence as on the command line.
    expect(page.locator("#animate > .error")).to_contain_text("no face was found", timeout=SOON)


def test_two_people_do_not_see_each_others_files(
    faking: Browser, address: str, page: Page, photo: Path, data: Path
) -> None:
    order(page, photo, data / "audio/bus_chinese.wav")
    expect(page.locator("figure.made")).to_be_visible(timeout=SOON)
    assert page.request.get(f"{address}/speaking.mp4").ok
    with looking(faking, address) as (context, other):
        assert not other.request.get(f"{address}/speaking.mp4").ok
        context.close()


def test_by_keyboard_alone_on_a_phone(faking: Browser, address: str, photo: Path) -> None:
    with looking(faking, address, PHONE) as (context, page):
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        # The photo is chosen in the browser's own window, which a key opens.
        page.locator("[name=photo-from][value=file]").focus()
        page.keyboard.press("Tab")
        expect(page.locator("#photo-file")).to_be_focused()
        with page.expect_file_chooser() as chooser:
            page.keyboard.press("Space")
        chooser.value.set_files(photo)
        expect(page.get_by_alt_text("The photo that is to speak")).to_be_visible()
        page.keyboard.press("Tab")
        expect(page.locator("[name=speech-from][value=file]")).to_be_focused()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Tab")
        page.keyboard.type("Hello there")
        for _ in range(12):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent") == "Make it speak":
                break
        page.keyboard.press("Enter")
        expect(page.locator("figure.made")).to_be_visible(timeout=SOON)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        # From tab to tab by the arrows.
        page.get_by_role("tab", name="Animate").focus()
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("tab", name="Training")).to_be_focused()
        context.close()


def test_a_prepared_set_is_browsed_and_a_clip_played(page: Page, prepared_small: Prepared) -> None:
    page.get_by_role("tab", name="Prepared set").click()
    listed = page.locator("#clips .listed li")
    expect(listed).to_have_count(3)
    page.get_by_label("Search").fill("pwij3p")
    expect(listed).to_have_count(1)
    listed.first.locator("button, a").first.click()
    shown = page.locator("#clips article")
    expect(shown.locator("h2")).to_contain_text("s2_pwij3p")
    expect(shown).to_contain_text("detect")
    until(page, "document.querySelector('#clips .player video').duration > 2.5")


def test_nothing_outside_of_the_folder_is_shown(page: Page, address: str) -> None:
    for path in ("run?name=../../etc", "set?name=..", "clip?set=..%2F..&id=x", "sample?run=..&step=1"):
        assert not page.request.get(f"{address}/{path}").ok
