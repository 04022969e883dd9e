"""A fast stand-in for a Jira Cloud site of any size, for benchmarks and soaks: `python -m bench.site --issues 20000`.

Issues are rendered once as bytes with slots; a page is put together by filling the slots of 100 of them. The site checks
that requests carry an Authorization header and does not verify what is in it: the sandbox does that.
"""
