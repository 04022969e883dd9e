"""Scope of a question about issues."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.catalog.field_policy import FieldPolicy
from app.catalog.language import OPEN_END


@dataclass(frozen=True)
class Scope:
    """Issues of one project that were created in [lower, upper), epoch milliseconds, and the fields to ask for."""

    project_id: str
    lower: int = 0
    upper: int = OPEN_END
    policy: FieldPolicy = field(default_factory=FieldPolicy)
