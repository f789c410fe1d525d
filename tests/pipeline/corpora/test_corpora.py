"""Which files are clips, whose they are, and what is said in them."""

import re
import shutil
from pathlib import Path

import pytest

from s2f.pipeline.core.errors import InputError
from s2f.pipeline.corpora import (
    CORPORA,
    crema_d,
    folder,
    grid,
    listing,
    lrs3,
    lrw,
    open_corpus,
    ravdess,
    rights,
    sentence,
    tcd_timit,
)
from s2f.pipeline.corpora.base import Corpus, Source


def tree(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def by_id(root: Path, corpus: str = "auto") -> dict[str, Source]:
    return {source.clip_id: source for source in listing.find_clips(root, corpus)}


def test_videos_that_are_not_of_the_corpus_are_taken_as_a_plain_folders(tmp_path: Path) -> None:
    clips = tree(
        tmp_path, "grid/s1/bbaf2n.mpg", "grid/s2/pwij3p.mpg", "grid/align/bbaf2n.align", "me/hello.mp4"
    )
    (clips / "me/hello.txt").write_text("hello")
    found = by_id(clips)
    assert {name: (each.corpus, each.speaker) for name, each in found.items()} == {
        "s1_bbaf2n": ("grid", "s1"),
        "s2_pwij3p": ("grid", "s2"),
        "me_hello": ("folder", "me"),
    }
    assert found["s1_bbaf2n"].aligned == "grid/align/bbaf2n.align"
    assert folder.text(found["me_hello"]) == "hello"
    # Whoever names the corpus wants that one alone.
    assert by_id(clips, "grid").keys() == {"s1_bbaf2n", "s2_pwij3p"}


def test_every_grid_clip_is_found_with_its_alignment(data: Path) -> None:
    found = listing.find_clips(data / "grid")
    assert len(found) == 61
    assert {source.corpus for source in found} == {"grid"}
    assert sum(source.speaker == "s1" for source in found) == 48
    assert len({source.speaker for source in found}) == 11
    for source in found:
        assert source.clip_id == f"{source.speaker}_{source.utterance}"
        assert source.relative == f"{source.speaker}/{source.utterance}.mpg"
        assert source.alignment
        assert source.alignment.stem == source.utterance


def test_alignments_say_what_the_names_stand_for(data: Path) -> None:
    for source in listing.find_clips(data / "grid"):
        assert grid.text(source) == grid.sentence(source.utterance)


def test_words_have_times_in_seconds_and_in_order(data: Path) -> None:
    clips = by_id(data / "grid")
    assert [(label.label, label.start) for label in grid.labels(clips["s1_bbaf2n"])][:2] == [
        ("bin", 0.95),
        ("blue", 1.18),
    ]
    for source in clips.values():
        times = [time for label in grid.labels(source) for time in (label.start, label.end)]
        assert len(times) == 12
        assert times == sorted(times)
        assert 0 < times[0] < times[-1] <= 2.98


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("bbaf2n", "bin blue at f two now"),
        ("swwz9s", "set white with z nine soon"),
        ("prizzp", "place red in z zero please"),
        ("lgbo1a", "lay green by o one again"),
    ],
)
def test_a_name_of_grid_is_a_sentence(name: str, sentence: str) -> None:
    assert grid.NAME.fullmatch(name)
    assert grid.sentence(name) == sentence


@pytest.mark.parametrize("name", ["bbaw2n", "bbaf0n", "xbaf2n", "bbaf2", "bbaf2nn"])
def test_other_names_are_not_of_grid(name: str) -> None:
    assert not grid.NAME.fullmatch(name)


def test_grid_as_on_its_original_site(tmp_path: Path) -> None:
    clips = by_id(
        tree(tmp_path, "s1/video/mpg_vcd/bbaf2n.mpg", "s1/align/bbaf2n.align", "s1/audio/bbaf2n.wav")
    )
    assert list(clips) == ["s1_bbaf2n"]
    assert clips["s1_bbaf2n"].alignment == tmp_path / "s1/align/bbaf2n.align"


def test_an_alignment_is_found_by_name_in_another_speakers_folder(tmp_path: Path) -> None:
    tree(
        tmp_path, "s5/bbaf2n.mpg", "s6/lgbo1a.mpg", "alignments/s6/bbaf2n.align", "alignments/s5/lgbo1a.align"
    )
    clips = by_id(tmp_path)
    assert clips["s5_bbaf2n"].alignment == tmp_path / "alignments/s6/bbaf2n.align"
    assert clips["s6_lgbo1a"].alignment == tmp_path / "alignments/s5/lgbo1a.align"


