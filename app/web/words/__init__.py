"""The words that people and programs read: sentences of every condition, states, entities and checks, in each language."""
