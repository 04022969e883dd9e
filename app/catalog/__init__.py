"""Chapter 3: what we take from Jira, declared as data.

`language` holds the words, `entities/` one declaration a file, `registry` finds them, `extract` turns Jira's objects into rows.
"""
