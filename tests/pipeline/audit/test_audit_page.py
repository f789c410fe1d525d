"""The page of an audit in a real browser: true to the set, quick to search, safe to open."""

import csv
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page
from support.audits import look
from support.prepared import Command, Prepared
from support.synthetic_set import make_set

from s2f.pipeline.audit.auditing import Audit
from s2f.pipeline.audit.checks.table import clip_checks
from s2f.pipeline.audit.report import heat_map, histograms, page, pictures, record

LONG = 1500
NUMERIC = [check.name for check in clip_checks() if check.settings and check.name != "sync.clip"]
HOSTILE = "<img src=x onerror=alert(1)>"


def written(found: Audit) -> Path:
    """The page in its folder."""
    return Path(record.write(found))


@pytest.fixture(scope="module")
def grid(prepared_grid: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Audit:
    """All GRID clips, in a folder that may be written to."""
    out = tmp_path_factory.mktemp("audited") / "grid"
    shutil.copytree(prepared_grid.out, out, copy_function=os.link)
    return look(out)


@pytest.fixture(scope="module")
def grid_page(grid: Audit) -> Path:
    return written(grid)


@pytest.fixture(scope="module")
def long_page(prepared_small: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(look(make_set(tmp_path_factory.mktemp("long"), prepared_small, LONG, speakers=34)))


def names(tab: Page) -> list[str]:
    """The clips of the rows that are in the document, from above to below."""
    return tab.locator(".listing tbody th:visible").all_inner_texts()


def told(tab: Page) -> str:
    return tab.locator(".filters output").inner_text()


def head(tab: Page, title: str) -> None:
    """Sort the table by a check."""
    tab.locator(f'.listing thead button[title="{title}"]').click()


def fits(tab: Page) -> bool:
    return bool(tab.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_the_page_tells_what_the_audit_found(tab: Page, grid: Audit, grid_page: Path) -> None:
    tab.goto(grid_page.as_uri())
    found = [each for each in grid.findings if each.level != "ok"]
    assert tab.locator(".finding").count() == len(found) == 6
    levels = [
        each.split()[1] for each in tab.locator(".finding").evaluate_all("all => all.map(e => e.className)")
    ]
    assert levels == ["warning"] * 3 + ["note"] * 3
    assert tab.locator(".verdict").inner_text() == "3 warnings and 3 notes; 44 of 50 checks found nothing."
    tiles = tab.locator(".tiles").inner_text()
    for figure in ("60", "of 61", "11", "48 clips"):
        assert figure in tiles
    damage = tab.locator("#video\\.damage").inner_text()
    assert "2 of 61 clips beyond" in damage and "expected at most 0 frames" in damage
    assert "s4_bbaf2a: 5 damaged and 4 missing frames of 75" in damage
    assert [row.split() for row in tab.locator(".funnel tbody tr").all_inner_texts()][1] == [
        "detect",
        "61",
        "60",
        "damaged_video",
        "1",
    ]
    assert tab.locator(".shards tbody tr").last.inner_text().split()[:4] == ["3", "shards", "60", "4,498"]


def test_the_page_needs_nothing_but_itself(grid_page: Path) -> None:
    text = grid_page.read_text(encoding="utf-8")
    assert set(re.findall(r"https?://[^\"' ]+", text)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"@import|url\(|<link(?! rel=\"icon\" href=\"data:,\")", text)
    assert len(text) < 1_000_000


def test_every_numeric_check_has_its_histogram_with_its_bounds(
    tab: Page, grid: Audit, grid_page: Path
) -> None:
    tab.goto(grid_page.as_uri())
    findings = {each.check: each for each in grid.findings}
    assert tab.locator(".histogram button").evaluate_all("all => all.map(e => e.dataset.check)") == NUMERIC
    for name in NUMERIC:
        figure = tab.locator(f'.histogram:has([data-check="{name}"])')
        known = int(np.isfinite(grid.clips.scores[name]).sum())
        titles = figure.locator("g title").all_text_contents()
        assert sum(int(title.split()[-2].replace(",", "")) for title in titles) == known
        assert figure.locator("line").count() == sum(each is not None for each in findings[name].bounds)
        assert figure.locator('.beyond:not([height="0.0"])').count() == bool(
            name in ("video.frames", "video.frozen")
        ) + 2 * bool(name == "video.damage")


def test_clips_are_shown_with_frame_face_crops_and_sound(
    tab: Page, grid: Audit, grid_page: Path, prepared_grid: Prepared
) -> None:
    tab.goto(grid_page.as_uri())
    card = tab.locator("#video\\.resolution .clip")
    assert card.locator("b").inner_text() == "s4_bbilzs"
    sizes = card.locator("img").evaluate_all("all => all.map(e => [e.naturalWidth, e.naturalHeight])")
    assert sizes == [[320, 256], [360, 96]]
    assert card.locator("path").get_attribute("d")
    with np.load(prepared_grid.artifact("detect", "s4_bbilzs")) as track:
        box = track["boxes"][0]
    placed = card.locator(".frame").evaluate(
        "e => { const a = e.firstChild.getBoundingClientRect();"
        " const b = e.querySelector('i').getBoundingClientRect();"
        " return [(b.left - a.left) / a.width, (b.top - a.top) / a.height, (b.right - a.left) / a.width,"
        " (b.bottom - a.top) / a.height]; }"
    )
    assert placed == pytest.approx(box / [720, 576, 720, 576], abs=0.012)
    typical = tab.locator("#typical .clip b").all_inner_texts()
    assert len(typical) == 8
    assert len({name.partition("_")[0] for name in typical}) == 8
    assert not {"s4_bbaf2a", "s4_bbilzs", "s1_sgib8n", "s1_lrae3s", "s1_srwi5a"} & set(typical)


def test_filters_narrow_the_table(tab: Page, grid_page: Path) -> None:
    tab.goto(grid_page.as_uri())
    assert told(tab) == "61 clips"
    tab.locator("[name=text]").fill("BBAF2 five")
    assert told(tab) == "0 of 61 clips" and names(tab) == []
    tab.locator("[name=text]").fill("BBAF2 two")
    assert names(tab) == ["s1_bbaf2n", "s4_bbaf2a"]
    tab.locator("[name=status]").select_option("=detect: damaged_video")
    assert names(tab) == ["s4_bbaf2a"]
    tab.get_by_text("Clear").click()
    tab.wait_for_function("document.querySelector('.filters output').textContent === '61 clips'")
    tab.locator("[name=split]").select_option("=test")
    tab.locator("[name=speaker]").select_option("=s2")
    assert told(tab) == "2 of 61 clips"
    tab.locator("[name=split]").select_option("=train")
    assert told(tab) == "0 of 61 clips"
    tab.locator("[name=speaker]").select_option("")
    assert told(tab) == "48 of 61 clips"


def test_what_is_clicked_is_shown_in_the_table(tab: Page, grid_page: Path) -> None:
    tab.goto(grid_page.as_uri())
    tab.locator("#video\\.damage").get_by_text("2 clips in the table").click()
    assert names(tab) == ["s4_bbaf2a", "s1_sgib8n"]
    cells = tab.locator(".listing tbody td.warning:visible")
    assert cells.all_inner_texts() == ["3.5", "9", "7", "1"]
    tab.locator(".reasons button").click()
    assert names(tab) == ["s4_bbaf2a"]
    tab.locator('.heat tr[data-speaker="s2"] button').click()
    assert len(names(tab)) == 2
    tab.locator('.heat tr[data-speaker="s4"] td[data-check="face.width"]').click()
    assert len(names(tab)) == 3
    assert tab.locator(".listing [aria-sort]").inner_text().startswith("width")


def test_a_column_sorts_the_worst_first_then_the_other_way(tab: Page, grid: Audit, grid_page: Path) -> None:
    tab.goto(grid_page.as_uri())
    scores = dict(zip(grid.clips.ids, grid.clips.scores["video.sharpness"].tolist(), strict=True))
    order = sorted(
        (each for each in scores if np.isfinite(scores[each])), key=lambda each: float(f"{scores[each]:.3g}")
    )
    tab.locator('.histogram [data-check="video.sharpness"]').click()
    assert [scores[each] for each in names(tab)[:20]] == pytest.approx(
        [scores[each] for each in order[:20]], abs=1
    )
    head(tab, "Sharpness")
    assert names(tab)[0] == "s4_bbaf2a"
    assert scores[names(tab)[1]] == pytest.approx(scores[order[-1]], abs=1)
    assert tab.locator(".listing [aria-sort]").get_attribute("aria-sort") == "ascending"
    tab.locator(".listing thead button", has_text="speaker").click()
    assert names(tab)[0].startswith("s1_")
    speakers = tab.locator(".listing tbody tr:visible td:nth-child(2)").all_inner_texts()
    assert speakers == sorted(speakers, key=lambda each: int(each[1:]))


def test_a_clip_opens_with_all_that_is_known_of_it(tab: Page, grid_page: Path) -> None:
    tab.goto(grid_page.as_uri())
    tab.locator("[name=text]").fill("s1_sgib8n")
    tab.locator(".listing tbody th:visible").click()
    shown = tab.locator("dialog")
    for known in ("s1/sgib8n.mpg", "split: train", "words: set green in b eight now"):
        assert known in shown.inner_text()
    assert shown.locator("img").count() == 2
    assert shown.locator("tr.warning").all_inner_texts() == [
        "Damaged frames\t1 frames\texpected at most 0 frames"
    ]
    tab.keyboard.press("Escape")
    assert not shown.is_visible()


def test_what_the_table_shows_is_saved_as_csv(
    tab: Page, grid: Audit, grid_page: Path, tmp_path: Path
) -> None:
    tab.goto(grid_page.as_uri())
    tab.locator("[name=speaker]").select_option("=s4")
    with tab.expect_download() as download:
        tab.get_by_text("Save as CSV").click()
    download.value.save_as(tmp_path / "clips.csv")
    with (tmp_path / "clips.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["clip"] for row in rows] == ["s4_bbaf2a", "s4_bbilzs", "s4_lgbf9a"] or len(rows) == 3
    number = grid.clips.ids.index("s4_bbilzs")
    assert float(rows[1]["face.width"]) == pytest.approx(grid.clips.scores["face.width"][number], rel=0.01)
    assert rows[0]["face.width"] == ""


def test_the_lag_curves_have_their_peak_where_it_is(tab: Page, grid: Audit, grid_page: Path) -> None:
    tab.goto(grid_page.as_uri())
    assert tab.locator(".curves polyline").count() == len(grid.lags) == 2
    (place,) = tab.locator(".curves i").evaluate_all("all => all.map(e => parseFloat(e.style.left))")
    assert place == pytest.approx(100 * (grid.lags["all speakers"].peak + 15) / 30, abs=0.1)
    assert (
        tab.locator(".peaks tbody tr").first.inner_text().split("\t")[-1] == "sound and mouth move together"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_scrolls_down_only(tab: Page, grid_page: Path, scheme: str) -> None:
    tab.set_viewport_size({"width": 390, "height": 844})
    tab.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    tab.goto(grid_page.as_uri())
    assert fits(tab)
    # What is wider scrolls in itself.
    assert tab.locator(".listing").evaluate("e => e.scrollWidth > e.clientWidth && e.clientWidth < 390")
    dark = tab.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).every(each => each < 100)"
    )
    assert dark == (scheme == "dark")


def test_a_long_table_scrolls_to_its_last_clip(tab: Page, long_page: Path) -> None:
    tab.goto(long_page.as_uri())
    assert told(tab) == "1,500 clips"
    first = names(tab)
    assert len(first) < 60
    for place in (0.4, 1.0):
        tab.locator(".listing").evaluate("(e, place) => { e.scrollTop = place * e.scrollHeight; }", place)
        tab.wait_for_function(
            "before => document.querySelector('.listing tbody th').textContent !== before", arg=first[0]
        )
    last = tab.locator(".listing tbody tr:not(.spacer):visible").last
    inside = last.evaluate(
        "e => e.getBoundingClientRect().bottom <= e.closest('.listing').getBoundingClientRect().bottom"
    )
    assert inside and names(tab)[-1] == "s9_sbac3n"[:0] + tab.evaluate(
        "[...clips.ids].sort(collator.compare).at(-1)"
    )
    assert tab.locator(".listing tbody tr").count() < 70
    tab.locator("[name=flagged]").select_option("any")
    assert re.fullmatch(r"\d+ of 1,500 clips", told(tab))
    assert tab.locator(".listing tbody tr:visible").filter(
        has=tab.locator("td.warning, td.error, td.note")
    ).count() == len(names(tab))
    assert tab.locator(".heat tbody tr").count() == 34
    assert fits(tab)


def test_names_and_words_of_people_are_shown_as_they_are(tab: Page, data: Path, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    for name in ("one<b>", "two"):
        target = raw / HOSTILE / f"{name}.mpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(data / "grid/s1/bbaf2n.mpg", target)
    found = Prepared(raw, tmp_path / "out</script><script>alert(1)<" / "script>")
    found.prepare()
    tab.goto(written(look(found.out)).as_uri())
    assert tab.locator("h1").inner_text() == "script>"
    assert "</script><script>alert(1)</script>" in tab.locator(".kicker").inner_text()
    assert tab.locator('img[src="x"]').count() == 0
    assert tab.locator(".heat tbody button").inner_text() == HOSTILE
    tab.locator(".heat tbody button").click()
    assert len(names(tab)) == 2
    assert tab.locator(".listing tbody td:visible").first.inner_text() == HOSTILE
    tab.locator(".listing tbody th:visible").first.click()
    assert f"{HOSTILE}/one<b>.mpg" in tab.locator("dialog").inner_text()
    tab.set_viewport_size({"width": 390, "height": 844})
    assert fits(tab)


def test_words_of_an_alignment_are_shown_as_they_are(tab: Page, small: Prepared) -> None:
    (small.raw / "alignments/s1/bbaf2n.align").write_text("0 25000 </script><i>bin&amp;\n", encoding="utf-8")
    small.prepare()
    tab.goto(written(look(small.out)).as_uri())
    assert "the alignment “</script><i>bin&amp;”" in tab.locator("#text\\.words").inner_text()
    tab.locator("[name=text]").fill("bbaf2n")
    assert tab.locator(".listing tbody tr:visible td").last.inner_text() == "</script><i>bin&amp;"


def test_pictures_that_cannot_be_had_are_left_out(tab: Page, small: Prepared) -> None:
    found = look(small.out)
    small.artifact("detect", "s1_bbaf2n").unlink()
    for stage, clip in (("align", "s1_bbaf2n"), ("detect", "s2_pwij3p"), ("resample", "s2_pwij3p")):
        path = small.artifact(stage, clip)
        path.write_bytes(path.read_bytes()[:2000])
    small.artifact("align", "s3_sbia1a").write_bytes(b"")
    taken = pictures.take(found, {"any": [(number, "") for number in range(3)]})
    assert {number: set(each) for number, each in taken.items()} == {
        0: {"peaks"},
        1: {"crops"},
        2: {"poster", "shape", "box", "peaks"},
    }
    tab.goto(written(found).as_uri())
    assert tab.locator("#typical .clip").count() == 3


def test_the_command_tells_where_the_page_is(s2f: Command, small: Prepared) -> None:
    ended = s2f("audit", small.out)
    assert ended.code == 0
    page = small.out / "audit/audit.html"
    assert ended.out.splitlines()[-1] == f"{page}: this as a page, with pictures of the clips"
    assert page.read_text(encoding="utf-8").endswith("</html>\n")


def test_a_set_of_which_nothing_is_left_has_a_page(tab: Page, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/empty.mp4").touch()
    with pytest.raises(Exception, match="no clip is left"):
        Prepared(tmp_path / "raw", tmp_path / "out").prepare()
    tab.goto(written(look(tmp_path / "out")).as_uri())
    assert names(tab) == ["raw_empty"]
    assert "no speaker has 12 clips" in tab.locator("#sync").inner_text()
    assert not tab.locator("#typical").is_visible()


@pytest.mark.parametrize(
    ("scores", "bounds", "counts", "wrong"),
    [
        ([0.0, 0.0, 2.0, 5.0], (None, 2.0), [2, 0, 1, 0, 0, 1], [0, 0, 0, 0, 0, 1]),
        ([1.0, 1.0], (None, 0.0), [0, 2], [0, 2]),
        ([3.0], (3.0, 4.0), [1, 0], [0, 0]),
    ],
)
def test_whole_numbers_have_bins_of_their_own(
    scores: list[float], bounds: histograms.Bounds, counts: list[int], wrong: list[int]
) -> None:
    found = histograms.binned(np.array(scores), bounds)
    assert (found.counts, found.wrong) == (counts, wrong)


def test_a_single_far_score_does_not_flatten_the_others() -> None:
    random = np.random.default_rng(0)
    found = histograms.binned(np.append(random.normal(10, 1, 999), 1e6), (5.0, 14.0))
    assert sum(found.counts) == 1000
    assert found.high == 14.0
    assert found.wrong[-1] == 1
    assert sum(count > 0 for count in found.counts) > 15


@pytest.mark.parametrize(
    ("median", "least", "most", "expected"),
    [
        (75.0, 50.0, None, 0.5),
        (125.0, 50.0, None, -0.5),
        (75.0, 50.0, 110.0, 0.5),
        (108.0, 50.0, 110.0, 0.8),
        (40.0, 50.0, None, 1.2),
        (70.0, 120.0, None, 0.0),
        (100.0, 100.0, None, 0.0),
    ],
)
def test_how_near_a_speaker_is_to_a_bound(
    median: float, least: float | None, most: float | None, expected: float
) -> None:
    assert heat_map.toward(median, 100.0, least, most) == pytest.approx(expected)


def test_the_verdict_is_a_sentence(grid: Audit) -> None:
    fine = [each for each in grid.findings if each.level == "ok"]
    assert page.verdict(fine) == "None of the 44 checks found anything."
    notes = [each for each in grid.findings if each.level in ("ok", "note")]
    assert page.verdict(notes) == "3 notes; 44 of 47 checks found nothing."
