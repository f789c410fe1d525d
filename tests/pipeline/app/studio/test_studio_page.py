"""The page of the studio in Chromium, with its fake camera and microphone."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect
from support.studio import Served, add_validation

from s2f.model.inference.animate import animate
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.pictures import read_picture

# The machine may be busy.
LONG = 120_000
expect.set_options(timeout=20_000)
Visit = Callable[..., Page]


def fits(page: Page) -> bool:
    """Whether nothing has to be scrolled sideways to be seen."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def error(page: Page) -> Locator:
    return page.locator("#animate > .error")


def give(page: Page, material: Path, photo: str = "me.png", speech: str = "speech.wav") -> None:
    page.set_input_files("#photo-file", material / photo)
    page.set_input_files("#speech-file", material / speech)
    page.get_by_role("button", name="Make it speak").click()


def test_a_bad_file_is_refused_as_on_the_command_line_and_the_page_lives_on(
    visit: Visit, studio: Served, material: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(material)
    with pytest.raises(InputError) as refused:
        animate(Path("pretrained"), Path("words.png"), Path("speech.wav"), tmp_path / "out.mp4")
    page = visit()
    give(page, material, photo="words.png")
    expect(error(page).locator("b")).to_have_text(refused.value.message, timeout=LONG)
    expect(error(page).locator("span")).to_have_text(refused.value.hint)
    give(page, material, speech="me.png")
    expect(error(page)).to_contain_text("me.png", timeout=LONG)
    give(page, material)
    expect(page.locator(".made")).to_be_visible(timeout=LONG)
    expect(error(page)).to_be_hidden()
    # What was sent is deleted by then.
    assert set(studio.files()) == {"speaking.mp4"}


def test_a_training_is_seen_while_it_goes_on(visit: Visit, folder: Path, material: Path) -> None:
    page = visit(tab="#training")
    panel = page.locator("#training")
    expect(panel.locator(".facts")).to_contain_text("step 20 of 40")
    expect(panel.locator(".plot").first.locator("circle.dot")).to_have_count(2)
    expect(panel.locator(".samples img")).to_have_js_property("complete", True)
    add_validation(folder / "runs/one", 30, read_picture(material / "me.png"))
    expect(panel.locator(".facts")).to_contain_text("step 30 of 40", timeout=15_000)
    expect(panel.locator(".plot").first.locator("circle.dot")).to_have_count(3)
    expect(panel.locator(".samples select")).to_have_value("30")


def test_clips_are_found_and_played_with_their_track(visit: Visit) -> None:
    page = visit(tab="#clips")
    rows, article = page.locator(".listed li"), page.locator("#clips article")
    expect(rows).to_have_count(4)
    page.get_by_label("Search").fill("blue f two now")
    expect(rows).to_have_text([re.compile("s1_bbaf2n")])
    rows.first.click()
    expect(article.locator("video")).to_have_attribute("src", re.compile("blob:"), timeout=LONG)
    article.locator("video").evaluate("video => { video.currentTime = 1.02; }")
    expect(article.locator(".seen")).to_contain_text("frame 25, window 15,040 to 17,600 of 48,000 samples")
    expect(article.locator(".player rect")).to_have_attribute("visibility", "visible")
    assert article.locator(".player path").get_attribute("d").count("M") == 68  # type: ignore[union-attr]
    expect(article.locator(".figures figure h3")).to_have_text(["Mouth", "Loudness of the windows"])
    article.get_by_label("Track").uncheck()
    expect(article.locator(".player rect")).to_have_attribute("visibility", "hidden")
    page.get_by_label("Search").fill("")
    page.get_by_role("button", name="Next rejected").click()
    expect(article.locator("h2")).to_have_text("s4_bbaf2a")
    expect(article.locator(".stages")).to_contain_text("5 damaged and 4 missing frames of 75")
    expect(article.locator("video")).to_have_attribute("src", re.compile("blob:"), timeout=LONG)
    page.get_by_label("Status").select_option(label="detect: damaged_video")
    expect(rows).to_have_count(1)


@pytest.mark.parametrize("tab", ("animate", "training", "clips"))
def test_a_phone_needs_no_sideways_scrolling(visit: Visit, tab: str) -> None:
    page = visit(390, 844, f"#{tab}")
    page.wait_for_load_state("networkidle")
    if tab == "clips":
        page.locator(".listed li button").first.click()
        expect(page.locator("#clips .plot svg").first).to_be_visible()
    assert fits(page)
