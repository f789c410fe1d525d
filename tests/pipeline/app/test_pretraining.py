"""The making of the package's weights, without a training."""

from pathlib import Path

import pytest

from s2f.pipeline.app import pretraining


def test_judges_that_cannot_be_trained_end_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*arguments: object) -> None:
        if arguments[0] == "lipread":
            raise SystemExit(7)
        assert arguments[0] in ("prep", "train"), "nothing is measured without judges"

    monkeypatch.setattr(pretraining, "run", run)
    for corpus in pretraining.CORPORA:
        (tmp_path / "data" / corpus).mkdir(parents=True)
    with pytest.raises(SystemExit) as ended:
        pretraining.main(tmp_path / "data", tmp_path / "work")
    assert ended.value.code == 7
