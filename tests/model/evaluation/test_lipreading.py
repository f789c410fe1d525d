"""The parts of the lip reader: labels, mouths, network, grammar, rates. For all of it see test_lipread."""

import itertools

import numpy as np
import pytest
import torch
from support.model_shards import draw_faces

from s2f.model.evaluation.learned.lipreading import labels
from s2f.model.evaluation.learned.lipreading.grammar import SLOTS, Lattice, Logs, Slots, is_sentence
from s2f.model.evaluation.learned.lipreading.labels import ALPHABET, BLANK, decode, encode, plain
from s2f.model.evaluation.learned.lipreading.mouths import DOWN, LEFT, MARGIN, TOP, cut_mouths, middle, varied
from s2f.model.evaluation.learned.lipreading.network import LipNet, moving
from s2f.model.metrics.words import word_error_rate, words_read
from s2f.model.training.schedule import warm_cosine
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.corpora import grid

SENTENCE = "bin blue at f two now"
# Grammars of few characters: words that begin, end and go on alike, and a character twice in a row.
SMALL: tuple[Slots, ...] = (
    (("a", "b"), ("a", "b")),
    (("aa", "a", "ab"), ("b", "ba")),
    (("aab", "bb"),),
    (("a",), ("a", "b"), ("a",)),
)


@pytest.fixture(scope="module")
def network() -> LipNet:
    torch.manual_seed(0)
    return LipNet(width=4, hidden=8, dropout=0.1).eval()


def draw_logs(frames: int, seed: int, characters: str = ALPHABET) -> Logs:
    """Random log-probabilities; characters other than those given are as good as impossible."""
    logits = np.random.default_rng(seed).normal(0, 2, (frames, len(ALPHABET) + 1))
    logits[
        :, [label for label in range(1, len(ALPHABET) + 1) if ALPHABET[label - 1] not in characters]
    ] = -1e4
    logs: Logs = torch.from_numpy(logits).log_softmax(dim=-1).numpy().astype(np.float32)
    return logs


def collapsed(path: tuple[int, ...]) -> str:
    """What CTC makes of a path, spaces and all."""
    merged = [label for label, _ in itertools.groupby(path)]
    return "".join(ALPHABET[label - 1] for label in merged if label != BLANK)


def every_text(logs: Logs, characters: str) -> dict[str, float]:
    """The log-probability of the best path of every text of the characters, by trying all paths."""
    known = [BLANK, *(ALPHABET.index(each) + 1 for each in characters)]
    best: dict[str, float] = {}
    for path in itertools.product(known, repeat=len(logs)):
        text = collapsed(path)
        score = float(sum(logs[frame, label] for frame, label in enumerate(path)))
        best[text] = max(score, best.get(text, -np.inf))
    return best


@pytest.mark.parametrize("slots", SMALL)
@pytest.mark.parametrize("seed", range(4))
def test_the_best_sentence_of_small_grammars_is_that_of_all_paths(slots: Slots, seed: int) -> None:
    logs = draw_logs(7, seed, " ab")
    tried = every_text(logs, " ab")
    sentences = {text: tried.get(text, -np.inf) for text in map(" ".join, itertools.product(*slots))}
    assert Lattice(slots).best(logs) == max(sentences, key=lambda text: sentences[text])


def test_too_few_frames_for_any_sentence_give_none() -> None:
    lattice = Lattice((("aa", "abc"),))
    # Between equal characters there must be a blank: three frames at least, for either word.
    assert lattice.best(draw_logs(2, 0)) == ""
    assert lattice.best(draw_logs(3, 0)) in ("aa", "abc")


@pytest.mark.parametrize("seed", range(3))
def test_grids_best_sentence_is_no_worse_than_others(seed: int) -> None:
    logs = draw_logs(75, seed)
    sentence = Lattice(tuple(SLOTS.values())).best(logs)
    assert is_sentence(sentence)
    random = np.random.default_rng(seed)
    words = sentence.split()
    for _ in range(60):
        # Neighbours of the best sentence, and random sentences.
        changed = [slot[random.integers(len(slot))] for slot in SLOTS.values()]
        some = [other if random.random() < 0.3 else word for word, other in zip(words, changed, strict=True)]
        for other in (changed, some):
            assert best_path(logs, " ".join(other)) <= best_path(logs, sentence) + 1e-3