def test_grid_without_alignments_has_texts_but_no_times(tmp_path: Path) -> None:
    source = by_id(tree(tmp_path, "s5/bbaf2n.mpg"))["s5_bbaf2n"]
    assert grid.text(source) == "bin blue at f two now"
    assert grid.labels(source) == []


def test_the_folder_of_one_speaker_serves_as_grid(tmp_path: Path) -> None:
    assert list(by_id(tree(tmp_path / "s7", "bbaf2n.mpg"))) == ["s7_bbaf2n"]


def test_junk_is_no_clip(tmp_path: Path) -> None:
    junk = [
        "__MACOSX/s1/._bbaf2n.mpg",
        "s1/._bbaf2n.mpg",
        "s1/Thumbs.db",
        ".cache/s1/lgbo1a.mpg",
        "s1/readme.txt",
    ]
    assert list(by_id(tree(tmp_path, "s1/bbaf2n.mpg", *junk))) == ["s1_bbaf2n"]


def test_other_folders_are_a_speaker_each(tmp_path: Path) -> None:
    tree(tmp_path, "ann/one.mp4", "bob/deep/two.MOV", "three.webm")
    clips = by_id(tmp_path)
    assert {source.corpus for source in clips.values()} == {"folder"}
    assert {source.speaker for source in clips.values()} == {"ann", "deep", tmp_path.name}
    assert clips["ann_one"].utterance == "one"


def test_a_text_beside_a_clip_is_what_is_said(tmp_path: Path) -> None:
    tree(tmp_path, "ann/one.mp4", "ann/two.mp4")
    (tmp_path / "ann/one.txt").write_text("Grüß Gott\n", encoding="utf-8")
    clips = by_id(tmp_path)
    assert folder.text(clips["ann_one"]) == "Grüß Gott"
    assert folder.text(clips["ann_two"]) is None
    assert open_corpus("folder").labels(clips["ann_one"]) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("Grüß Gott\n".encode("utf-8-sig"), "Grüß Gott"),
        ("Grüß Gott\r\n".encode("utf-16"), "Grüß Gott"),
        ("Grüß Gott".encode("utf-16-be"), "Grüß Gott"),
        ("Grüß Gott".encode("utf-32"), "Grüß Gott"),
        (b"hello there\0\0", "hello there"),
        (b"\n", None),
        (b"Text:  HELLO THERE\nConf:  4\nRef: 00j9bKdiOjk\n\nWORD START END ASDSCORE\n", "HELLO THERE"),
        (b"Identity  : \tid00012\nReference : \t21Uxsk56VDQ\n", None),
        (b"Disk reference: 5721711\nChannel: BBC One HD\nDuration: 0.47 seconds\n", None),
        (b"Text books are heavy", "Text books are heavy"),
    ],
)
def test_a_text_is_read_in_any_unicode_and_below_any_heading(
    tmp_path: Path, content: bytes, said: str | None
) -> None:
    tree(tmp_path, "ann/one.MP4")
    (tmp_path / "ann/one.TXT").write_bytes(content)
    assert folder.text(by_id(tmp_path)["ann_one"]) == said


@pytest.mark.parametrize("content", ["Grüß Gott".encode("latin-1"), b"one\0two", b"\xff\xfe\x00\xd8"])
def test_a_text_that_is_not_unicode_is_unreadable(tmp_path: Path, content: bytes) -> None:
    tree(tmp_path, "ann/one.mp4")
    (tmp_path / "ann/one.txt").write_bytes(content)
    with pytest.raises(ValueError, match="save it as UTF-8"):
        folder.text(by_id(tmp_path)["ann_one"])


@pytest.mark.parametrize(
    ("name", "said"), [("lrs3.txt", "BIN BLUE AT F TWO NOW"), ("bom.txt", "bin blue at f two now")]
)
def test_the_texts_of_lrs3_and_with_a_mark_are_the_sentence_alone(
    data: Path, tmp_path: Path, name: str, said: str
) -> None:
    tree(tmp_path, "ann/one.mp4")
    shutil.copy(data / "faults" / name, tmp_path / "ann/one.txt")
    assert folder.text(by_id(tmp_path)["ann_one"]) == said


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("0 9000 sil\n8000 30250 bin\n", "before 0.36 s"),
        ("0 9000 sil\n9000 9000 bin\n", "'bin' ends"),
        ("-5 9000 sil\n", "'sil' begins at -0.0002 s"),
        ("0 9000 sil\n9000 nan bin\n", "is not a start, an end and a word"),
        ("0 9000\n", "is not a start, an end and a word"),
    ],
)
def test_an_alignment_of_impossible_times_is_unreadable(tmp_path: Path, lines: str, why: str) -> None:
    tree(tmp_path, "s1/bwwh5a.mpg", "align/bwwh5a.align")
    (tmp_path / "align/bwwh5a.align").write_text(lines)
    with pytest.raises(ValueError, match=why):
        grid.labels(by_id(tmp_path)["s1_bwwh5a"])


