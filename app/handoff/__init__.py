"""Chapter 6: SEI takes the rows through a change feed it can resume."""
