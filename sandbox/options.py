"""Everything about a site that a test may turn: strictness, slowness, limits and faults. Off by default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Literal

FaultKind = Literal["429", "503", "cut", "timeout"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A failure in place of (or of) an answer; `retry_after` is sent with 429 and 503 when set."""

    kind: FaultKind
    retry_after: int | None = 1


FaultHook = Callable[[str, str, str], Fault | None]
"""Called with method, path template and raw path of each REST request."""


@dataclass(slots=True)
class Options:
    """One site's switches. Rates are per request, 0 to 1."""

    latency_ms: int = 0
    fault_rates: dict[str, float] = field(default_factory=dict)  # by FaultKind
    fault_hook: FaultHook | None = None
    fault_timeout_s: float = 5.0
    burst_per_second: int | None = None  # per method and path template
    burst_overrides: dict[str, int] = field(default_factory=dict)  # by "GET /rest/api/3/issue/{key}"
    max_concurrency: int | None = None
    points_per_hour: int | None = None
    retry_after_s: int | None = None  # overrides the computed Retry-After of a quota 429
    email_approved: bool = False
    audit_allowed: bool = False
    worklog_feed_delay_s: int = 60
    index_lag_s: float = 0.0  # searches see a write after anything up to this; reconcileIssues sees it at once
    unknown_issues_are_errors: bool = True  # a query that names an issue that is not there is refused
    webhooks: bool = True  # false: events are lost
    webhook_loss: float = 0.0  # share that never arrives, and that Jira does not know of
    webhook_duplicates: float = 0.0  # share that arrives twice under one identifier
    webhook_delay_s: float = 0.0  # each waits anything up to this, so they overtake each other
    webhook_retry_delays: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 16.0)
    api_tokens: dict[str, str] = field(default_factory=dict)  # e-mail -> API token
    personal_tokens: tuple[str, ...] = ()

    @property
    def is_network_bad(self) -> bool:
        """Whether webhooks are lost, doubled or delayed."""
        return bool(self.webhook_loss or self.webhook_duplicates or self.webhook_delay_s)

    def change(self, changes: dict[str, Any]) -> None:
        """Apply a partial change as the control API sends it; unknown names are an error."""
        known = {each.name for each in fields(self)} - {"fault_hook"}
        unknown = set(changes) - known
        if unknown:
            message = f"unknown options: {', '.join(sorted(unknown))}"
            raise ValueError(message)
        for name, value in changes.items():
            setattr(self, name, tuple(value) if isinstance(getattr(self, name), tuple) else value)

    def kept(self) -> dict[str, Any]:
        """Return everything that can be written down, tokens too."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name != "fault_hook"}

    def shown(self) -> dict[str, Any]:
        """Return what the control API shows; tokens stay private."""
        hidden = {"fault_hook", "api_tokens", "personal_tokens"}
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name not in hidden}
