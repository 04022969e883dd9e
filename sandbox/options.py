"""Options of a site: strictness, latency, limits and faults. Everything is off by default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from sandbox.oddities import Oddity

FaultKind = Literal["429", "503", "cut", "timeout"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A failure instead of an answer, or of its transfer. 429 and 503 carry `retry_after` if set."""

    kind: FaultKind
    retry_after: int | None = 1


FaultHook = Callable[[str, str, str], Fault | None]
"""Called with the method, path template and raw path of each REST request."""


_CODE = frozenset({"fault_hook", "oddities"})
"""Options that are code, so the control API neither shows nor takes them."""


@dataclass(slots=True)
class Options:
    """The options of one site. Rates are per request, from 0 to 1."""

    latency_ms: int = 0
    fault_rates: dict[str, float] = field(default_factory=dict)  # by FaultKind
    fault_hook: FaultHook | None = None
    fault_timeout_s: float = 5.0
    oddities: list[Oddity] = field(default_factory=list)  # the first that concerns a request answers it
    burst_per_second: int | None = None  # per method and path template
    burst_overrides: dict[str, int] = field(default_factory=dict)  # by "GET /rest/api/3/issue/{key}"
    max_concurrency: int | None = None
    points_per_hour: int | None = None  # of the app; tokens are exempt
    token_units_per_hour: int | None = None  # of each token's holder
    retry_after_s: int | None = None  # overrides the computed Retry-After of a quota 429
    email_approved: bool = False
    audit_allowed: bool = False
    worklog_feed_delay_s: int = 60
    index_lag_s: float = 0.0  # longest delay until a search sees a write; reconcileIssues sees it at once
    unknown_issues_are_errors: bool = True  # refuse a query with an issue that does not exist
    webhooks: bool = True  # false: no event is sent
    webhook_loss: float = 0.0  # share that never arrives, without Jira's knowledge
    webhook_duplicates: float = 0.0  # share that arrives twice with one identifier
    webhook_delay_s: float = 0.0  # longest random delay; deliveries overtake each other
    webhook_retry_delays: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 16.0)
    api_tokens: dict[str, str] = field(default_factory=dict)  # e-mail -> API token
    scoped_tokens: dict[str, list[str]] = field(default_factory=dict)  # "e-mail:token" -> OAuth scopes
    most_fetched: int = 1000  # issues of a bulkfetch with named fields; 100 as before October 2026
    unfetchable: tuple[str, ...] = ()  # ids that a bulkfetch reports as failed for now
    changelog_dates: Literal["iso", "seconds", "milliseconds"] = "iso"  # of changelog/bulkfetch, which has used each
    personal_tokens: tuple[str, ...] = ()
    time_tracking: bool = True
    anonymous_access: bool = (
        False  # as real sites: bad Basic credentials get what is open to anonymous callers, not 401
    )
    withheld_permissions: dict[str, list[str]] = field(default_factory=dict)
    """Permissions taken from an account: its e-mail -> `USER_PICKER`, or `BROWSE_PROJECTS:KEY` for one project."""

    @property
    def is_network_bad(self) -> bool:
        """Whether webhooks are lost, repeated or delayed."""
        return bool(self.webhook_loss or self.webhook_duplicates or self.webhook_delay_s)

    def change(self, changes: dict[str, Any]) -> None:
        """Apply a partial change from the control API. Raises ValueError for an unknown name."""
        names = {field.name for field in fields(self)} - _CODE
        unknown_names = set(changes) - names
        if unknown_names:
            message = f"unknown options: {', '.join(sorted(unknown_names))}"
            raise ValueError(message)
        for name, value in changes.items():
            setattr(self, name, tuple(value) if isinstance(getattr(self, name), tuple) else value)

    def as_json(self) -> dict[str, Any]:
        """Return all serialisable options, tokens included."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name not in _CODE}

    def public_json(self) -> dict[str, Any]:
        """Return the options for the control API, without tokens."""
        hidden_names = {*_CODE, "api_tokens", "scoped_tokens", "personal_tokens"}
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name not in hidden_names}
