"""Hand-off to SEI: a resumable change feed."""
