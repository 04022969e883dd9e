"""The content of the page in Jira: integration, account, pairing, progress and state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app import clock
from app.ingest.planning import exclusions, field_policy
from app.ingest.status import overview, progress
from app.integrations import accounts, ledger
from app.integrations.settings import IntegrationSettings
from app.web import shown
from app.web.words.language import gettext
from app.web.words.terms import TEXTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from app.runtime import Runtime


def page_of(runtime: Runtime, tenant_id: UUID) -> shown.View:
    """The content of a site's page, in the form of `web.shown`."""
    with runtime.store.bound_to(tenant_id) as session:
        integration = ledger.of_tenant(session)
        entities = progress.by_entity(session) if integration else []
        remaining_seconds = progress.remaining_seconds(session, integration, entities) if integration else None
        event = overview.last_event(session) if integration else None
        by = overview.person(session, integration.paired_by) if integration else None
        names = {field.id: field.name or field.id for field in field_policy.site_fields(session)}
        excluded_fields, withheld_fields, _ = exclusions.standing(session)
    page = shown.integration(integration, entities, remaining_seconds)
    page["text"]["account"] = accounts.name_of(runtime.store, integration.account_id) if integration else ""
    page["text"]["by"] = by or gettext("a Jira administrator")
    page["time"]["event"] = clock.rfc3339(event) if event else None
    settings = IntegrationSettings.model_validate(integration.settings if integration else {})
    page["text"] |= _shared(settings, names)
    page["is"]["removing"] = not excluded_fields <= withheld_fields
    return page


def _shared(settings: IntegrationSettings, names: Mapping[str, str]) -> dict[str, str]:
    """The shared and the excluded texts by name; `names` are the site's fields by id."""
    excluded_fields = [*settings.excluded_fields]
    texts = [gettext(words) for name, words in TEXTS.items() if name not in excluded_fields]
    excluded_texts = [gettext(TEXTS[name]) if name in TEXTS else names.get(name, name) for name in excluded_fields]
    custom_names = [names.get(name, name) for name in settings.custom_fields if name not in excluded_fields]
    return {
        "shared_texts": ", ".join(texts) or gettext("none"),
        "custom_fields": ", ".join(custom_names)
        or (gettext("none") if settings.custom_fields else gettext("all with a value")),
        "left_out": ", ".join(excluded_texts) or gettext("nothing"),
    }
