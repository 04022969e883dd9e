"""Jira Cloud through the app's own signature: REST v3 and the Agile API, one request at a time within the limiter."""
