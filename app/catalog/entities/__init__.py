"""One declaration a file; each names its entity `ENTITY` and imports nothing but the language."""
