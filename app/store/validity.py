"""Spans of validity of a status's name and category.

A trigger records them for every writer: a report about last year must use last year's names. The first span of a row
begins with its first read; Jira does not tell the age of a status's name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from app.store.sync_tables import VALIDITIES

if TYPE_CHECKING:
    from app.store.session import Session

KEEP_STATUS = """
CREATE FUNCTION keep_status_validity() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  is_there boolean := NEW.deleted_at IS NULL;
  now_valid jsonb := jsonb_build_object(
    'name', NEW.name, 'category_key', NEW.category_key, 'category_name', NEW.category_name);
BEGIN
  IF is_there AND EXISTS (SELECT FROM validities WHERE tenant_id = NEW.tenant_id AND entity = 'status'
    AND row_id = NEW.id AND valid_to IS NULL AND body = now_valid) THEN RETURN NULL; END IF;
  UPDATE validities SET valid_to = coalesce(NEW.deleted_at, NEW.read_at)
    WHERE tenant_id = NEW.tenant_id AND entity = 'status' AND row_id = NEW.id AND valid_to IS NULL;
  IF is_there THEN
    INSERT INTO validities (tenant_id, entity, row_id, valid_from, body)
      VALUES (NEW.tenant_id, 'status', NEW.id, NEW.read_at, now_valid)
      ON CONFLICT (tenant_id, entity, row_id, valid_from) DO UPDATE SET body = excluded.body, valid_to = NULL;
  END IF;
  RETURN NULL;
END $$
"""
WATCH_STATUS = (
    "CREATE TRIGGER keep_validity AFTER INSERT OR UPDATE ON jira_status"
    " FOR EACH ROW EXECUTE FUNCTION keep_status_validity()"
)


def spans(session: Session, entity: str) -> list[dict[str, Any]]:
    """All spans of an entity's rows of the bound tenant, oldest first; `valid_to` is None for the current one."""
    query = (
        select(VALIDITIES).where(VALIDITIES.c.entity == entity).order_by(VALIDITIES.c.row_id, VALIDITIES.c.valid_from)
    )
    return [
        {"id": row.row_id, "valid_from": row.valid_from, "valid_to": row.valid_to, **row.body}
        for row in session.execute(query)
    ]
