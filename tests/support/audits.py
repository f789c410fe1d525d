"""An audit as the tests run it, and what it has found."""

from pathlib import Path
from typing import Any

from s2f.pipeline.audit.auditing import Audit, audit
from s2f.pipeline.audit.findings import Finding
from s2f.pipeline.audit.settings import AuditParams
from s2f.pipeline.core.prepared_set import PreparedSet


def look(out: Path, *, deep: bool = False, **settings: Any) -> Audit:
    """Audit a prepared set in one process, with some settings of the audit."""
    params = AuditParams.model_validate(settings)
    return audit(PreparedSet(out), params, workers=1, deep=deep, progress=lambda what, done, total: None)


def finding(found: Audit, check: str) -> Finding:
    """What a check has found."""
    return next(each for each in found.findings if each.check == check)
