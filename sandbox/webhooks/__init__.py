"""Webhook deliveries from the site to the app, over a network that may lose, repeat and delay them."""

from sandbox.webhooks.delivery import Delivery, Webhooks

__all__ = ["Delivery", "Webhooks"]
