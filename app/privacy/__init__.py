"""Erasure of a tenant's data after its integration is deleted or its grace period is over."""
