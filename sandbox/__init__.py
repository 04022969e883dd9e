"""A Jira Cloud site on a laptop: REST, Apps menu, webhooks, signed like the real one.

Imports nothing of the application and is imported by nothing of it: the two meet over HTTP only.
"""

from sandbox.descriptor import InstallRefusedError
from sandbox.identity import SiteKey
from sandbox.options import Fault, Options
from sandbox.server import serve
from sandbox.site import Site

__all__ = ["Fault", "InstallRefusedError", "Options", "Site", "SiteKey", "serve"]
