"""Alembic migrations; `python -m app release` applies them."""
