"""Tenants: the records of installed apps. The protocol of an install is a column."""
