"""The front doors: each authenticates one kind of caller. Doors know no web framework."""
