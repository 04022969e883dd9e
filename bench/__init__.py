"""The project's own benchmarks: `python -m bench` runs every module here that has a `run() -> list[Figure]`."""
