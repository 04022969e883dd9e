"""The site over HTTP: Jira's REST API, the pages around the app, and the controls for tests."""
