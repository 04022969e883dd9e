"""A fast stand-in for a Jira Cloud site of any size, for benchmarks and soaks: `python -m bench.site --issues 20000`.

Issues are rendered once as bytes with slots; a page is assembled by filling the slots of 100 of them. The site requires an
Authorization header without verifying it; verification is the sandbox's job.
"""
