"""The catalogue: Jira's entities, declared as data.

`language` defines the terms, `entities/` has one declaration a file, `registry` finds them, `extract` turns Jira's objects
into rows.
"""
