"""The table of checks: the docs show it, and a new check is one function and one entry."""

from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from support.audits import finding
from support.prepared import Prepared

from s2f.pipeline.audit import auditing, settings
from s2f.pipeline.audit.checks import reference, table
from s2f.pipeline.audit.checks.base import ClipCheck
from s2f.pipeline.audit.report import record
from s2f.pipeline.core.prepared_set import PreparedSet

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("show", [reference.clip_table, reference.set_table])
def test_the_docs_hold_the_tables_of_checks(show: Callable[[], str]) -> None:
    assert show() in (DOCS / "audit.md").read_text(encoding="utf-8"), (
        f"put this into docs/audit.md:\n{show()}"
    )


@pytest.fixture
def new_check(monkeypatch: pytest.MonkeyPatch) -> ClipCheck:
    """The check of docs/contributing.md, added to the table."""
    section = (DOCS / "contributing.md").read_text(encoding="utf-8").partition("## An audit check")[2]
    names: dict[str, ClipCheck] = {}
    exec(section.split("```")[1].removeprefix("python"), names)  # noqa: S102
    monkeypatch.setattr(table, "CHECKS", (*table.CHECKS, names["CHECK"]))
    return names["CHECK"]


def test_a_new_check_is_one_function_and_one_entry(new_check: ClipCheck, prepared_small: Prepared) -> None:
    block = settings.make_block()
    assert block.model_fields["max_residual"].default == 4.0
    residuals = {clip_id: row["residual_px"] for clip_id, row in prepared_small.rows("align").items()}
    worst = max(residuals, key=lambda clip_id: residuals[clip_id])
    params = block.model_validate({"max_residual": residuals[worst] - 1e-3})
    audit = auditing.audit(
        PreparedSet(prepared_small.out), params, workers=1, deep=False, progress=lambda *counts: None
    )
    found = finding(audit, new_check.name)
    assert (found.level, found.flagged) == ("warning", (worst,))
    page = Path(record.write(audit))
    assert new_check.title in page.read_text(encoding="utf-8")
    scores = pq.read_table(page.with_name("scores.parquet")).to_pylist()
    assert {row["clip_id"]: row[new_check.name] for row in scores} == residuals
    assert "`face.fit` | warning |" in reference.clip_table()