def test_an_alignment_whose_words_overlap_is_unreadable(data: Path, tmp_path: Path) -> None:
    tree(tmp_path, "s1/bwwh5a.mpg")
    shutil.copy(data / "faults/overlap-bwwh5a.align", tmp_path / "s1/bwwh5a.align")
    with pytest.raises(ValueError, match="'bin' begins at"):
        grid.labels(by_id(tmp_path)["s1_bwwh5a"])


@pytest.mark.parametrize(
    ("folder_name", "speaker"),
    [("S7", "s7"), ("s07", "s07"), ("speaker_7", "s7"), ("Talker 07", "s7"), ("s7.mpg_vcd", "s7")],
)
def test_copies_of_grid_are_recognised(tmp_path: Path, folder_name: str, speaker: str) -> None:
    name = "BBAF2N" if folder_name == "S7" else "bbaf2n"
    (found,) = by_id(tree(tmp_path, f"{folder_name}/{name}.MPG", f"ALIGN/{name}.ALIGN")).values()
    assert (found.corpus, found.speaker, found.utterance) == ("grid", speaker, "bbaf2n")
    assert found.aligned == f"ALIGN/{name}.ALIGN"
    (tmp_path / found.aligned).write_text("0 100 SIL\n100 200 BIN\n")
    assert grid.text(found) == "bin"


def test_copies_of_grid_that_are_not_recognised_are_told_in_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tree(tmp_path, "anna/bbaf2n.mpg", "bob/lgbo1a.mpg", "bob/hello.mpg")
    assert {source.corpus for source in by_id(tmp_path).values()} == {"folder"}
    (line,) = caplog.messages
    assert line.startswith("2 videos are named as those of grid, but not filed so")
    caplog.clear()
    by_id(tmp_path, "folder")
    assert not caplog.messages


def test_ids_are_distinct_and_serve_as_file_names(tmp_path: Path) -> None:
    names = ["a/x.mp4", "a/x.mov", "b/a/x.mp4", "ä é/v1.2 final.mp4", "ö é/v1.2 final.mp4", "a/x_1.mp4"]
    found = listing.find_clips(tree(tmp_path, *names))
    ids = [source.clip_id for source in found]
    assert len(set(ids)) == len(names)
    assert ids == sorted(ids)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", clip_id) for clip_id in ids)
    assert [source.clip_id for source in listing.find_clips(tmp_path)] == ids


