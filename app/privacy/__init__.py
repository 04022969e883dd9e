"""What must be forgotten: a tenant's data when its integration is deleted or its grace period is over."""
