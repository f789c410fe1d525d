"""The making of the package's weights, without a training."""

import pytest

from s2f.pipeline.app.pretraining import beside


def fail() -> None:
    raise SystemExit(7)


def test_what_is_done_beside_the_work_ends_everything_where_it_fails() -> None:
    assert beside(lambda: None, lambda: "weights") == "weights"
    with pytest.raises(SystemExit) as ended:
        beside(fail, lambda: "weights")
    assert ended.value.code == 7
    with pytest.raises(SystemExit):
        beside(lambda: None, fail)
