"""Every code of a condition, with the names of its parameters."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self


class Code(StrEnum):
    """Every code; the names of its parameters follow it."""

    params: frozenset[str]

    def __new__(cls, value: str, *params: str) -> Self:
        """A member with the names of its parameters."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.params = frozenset(params)
        return member

    OTHER = "other", "text"  # stored before there were codes, or by a version with other codes

    # Permission and sign-in
    NOT_ADMINISTRATOR = "not_administrator"
    NOT_SIGNED_IN = "not_signed_in"
    CANNOT_CHECK = "cannot_check"
    CANNOT_ASK_JIRA = "cannot_ask_jira"
    UNPROVEN = "unproven"
    PAGE_TOO_OLD = "page_too_old"
    UNKNOWN_API_KEY = "unknown_api_key"
    SIGN_IN_FAILED = "sign_in_failed"
    NO_ACCOUNT = "no_account"
    PROVIDER_AWAY = "provider_away"

    # The one-time password
    KEY_REFUSED = "key_refused"
    SITE_PAIRED = "site_paired", "name"
    SITE_READ_BY_TOKEN = "site_read_by_token", "name"
    INTEGRATION_PAIRED = "integration_paired"
    BEING_ERASED = "being_erased"
    TOO_MANY_TRIES = "too_many_tries", "minutes"
    TOO_MANY_KEYS = "too_many_keys", "minutes"
    TOO_MANY_TOKENS = "too_many_tokens", "minutes"
    TOO_MANY_SIGN_INS = "too_many_sign_ins", "minutes"
    TOO_MANY_CALLS = "too_many_calls"
    NO_KEY_NEEDED = "no_key_needed"

    # A site's address and token
    BAD_SITE_ADDRESS = "bad_site_address"
    BAD_EMAIL = "bad_email"
    BAD_TOKEN = "bad_token"  # noqa: S105 - a code
    BAD_END = "bad_end"
    SITE_NOT_LISTED = "site_not_listed", "host"
    CONNECTION_UNFIT = "connection_unfit"
    OTHER_SITE = "other_site", "site"
    APP_ABSENT = "app_absent"
    TOKEN_ENDS = "token_ends", "days"

    # Calls and forms
    NOT_JSON = "not_json"
    KEY_MALFORMED = "key_malformed"
    FORM_CUT = "form_cut"
    INVALID = "invalid", "fields"
    BODY_TOO_DEEP = "body_too_deep"
    BODY_MISFRAMED = "body_misframed"
    BODY_TOO_LARGE = "body_too_large", "text"
    NO_PAGE = "no_page", "text"
    BAD_NAME = "bad_name"
    BAD_TAGS = "bad_tags"
    BAD_DESCRIPTION = "bad_description"
    BAD_FIELD = "bad_field"
    BAD_CURSOR = "bad_cursor"
    CURSOR_OUTDATED = "cursor_outdated"
    CURSOR_OF_ANOTHER_LIFE = "cursor_of_another_life"
    CURSOR_AHEAD = "cursor_ahead"
    CURSOR_OF_OTHER_ENTITIES = "cursor_of_other_entities"
    UNKNOWN_ENTITY = "unknown_entity", "entity", "entities"
    BAD_BASE_URL = "bad_base_url"
    BODY_UNEXPECTED = "body_unexpected", "fields"
    BODY_OF_OTHER_APP = "body_of_other_app"
    BODY_OF_OTHER_HOOK = "body_of_other_hook"

    # Integrations and accounts
    NO_INTEGRATION = "no_integration"
    NOT_AN_ID = "not_an_id"
    NOT_PAIRED = "not_paired"
    NO_SITE = "no_site"
    NOT_WORKING = "not_working"
    PAIRING_ENDED = "pairing_ended"
    CANNOT_PAUSE = "cannot_pause"
    CANNOT_RESUME = "cannot_resume"
    DELETING = "deleting"
    ACCOUNT_EXISTS = "account_exists", "name"
    UNKNOWN_ACCOUNT = "unknown_account", "name"
    API_KEY_TAKEN = "api_key_taken"
    NO_API_KEY = "no_api_key"

    # Servers of ours
    REDIS_AWAY = "redis_away"
    DATABASE_AWAY = "database_away"
    DATABASE_UNREACHABLE = "database_unreachable"
    DATABASE_LOST = "database_lost"
    NO_RAW_LINE = "no_raw_line"
    OUT_OF_ORDER = "out_of_order"
    UNEXPECTED = "unexpected", "incident"
    CRASHED = "crashed", "error"
    WORKER_KILLED = "worker_killed"
    KEY_HOST_AWAY = "key_host_away"
    KEY_HOST_ANSWERED = "key_host_answered", "status"
    KEY_HOST_NONSENSE = "key_host_nonsense"

    # Answers of Jira
    JIRA_FAILED = "jira_failed"
    ANSWERED = "answered", "status", "endpoint"
    ASKED_TO_WAIT = "asked_to_wait", "status", "reason", "endpoint"
    REDIRECTED = "redirected", "status", "endpoint"
    NO_ANSWER = "no_answer", "error"
    ANSWER_ENDLESS = "answer_endless"
    ANSWER_TOO_LARGE = "answer_too_large"
    ANSWER_NOT_JSON = "answer_not_json"
    ADDRESS_NOT_LISTED = "address_not_listed"
    CREDENTIAL_IGNORED = "credential_ignored", "status", "endpoint"
    SCOPE_MISSING = "scope_missing", "endpoint"
    APP_INACTIVE = "app_inactive"
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - of a page
    TOKEN_REPEATED = "token_repeated"  # noqa: S105 - of a page
    PAGES_EMPTY = "pages_empty"
    PAGES_BEYOND_COUNT = "pages_beyond_count"
    LIST_MISSING = "list_missing", "path", "place"
    LIST_EMPTY = "list_empty", "path"
    OBJECT_MISSING = "object_missing", "path"
    OBJECT_NOT_LISTED = "object_not_listed", "path"
    LIST_CUT = "list_cut", "entity", "total", "count"
    LIST_ENDLESS = "list_endless"
    FEED_WITHOUT_VALUES = "feed_without_values", "path"
    FEED_STUCK = "feed_stuck", "path"
    OTHER_FILTERS = "other_filters"
    FILTER_UNREADABLE = "filter_unreadable"

    # The limiter holds a request back
    LIMITER_AWAY = "limiter_away"
    APP_BLOCKED = "app_blocked"
    SITE_BLOCKED = "site_blocked"
    ENDPOINT_BLOCKED = "endpoint_blocked", "endpoint"
    HOUR_SPENT = "hour_spent", "purpose"
    SHARE_SPENT = "share_spent"
    SITE_BUSY = "site_busy"
    ENDPOINT_BUSY = "endpoint_busy", "endpoint"

    # Parts of a site that can't be had
    NOT_OFFERED = "not_offered", "why"
    NOT_FOR_US = "not_for_us", "why"
    PART_BROKEN = "part_broken", "why"

    # Problems of a chunk
    RATE_LIMITED = "rate_limited", "why"
    UNREACHABLE = "unreachable", "why"
    REFUSED = "refused", "why"
    NOT_FOUND = "not_found", "why"
    REJECTED = "rejected", "why"
    PAGE_TOKEN_EXPIRED = "page_token_expired", "why"
    UNREADABLE_ANSWER = "unreadable_answer", "why"
    ENDLESS_WALK = "endless_walk", "why"
    WALK_SHORT = "walk_short", "expected"
    WALKED_AGAIN = "walked_again", "expected", "count"
    WORKERS_DIED = "workers_died"
    FIELDS_AWAITED = "fields_awaited"

    # Reasons of an integration's state
    PAUSED = "paused"
    ERASING = "erasing"
    UNPAIRED = "unpaired"
    APP_DISABLED = "app_disabled"
    UNINSTALLED = "uninstalled"
    REPLACED = "replaced"
    JIRA_REFUSES = "jira_refuses", "why"
    SIGNATURE_REFUSED = "signature_refused"
    TOKEN_REFUSED = "token_refused"  # noqa: S105 - a code
    LICENCE_LAPSED = "licence_lapsed"
    ROWS_REFETCHED = "rows_refetched", "missing", "expected"
    ROWS_HIDDEN = "rows_hidden", "missing", "expected"
    ROWS_UNREADABLE = "rows_unreadable", "missing", "expected", "records"
    ROWS_LEFT_OVER = "rows_left_over", "surplus"
    PARTS_UNREAD = "parts_unread", "parts"
    PROJECT_LOST = "project_lost", "project"
    PROJECTS_LOST = "projects_lost", "project", "others"
    PROJECT_OUT_OF_SIGHT = "project_out_of_sight", "project"
    POLL_LATE = "poll_late", "age"
    CHANGE_LATE = "change_late", "age"
    REREAD_LATE = "reread_late", "age"
    JOB_LATE = "job_late", "job", "age"
    LIST_LATE = "list_late", "entity", "age"

    # Checks of a connection
    NOT_PAIRED_YET = "not_paired_yet"
    IS_PAIRED = "is_paired", "site"
    ANSWERS = "answers", "version", "kind"
    TAKES_SIGNATURE = "takes_signature", "name"
    SEES_PROJECTS = "sees_projects", "count"
    SEES_NO_PROJECT = "sees_no_project"
    READS_EMAILS = "reads_emails"
    NO_EMAILS = "no_emails"
    SITE_INACTIVE = "site_inactive", "why"
    SITE_UNREACHABLE = "site_unreachable", "why"
    SITE_REFUSES = "site_refuses", "why"
    CANNOT_BROWSE = "cannot_browse", "why"
    EMAILS_UNKNOWN = "emails_unknown", "why"
    EMAILS_HELD_BACK = "emails_held_back", "why"

    # The site's own fields
    FIELDS_CLEAR = "fields_clear"
    FIELDS_SEVERAL = "fields_several", "meaning", "fields"
    FIELD_ABSENT = "field_absent", "meaning"
    FIELD_GONE = "field_gone", "meaning", "fields"

    # Criteria of hygiene
    BAD_CRITERION_NAME = "bad_criterion_name"
    BAD_CRITERION_FIELD = "bad_criterion_field"
    BAD_CRITERION_VALUE = "bad_criterion_value"
    NO_CRITERION = "no_criterion"
    CRITERION_UNSUITABLE = "criterion_unsuitable", "operator", "field", "field_type"
    CRITERION_EXCLUDED = "criterion_excluded", "field"
    CRITERION_NOT_STORED = "criterion_not_stored", "field"
    CRITERION_FIELD_ABSENT = "criterion_field_absent", "field"

    # Records that were left out
    NOT_AN_OBJECT = "not_an_object", "entity", "type"
    NO_ID = "no_id", "entity"
    ROW_REFUSED = "row_refused", "entity", "id", "fault"

    # Values that were left out of their rows
    VALUE_NOT_IN_OBJECT = "value_not_in_object", "entity", "id", "column"
    VALUE_NOT_TEXT = "value_not_text", "entity", "id", "column"
    VALUE_NOT_TEXTS = "value_not_texts", "entity", "id", "column"
    VALUE_NOT_INTEGER = "value_not_integer", "entity", "id", "column"
    VALUE_NOT_NUMBER = "value_not_number", "entity", "id", "column"
    VALUE_NOT_BOOLEAN = "value_not_boolean", "entity", "id", "column"
    VALUE_NOT_MOMENT = "value_not_moment", "entity", "id", "column"
    VALUE_NOT_DATE = "value_not_date", "entity", "id", "column"
    VALUE_NOT_JSON = "value_not_json", "entity", "id", "column"
    VALUE_OUT_OF_RANGE = "value_out_of_range", "entity", "id", "column"
    VALUE_REFUSED = "value_refused", "entity", "id", "column", "fault"

    # Evidence about issues that were not seen
    DIRECT_READ = "direct_read"
    WEBHOOK = "webhook"
    AUDIT_LOG = "audit_log"
    WORKLOGS_DELETED = "worklogs_deleted"
    CHILD_DELETED = "child_deleted", "event"
    SECURITY_CHANGED = "security_changed"
    MOVED_TO = "moved_to", "project"
    IN_PROJECT = "in_project", "project"
    PROJECT_HIDDEN = "project_hidden"
    PROJECT_ARCHIVED = "project_archived"
    PROJECT_DELETED = "project_deleted"
    NO_EVIDENCE = "no_evidence"

    # Results of jobs
    SITE_PLANNED = "site_planned"
    ISSUES_PLANNED = "issues_planned"
    WORK_RESUMED = "work_resumed"
    WALKED_MORE_DUE = "walked_more_due", "parts"
    WALKED_REST_LATER = "walked_rest_later", "parts"
    WALKED_ALL = "walked_all", "parts"
    COMPARED = "compared", "counts", "differing"
    REREAD = "reread", "deliveries"
    POLLED = "polled", "issues", "differing"
    WORKLOGS_READ = "worklogs_read", "changed", "deleted"
    LISTS_READ = "lists_read", "lists", "changed"
    DELIVERIES_RECOVERED = "deliveries_recovered", "deliveries"
    DAY_SWEPT = "day_swept", "issues", "reread", "missed"
    IDS_SWEPT = "ids_swept", "ids", "reread", "missed"
    ABSENCES_CHECKED = "absences_checked", "causes"
    SIGNATURE_STILL_REFUSED = "signature_still_refused"
    LICENCE_STILL_LAPSED = "licence_still_lapsed"
    LICENCE_FOUND_LAPSED = "licence_found_lapsed"
    SITE_ANSWERS_AGAIN = "site_answers_again"
    ERASED = "erased"
    TEXTS_REMOVED = "texts_removed", "rows"