def test_every_way_in_which_a_folder_holds_no_clips_is_an_error(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    textual = tree(tmp_path / "textual", "a/notes.txt")
    (tmp_path / "file.mp4").touch()
    cases = {
        tmp_path / "none": "is not a folder",
        tmp_path / "file.mp4": "is not a folder",
        empty: "is empty",
        textual: "no videos",
    }
    for root, message in cases.items():
        with pytest.raises(InputError, match=message) as caught:
            listing.find_clips(root)
        assert caught.value.hint


def test_a_folder_that_is_not_grid_cannot_be_read_as_grid(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="grid") as caught:
        listing.find_clips(tree(tmp_path, "ann/one.mp4"), "grid")
    assert caught.value.hint


MLF = """#!MLF!#
"/home/x/TCDTIMIT/volunteers/01M/Clips/straightcam/sa1.rec"
0 3500000 sil
3500000 4100000 sh
.
"/home/x/TCDTIMIT/volunteers/02F/Clips/straightcam/sa1.rec"
0 1000000 sil
.
"""


def test_tcd_timit_is_recognised_and_only_its_straight_camera_serves(tmp_path: Path) -> None:
    tree(
        tmp_path,
        "volunteers/01M/Clips/straightcam/sa1.mp4",
        "volunteers/01M/Clips/30degcam/sa1.mp4",
        "volunteers/02F/Clips/straightcam/SX100.mp4",
        "lipspeakers/Lipspkr1/Clips/straightcam/si1005.mp4",
    )
    (tmp_path / "volunteer_labelfiles.mlf").write_text(MLF)
    clips = by_id(tmp_path)
    assert list(clips) == ["01M_sa1", "02F_SX100", "Lipspkr1_si1005"]
    assert {source.corpus for source in clips.values()} == {"tcd_timit"}
    assert [(label.label, label.start, label.end) for label in tcd_timit.labels(clips["01M_sa1"])] == [
        ("sil", 0.0, 0.35),
        ("sh", 0.35, pytest.approx(0.41)),
    ]
    assert tcd_timit.labels(clips["02F_SX100"]) == tcd_timit.labels(clips["Lipspkr1_si1005"]) == []
    assert open_corpus("tcd_timit").text(clips["01M_sa1"]) is None


def test_of_two_editions_of_a_grid_clip_the_smaller_serves(tmp_path: Path) -> None:
    found = by_id(tree(tmp_path, "s1/video/mpg_6000/bbaf2n.mpg", "s1/video/mpg_vcd/bbaf2n.mpg"))
    assert [source.relative for source in found.values()] == ["s1/video/mpg_vcd/bbaf2n.mpg"]
    (only,) = by_id(tree(tmp_path / "large", "s1/video/mpg_6000/bbaf2n.mpg")).values()
    assert only.relative == "s1/video/mpg_6000/bbaf2n.mpg"


def test_crema_d_tells_speaker_sentence_and_emotion_by_name(data: Path) -> None:
    found = by_id(data / "crema")
    assert len(found) == 85
    assert {source.corpus for source in found.values()} == {"crema_d"}
    assert len({source.speaker for source in found.values()}) == 54
    one = found["1003_1003_IEO_SAD_LO"]
    assert (one.speaker, one.emotion, crema_d.text(one)) == ("1003", "sadness", "it's eleven o'clock")


def test_ids_and_speakers_of_crema_d_are_those_of_a_plain_folder(data: Path) -> None:
    plain = by_id(data / "crema", "folder")
    named = by_id(data / "crema")
    assert {name: (each.speaker, each.utterance) for name, each in plain.items()} == {
        name: (each.speaker, each.utterance) for name, each in named.items()
    }


def test_two_corpora_side_by_side_are_both_recognised(data: Path, tmp_path: Path) -> None:
    for name in ("grid", "crema"):
        (tmp_path / name).symlink_to(data / name)
    tree(tmp_path, "me/hello.mp4")
    found = [source.corpus for source in by_id(tmp_path).values()]
    assert {name: found.count(name) for name in found} == {"grid": 61, "crema_d": 85, "folder": 1}
    trees = set(listing.described(listing.find_clips(tmp_path)).split("; "))
    assert trees == {
        "grid in grid/, clips 61, speakers 11",
        "crema_d in crema/, clips 85, speakers 54",
        "folder in me/, clips 1, speakers 1",
    }


def test_ravdess_tells_speaker_sentence_and_emotion_by_name(tmp_path: Path) -> None:
    tree(tmp_path, "Actor_12/01-01-06-01-02-01-12.mp4", "Actor_12/02-01-06-01-02-01-12.mp4")
    (found,) = by_id(tmp_path).values()
    assert (found.corpus, found.speaker, found.emotion) == ("ravdess", "Actor_12", "fear")
    assert ravdess.text(found) == "dogs are sitting by the door"


def test_lrw_tells_the_word_by_folder_and_nobody_who_speaks(tmp_path: Path) -> None:
    tree(tmp_path, "ABOUT/train/ABOUT_00001.mp4", "ABOUT/val/ABOUT_00002.mp4", "ABOUT/train/ABOUT_00001.txt")
    first, second = by_id(tmp_path).values()
    assert {first.corpus, second.corpus} == {"lrw"}
    assert first.speaker != second.speaker
    assert (lrw.text(first), first.aligned) == ("ABOUT", None)


def test_lrs3_counts_a_video_as_a_speaker(tmp_path: Path) -> None:
    tree(tmp_path, "trainval/0aki/50001.mp4", "trainval/0aki/50002.mp4", "test/0Fi8/00001.mp4")
    (tmp_path / "trainval/0aki/50001.txt").write_text("Text:  SO WE\nConf:  4\n")
    found = by_id(tmp_path)
    assert {name: each.speaker for name, each in found.items()} == {
        "0aki_50001": "0aki", "0aki_50002": "0aki", "0Fi8_00001": "0Fi8",
    }  # fmt: skip
    assert {each.corpus for each in found.values()} == {"lrs3"}
    assert lrs3.text(found["0aki_50001"]) == "SO WE"


def test_a_person_of_voxceleb2_is_one_speaker_in_all_videos(tmp_path: Path) -> None:
    found = by_id(tree(tmp_path, "id0001/one/0001.mp4", "id0001/two/0001.mp4", "dev/mp4/id0002/x/0001.mp4"))
    assert {name: (each.corpus, each.speaker) for name, each in found.items()} == {
        "id0001_one_0001": ("voxceleb2", "id0001"),
        "id0001_two_0001": ("voxceleb2", "id0001"),
        "id0002_x_0001": ("voxceleb2", "id0002"),
    }


@pytest.mark.parametrize(
    ("pattern", "speakers"),
    [
        ("{speaker}/**", {"ann", "bob"}),
        ("{speaker}/*/*", {"ann", "bob"}),
        ("**/{speaker}_*", {"a", "b"}),
        (r"^(\w)", {"a", "b"}),
        (r"/([xy])/", {"x", "y"}),
    ],
)
def test_a_pattern_says_who_speaks(tmp_path: Path, pattern: str, speakers: set[str]) -> None:
    tree(tmp_path, "ann/x/a_1.mp4", "ann/y/a_2.mp4", "bob/x/b_1.mp4")
    found = listing.find_clips(tmp_path, speaker=pattern)
    assert {source.speaker for source in found} == speakers
    assert len({source.clip_id for source in found}) == 3


def test_a_pattern_leaves_corpora_alone_that_know_their_speakers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tree(tmp_path, *(f"grid/s1/bbaf{digit}n.mpg" for digit in range(1, 5)), "me/hello.mp4", "there.mp4")
    found = listing.find_clips(tmp_path, speaker="{speaker}/*")
    assert {source.speaker for source in found} == {"s1", "me", tmp_path.name}
    (line,) = caplog.messages
    assert line.startswith("1 videos do not fit scan.speaker, such as there.mp4")


@pytest.mark.parametrize("pattern", ["no group", "(a)(b)", "(", "{speaker}/{speaker}"])
def test_a_pattern_without_a_speaker_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="it"):
        listing.speaker_pattern(pattern)


