"""The connection to Jira: credentials, client, limits, failures, allowed hosts. Knows no tenant."""
