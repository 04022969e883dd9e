"""The one-time password: minted in SEI, pasted in Jira, good once within ten minutes."""
