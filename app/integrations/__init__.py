"""Chapter 2: SEI's integrations, and the SEI accounts that own them."""