def test_folders_behind_links_are_seen_once(tmp_path: Path) -> None:
    disk = tree(tmp_path / "disk", "bbaf2n.mpg")
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "s1").symlink_to(disk)
    (raw / "loop").symlink_to(raw)
    assert list(by_id(raw)) == ["s1_bbaf2n"]


def test_known_counts() -> None:
    speakers = [f"s{number}" for number in range(1, 35)]
    assert sum(grid.known_clips(speaker) or 0 for speaker in speakers) == 32_823
    assert (grid.known_clips("s8"), grid.known_clips("s21"), grid.known_clips("ann")) == (891, 0, None)
    volunteers = [f"{number:02d}M" for number in range(1, 60)]
    everyone = [*volunteers, "Lipspkr1", "Lipspkr2", "Lipspkr3"]
    assert sum(tcd_timit.known_clips(speaker) or 0 for speaker in everyone) == 59 * 98 + 3 * 377 == 6913
    assert open_corpus("folder").known_clips("ann") is None


@pytest.mark.parametrize("name", CORPORA)
def test_every_corpus_of_the_table_offers_what_the_protocol_says(name: str) -> None:
    offered = {each for each in (*vars(Corpus), *Corpus.__annotations__) if not each.startswith("_")}
    assert offered == {
        "RIGHTS", "recognises", "find", "labels", "text", "sentence", "is_speaker", "known_clips",
    }  # fmt: skip
    assert offered <= set(dir(open_corpus(name)))


def test_what_may_be_done_with_a_corpus_is_known_or_said_to_be_unknown() -> None:
    assert (rights("grid").hub, rights("grid").shareable) == ("cc-by-4.0", True)
    assert (rights("tcd_timit").hub, rights("tcd_timit").shareable) == ("other", False)
    for name in ("folder", "nowhere"):
        assert (rights(name).licence, rights(name).shareable) == ("unknown", False)
    named = [rights(name).title for name in CORPORA]
    assert len(set(named)) == len(named)


def test_the_last_corpus_of_the_table_takes_any_folder() -> None:
    assert list(CORPORA)[-1] == "folder"
    assert folder.recognises([], "anywhere")


def test_a_name_says_words_in_a_corpus_whose_names_do() -> None:
    assert sentence("bbaf2n") == "bin blue at f two now"
    assert sentence("sa1") is None
    assert (grid.is_speaker("s7"), grid.is_speaker("01M")) == (True, False)
    assert not open_corpus("folder").is_speaker("s7")
