"""The front doors: each proves who knocks and says it in one word, an Arrival. Doors know no web framework."""
