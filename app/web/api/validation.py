"""The answer of *Validate connection*."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import BaseModel

from app.web.api.shapes import ShownCheck

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.integrations.checks import Check


class Validation(BaseModel):
    """`ok` when every required check is."""

    ok: bool
    checks: list[ShownCheck]

    @classmethod
    def of(cls, checks: Iterable[Check]) -> Self:
        """The shape of all checks."""
        shown_checks = [ShownCheck.of(check) for check in checks]
        return cls(ok=all(check.ok for check in shown_checks if check.is_required), checks=shown_checks)
