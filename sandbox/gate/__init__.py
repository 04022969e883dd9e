"""Admission of REST requests: authentication, rate limits, request counters."""
