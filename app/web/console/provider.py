"""The organisation's sign-in provider: OpenID Connect with code, nonce and PKCE, by Authlib.

One claim of the identity token names the SEI account (`OIDC_ACCOUNT_CLAIM`). Nobody without it gets in, so that a
provider which knows the whole world opens nothing.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.flask_client import FlaskIntegration, FlaskOAuth2App
from joserfc.errors import JoseError

from app.errors import AppError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from werkzeug.wrappers import Response

    from app.config import Settings

_SECONDS = 10
"""How long the provider may take; somebody waits."""


class Away(AppError):
    """The provider does not answer, or not as one."""


class NotProven(AppError):
    """What came back proves nothing."""


class Provider:
    """Sends people away to sign in, and learns who came back. State and nonce wait in the console's own session."""

    def __init__(self, settings: Settings) -> None:
        self._claim = settings.oidc_account_claim
        self._back = f"{settings.base_url}/console/sign-in/provider/back"
        self._client: Any = FlaskOAuth2App(  # Authlib has no types here
            FlaskIntegration("provider"),
            name="provider",
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret,
            server_metadata_url=f"{settings.oidc_issuer}/.well-known/openid-configuration",
            client_kwargs={
                "scope": "openid email profile",
                "code_challenge_method": "S256",
                "default_timeout": _SECONDS,
            },
        )

    def send_away(self) -> Response:
        """The redirect to the provider. Raises Away."""
        with _understood():
            return self._client.authorize_redirect(self._back)  # type: ignore[no-any-return]  # Flask's response

    def account_named(self) -> str | None:
        """The SEI account that the provider names for whoever just came back. Raises Away, NotProven."""
        with _understood():
            found = self._client.authorize_access_token().get("userinfo")
        if not found:
            raise NotProven("no identity token")
        name = found.get(self._claim)
        return name if isinstance(name, str) and name else None


@contextmanager
def _understood() -> Iterator[None]:
    """Tells a provider that is away from one that proves nothing."""
    try:
        yield
    except OSError as error:
        # Everything that requests raises is one of these.
        raise Away(type(error).__name__) from error
    except (AuthlibBaseError, JoseError, ValueError, KeyError, RuntimeError) as error:
        raise NotProven(type(error).__name__) from error
