"""Ingest: how rows arrive, and how the product knows that none is missing.

Its wings import only from later ones in this list: status and proof; live; backfill and drift; writing; planning.
"""
