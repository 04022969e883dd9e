"""How we speak to Jira: credentials, client, pages, failures, which hosts. Knows no tenant."""
