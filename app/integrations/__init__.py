"""Chapter 2: what SEI calls an integration, and the SEI accounts that own them."""
