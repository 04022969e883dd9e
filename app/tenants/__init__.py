"""Chapter 1: somebody installs us. The tenant is the install record; the protocol that brought it is a column."""
