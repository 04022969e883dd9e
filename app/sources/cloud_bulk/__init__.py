"""Jira Cloud by API token: ids by search, whole issues and histories by the bulk endpoints, everything else as `cloud`.

Apps with scope READ may call neither bulk endpoint, and for them the detour by ids costs each issue a second point of their
quota. Tokens have no such quota.
"""
