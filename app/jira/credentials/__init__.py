"""How a request proves that it is ours: one file a kind, interchangeable, each a `requests` auth object."""
