"""Atlassian Connect from the site's side: descriptor checks, lifecycle hooks, token signatures, page URLs."""
