"""RQ entry points: an entry point like web, over the same core. `python -m workers` pulls, `python -m workers clock` schedules."""
