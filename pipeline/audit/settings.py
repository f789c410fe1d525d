"""The settings of the audit: from where on a figure is worth a look. The `audit` block of stages.yaml."""

from typing import TYPE_CHECKING, Any

from pydantic import Field, create_model

from s2f.pipeline.audit.checks import table
from s2f.pipeline.audit.checks.base import Thresholds


def make_block() -> type[Thresholds]:
    """The block with the settings of all checks in the table."""
    fields: dict[str, Any] = {
        each.name: (
            type(each.default),
            Field(each.default, ge=each.minimum, description=each.description),
        )
        for each in table.settings()
    }
    return create_model("AuditParams", __base__=Thresholds, __module__=__name__, **fields)


# A type checker cannot know the fields.
if TYPE_CHECKING:
    AuditParams = Thresholds
else:
    AuditParams = make_block()
