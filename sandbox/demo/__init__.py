"""`make demo`: the main job end to end against the real processes, with the figures of each step."""
