"""The base of every block of settings: frozen, strict, and it names the field in its errors."""

from pydantic import BaseModel, ConfigDict


class Params(BaseModel):
    """A frozen block of settings; unknown keys and wrong types are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
