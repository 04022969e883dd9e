"""Actions: the use cases that people and Jira start, one verb a file.

Enters: a session or the store, a proven caller's integration or tenant, typed arguments. Leaves: the ledger's rows,
schedule rows and jobs, all enqueued after commit. Invariants: API, console, command line and lifecycle hooks call these
and decide nothing themselves; an action that refuses raises an error of `app.errors`, the same for every caller.
"""

from app.actions.change_settings import Changes, change_settings, check_hygiene, preview_settings
from app.actions.check_connection import JqlCheck, check_connection, validate_jql
from app.actions.create import create, create_with_token
from app.actions.delete import delete
from app.actions.disabled import disabled
from app.actions.enabled import enabled
from app.actions.installed import installed
from app.actions.pause import pause
from app.actions.reauthenticate import hand_back_to_app, reauthenticate
from app.actions.resume import resume
from app.actions.sync import sync
from app.actions.uninstalled import uninstalled
from app.actions.verify import verify

__all__ = [
    "Changes",
    "JqlCheck",
    "change_settings",
    "check_connection",
    "check_hygiene",
    "create",
    "create_with_token",
    "delete",
    "disabled",
    "enabled",
    "hand_back_to_app",
    "installed",
    "pause",
    "preview_settings",
    "reauthenticate",
    "resume",
    "sync",
    "uninstalled",
    "validate_jql",
    "verify",
]
