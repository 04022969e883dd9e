"""The one-time password: minted in SEI, pasted in Jira, valid once and for ten minutes."""
