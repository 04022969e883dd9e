"""RQ entry points, over the same core as web. `python -m workers` runs jobs, `python -m workers clock` schedules them."""
