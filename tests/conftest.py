"""What all tests share: where the real data lies. Without it those tests skip, and in CI they fail."""

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("S2F_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of genuine clips: grid/, wild/, audio/."""
    if not DATA.is_dir():
        message = f"the real data is not at {DATA}; name its folder with S2F_TEST_DATA"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return DATA
