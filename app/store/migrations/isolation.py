"""Row-level security as SQL, for migrations.

The app's role sees only its session's tenant or account. The owner, used by migrations and the few unrestricted
sessions, has a policy of its own, since FORCE applies to it as well.
"""

from __future__ import annotations

from app.store.schema import APP_ROLE

BY_TENANT = "tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid"
BY_ACCOUNT = "account_id = nullif(current_setting('app.account_id', true), '')::uuid"
IS_TENANT = "id = nullif(current_setting('app.tenant_id', true), '')::uuid"

MAKE_ROLE = f"""
DO $$ BEGIN
  BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{APP_ROLE}') THEN
      CREATE ROLE {APP_ROLE} NOLOGIN NOINHERIT;
    END IF;
  EXCEPTION WHEN duplicate_object OR unique_violation THEN
    -- Another database of this cluster made it at the same moment.
  END;
  -- Whoever was granted it may lack the right to grant. Before PostgreSQL 16 every grant lets its holder take the role.
  IF NOT EXISTS (
    SELECT FROM pg_auth_members AS held
    JOIN pg_roles AS holder ON holder.oid = held.member
    WHERE held.roleid = '{APP_ROLE}'::regrole AND holder.rolname = current_user
      AND coalesce((to_jsonb(held) ->> 'set_option')::boolean, true)
  ) THEN
    EXECUTE format('GRANT {APP_ROLE} TO %I', current_user);
  END IF;
END $$
"""  # noqa: S608 - our own name


def isolate(table: str, condition: str, *, may: str = "SELECT, INSERT, UPDATE, DELETE") -> list[str]:
    """The statements to grant `may` to the app's role on the rows under the condition, and on no others."""
    return [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY bound ON {table} TO {APP_ROLE} USING ({condition}) WITH CHECK ({condition})",
        f"CREATE POLICY unrestricted ON {table} TO CURRENT_USER USING (true) WITH CHECK (true)",
        f"GRANT {may} ON {table} TO {APP_ROLE}",
    ]


GUARD_PAIRING = f"""
CREATE FUNCTION guard_pairing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF current_user <> '{APP_ROLE}' THEN RETURN NEW; END IF;
  IF TG_OP = 'UPDATE' AND NEW.account_id IS DISTINCT FROM OLD.account_id THEN
    RAISE EXCEPTION 'an integration stays with its account';
  END IF;
  IF NEW.tenant_id IS NOT NULL AND (TG_OP = 'INSERT' OR NEW.tenant_id IS DISTINCT FROM OLD.tenant_id)
     AND NEW.tenant_id IS DISTINCT FROM nullif(current_setting('app.tenant_id', true), '')::uuid THEN
    RAISE EXCEPTION 'an integration is paired only in a session of its tenant';
  END IF;
  RETURN NEW;
END $$
"""
"""An integration is visible to its account and to its tenant; the trigger keeps each from writing the other's side."""

GUARD_INTEGRATIONS = (
    "CREATE TRIGGER guard_pairing BEFORE INSERT OR UPDATE ON integrations FOR EACH ROW EXECUTE FUNCTION guard_pairing()"
)
