"""The organisation's sign-in provider: OpenID Connect with code, nonce and PKCE, by Authlib.

One claim of the identity token names the SEI account (`OIDC_ACCOUNT_CLAIM`). A person without the claim does not get
in: a provider that knows the whole world opens nothing.
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
"""Time-out of the provider's answers: a person waits."""


class Away(AppError):
    """The provider does not answer, or with something else than OpenID Connect."""


class NotProven(AppError):
    """The provider's answer proves nothing."""


class Provider:
    """Redirects people to sign in and reads the identity they return with; state and nonce wait in the console's session."""

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
        """The SEI account that the identity token names. Raises Away, NotProven."""
        with _understood():
            claims = self._client.authorize_access_token().get("userinfo")
        if not claims:
            raise NotProven("no identity token")
        name = claims.get(self._claim)
        return name if isinstance(name, str) and name else None


@contextmanager
def _understood() -> Iterator[None]:
    """Turns Authlib's errors into Away and NotProven."""
    try:
        yield
    except OSError as error:
        # Everything that requests raises is one of these.
        raise Away(type(error).__name__) from error
    except (AuthlibBaseError, JoseError, ValueError, KeyError, RuntimeError) as error:
        raise NotProven(type(error).__name__) from error
