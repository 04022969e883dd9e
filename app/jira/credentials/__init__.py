"""Credentials: one file a kind, each an interchangeable `requests` auth object."""