def best_path(logs: Logs, text: str) -> float:
    """The log-probability of a text's best path, by CTC's recursion over the text alone."""
    chain = [BLANK, *itertools.chain.from_iterable((label, BLANK) for label in encode(text))]
    scores = [-np.inf] * len(chain)
    for frame, log in enumerate(logs):
        before = scores if frame else [0.0] + [-np.inf] * (len(chain) - 1)
        scores = []
        for place, label in enumerate(chain):
            sources = before[max(0, place - 1) : place + 1]
            if place >= 2 and label not in (BLANK, chain[place - 2]):
                sources = before[place - 2 : place + 1]
            scores.append(max(sources) + float(log[label]))
    return max(scores[-2:])


def test_a_clear_reading_is_read_with_and_without_the_grammar() -> None:
    path = [label for each in encode(SENTENCE) for label in (each, each, BLANK)]
    logs = np.full((len(path), len(ALPHABET) + 1), -20, np.float32)
    logs[np.arange(len(path)), path] = 0
    assert decode(path) == SENTENCE
    assert Lattice(tuple(SLOTS.values())).best(logs) == SENTENCE
    # A letter that is not in the word is mended by the grammar alone.
    wrong = [ALPHABET.index("k") + 1 if label == encode("u")[0] else label for label in path]
    logs[:] = -20
    logs[np.arange(len(path)), wrong] = 0
    assert decode(wrong) == SENTENCE.replace("u", "k")
    assert Lattice(tuple(SLOTS.values())).best(logs) == SENTENCE


def test_the_slots_are_those_of_grid() -> None:
    assert list(SLOTS) == ["command", "colour", "preposition", "letter", "digit", "adverb"]
    assert [len(slot) for slot in SLOTS.values()] == [4, 4, 4, 25, 10, 4]
    assert is_sentence(grid.sentence("swwz9s"))
    assert not is_sentence("set white with z nine")
    assert not is_sentence("white set with z nine soon")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("aab", "ab"),
        ("a_a", "aa"),
        ("__a__b__", "ab"),
        ("", ""),
        ("___", ""),
        ("aa  b", "a b"),
        (" a _ b ", "a b"),
    ],
)
def test_greedy_decoding(path: str, text: str) -> None:
    assert decode([BLANK if each == "_" else ALPHABET.index(each) + 1 for each in path]) == text


def test_texts_in_the_characters_of_the_alphabet() -> None:
    assert plain("  She'd “Set”\nRED, 2 now! ") == "she'd set red now"
    assert decode(encode("bin g")) == "bin g"
    assert sorted(labels.LABELS.values()) == list(range(1, 29))


def test_mouths_are_cut_around_the_mouth() -> None:
    frames = draw_faces(np.array([-40, -4], np.float32), 0)
    mouths = cut_mouths(frames)
    assert mouths.shape == (2, DOWN, 64)
    changed = np.argwhere(cut_mouths(frames)[0] != cut_mouths(frames)[1])
    # What moves is the drawn mouth, about (50, 89).
    assert np.abs(changed.mean(axis=0) - (89 - TOP, 50 - LEFT)).max() < 2
    assert np.array_equal(middle(cut_mouths(frames, MARGIN)), mouths)
    grey = frames[0, 89, 50] @ np.array([0.299, 0.587, 0.114])
    assert abs(float(mouths[0, 89 - TOP, 50 - LEFT]) - grey) <= 0.5


@pytest.mark.parametrize("shape", [(2, 96, 128, 3), (2, 128, 96), (0, 128, 96, 3), (128, 96, 3)])
def test_what_is_no_aligned_face_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="96 x 128"):
        cut_mouths(np.zeros(shape, np.uint8))


def test_variations_stay_near_the_mouth_and_in_order() -> None:
    # Each pixel tells its frame, row and column.
    whole = np.zeros((30, DOWN + 2 * MARGIN, 64 + 2 * MARGIN, 3), np.uint8)
    for axis in range(3):
        whole[..., axis] = np.arange(whole.shape[axis]).reshape(
            [-1 if each == axis else 1 for each in range(3)]
        )
    random = np.random.default_rng(0)
    tops, lefts, mirrored, lengths = set(), set(), 0, set()
    for _ in range(200):
        state = random.bit_generator.state
        channels = []
        for axis in range(3):
            random.bit_generator.state = state
            channels.append(varied(whole[..., axis], random))
        frames, rows, columns = channels
        assert frames.shape[1:] == (DOWN, 64)
        times = frames[:, 0, 0].astype(int)
        assert np.diff(times).min() >= 0
        assert np.bincount(times, minlength=30).max() <= 2
        flipped = columns[0, 0, 0] > columns[0, 0, -1]
        mirrored += flipped
        lengths.add(len(frames))
        tops.add(int(rows[0, 0, 0]))
        lefts.add(int(columns[0, 0, -1 if flipped else 0]))
        assert np.all(np.diff(rows[0, :, 0].astype(int)) == 1)
    assert tops == lefts == set(range(2 * MARGIN + 1))
    assert 70 < mirrored < 130
    assert {29, 30, 31} <= lengths


