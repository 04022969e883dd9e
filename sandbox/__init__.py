"""A Jira Cloud site on a laptop: REST, Apps menu, webhooks, signed like the real one.

Imports nothing of the application and is imported by nothing of it: the two meet over HTTP only.
"""

from sandbox.connect.descriptor import InstallRefusedError
from sandbox.connect.install_key import SiteKey
from sandbox.options import Fault, Options
from sandbox.site import Site
from sandbox.web.server import serve

__all__ = ["Fault", "InstallRefusedError", "Options", "Site", "SiteKey", "serve"]