@pytest.mark.parametrize("frames", [1, 5, 75])
def test_the_network_gives_a_label_per_frame(network: LipNet, frames: int) -> None:
    mouths = torch.randint(0, 256, (2, frames, DOWN, 64), dtype=torch.uint8)
    with torch.inference_mode():
        assert network(mouths).shape == (2, frames, 29)


def test_the_sizes_are_lipnets_at_its_width() -> None:
    network = LipNet(width=32, hidden=256, dropout=0.5)
    channels = [layer.out_channels for layer in network.convolutions if isinstance(layer, torch.nn.Conv3d)]
    assert channels == [32, 64, 96]
    assert network.recurrent.num_layers == 2
    assert network.recurrent.bidirectional
    assert network.arguments == {"width": 32, "hidden": 256, "dropout": 0.5}


def test_the_convolutions_see_three_frames_to_either_side(network: LipNet) -> None:
    mouths = torch.randn(1, 1, 15, DOWN, 64)
    changed = mouths.clone()
    changed[:, :, 7] += 1
    with torch.inference_mode():
        differ = (network.convolutions(mouths) != network.convolutions(changed)).any(dim=(0, 1, 3, 4))  # type: ignore[call-overload]
    assert differ.nonzero().flatten().tolist() == list(range(4, 11))


def test_every_frame_is_read_in_the_light_of_all(network: LipNet) -> None:
    mouths = torch.randint(0, 256, (1, 40, DOWN, 64)).float()
    changed = mouths.clone()
    changed[:, -1] = 0
    with torch.inference_mode():
        assert not torch.equal(network(mouths)[:, 0], network(changed)[:, 0])


def test_light_and_what_stands_still_do_not_count(network: LipNet) -> None:
    mouths = torch.randint(0, 100, (1, 9, DOWN, 64)).float()
    assert torch.all(moving(mouths[:, :1].expand(-1, 9, -1, -1)) == 0)
    beard = torch.randint(0, 50, (1, 1, DOWN, 64)).float()
    assert torch.allclose(moving(1.5 * mouths + beard), moving(mouths), atol=1e-3)
    # Clips of a batch do not see each other.
    both = moving(torch.cat([mouths, 255 - 2 * mouths]))
    assert torch.allclose(both[0], moving(mouths)[0])


def test_the_learning_rate_rises_and_falls_to_nothing() -> None:
    rates = [warm_cosine(step, 200, 0.1) for step in range(200)]
    top = int(np.argmax(rates))
    assert rates[top] == 1
    assert 15 <= top <= 25
    assert np.all(np.diff(rates[:top]) > 0)
    assert np.all(np.diff(rates[top + 1 :]) < 0)
    assert 0 < rates[0] < 0.1
    assert rates[-1] < 0.001
    assert warm_cosine(0, 1, 0.1) == 1


@pytest.mark.parametrize(
    ("read", "errors"),
    [
        (SENTENCE, 0),
        ("bin blue at f two soon", 1),
        ("bin blue f two now", 1),
        ("bin blue blue at f two now", 1),
        ("place red by a one again", 6),
        ("", 6),
        ("a a a a a a a a", 8),
    ],
)
def test_word_error_rates(read: str, errors: int) -> None:
    assert word_error_rate(SENTENCE, read) == pytest.approx(errors / 6)


def test_words_that_were_read_by_slot() -> None:
    assert words_read(SENTENCE, SENTENCE) == [True] * 6
    assert words_read(SENTENCE, "") == [False] * 6
    assert words_read(SENTENCE, "bin red at f two now") == [True, False, True, True, True, True]
    assert words_read(SENTENCE, "bin f two now") == [True, False, False, True, True, True]
