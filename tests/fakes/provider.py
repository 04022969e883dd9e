"""An OpenID Connect provider on this machine, with Authlib's server side: authorize, token, keys, discovery.

The sign-in page has a button for each person. `spoil` changes the identity token before it is sent.
"""

from __future__ import annotations

import contextlib
import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, grants
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import OpenIDCode as Identity
from authlib.oidc.core import UserInfo
from flask import Flask, Response, jsonify, request
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

os.environ.setdefault("AUTHLIB_INSECURE_TRANSPORT", "1")  # plain http on this machine; only the server side reads it
CLIENT_ID, CLIENT_SECRET = "sei-connect", "a secret of the provider's"


class Client(ClientMixin):
    """The product as a client of the provider."""

    client_id = CLIENT_ID
    id_token_signed_response_alg = "RS256"

    def __init__(self, back: str) -> None:
        self.back = back

    def get_client_id(self) -> str:
        return CLIENT_ID

    def get_default_redirect_uri(self) -> str:
        return self.back

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri == self.back

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == CLIENT_SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "client_secret_basic"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


@dataclass
class Code:
    """An authorization code and its grant."""

    code: str
    user: str
    redirect_uri: str
    scope: str
    nonce: str
    code_challenge: str
    code_challenge_method: str

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str:
        return self.nonce

    def get_auth_time(self) -> None:
        return None

    get_acr = get_amr = get_auth_time


@dataclass
class Provider:
    """The provider's people (claims by subject) and its faults."""

    people: dict[str, dict[str, Any]]
    back: str
    issuer: str = ""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "first"}))
    spoil: Callable[[dict[str, str], dict[str, Any]], str | None] | None = None
    """Takes header and claims; returns the identity token to send instead, or changes them in place."""
    codes: dict[str, Code] = field(default_factory=dict)

    def sign(self, header: dict[str, str], claims: dict[str, Any], key: RSAKey | None = None) -> str:
        return jwt.encode(header, claims, key or self.key, [header["alg"]])


def _grant(provider: Provider) -> type[grants.AuthorizationCodeGrant]:
    class Grant(grants.AuthorizationCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic",)

        def save_authorization_code(self, code: str, oauth_request: Any) -> None:
            data = oauth_request.payload.data
            provider.codes[code] = Code(
                code=code,
                user=oauth_request.user,
                redirect_uri=oauth_request.payload.redirect_uri,
                scope=oauth_request.payload.scope,
                nonce=data["nonce"],
                code_challenge=data["code_challenge"],
                code_challenge_method=data["code_challenge_method"],
            )

        def query_authorization_code(self, code: str, client: Client) -> Code | None:
            return provider.codes.get(code)

        def delete_authorization_code(self, authorization_code: Code) -> None:
            del provider.codes[authorization_code.code]

        def authenticate_user(self, authorization_code: Code) -> str:
            return authorization_code.user

    return Grant


def _identity(provider: Provider) -> Identity:
    class Ours(Identity):
        def exists_nonce(self, nonce: str, oauth_request: Any) -> bool:
            return False

        def resolve_client_private_key(self, client: Client) -> RSAKey:
            return provider.key

        def get_client_claims(self, client: Client) -> dict[str, Any]:
            return {"iss": provider.issuer, "aud": [CLIENT_ID]}

        def get_encode_header(self, client: Client) -> dict[str, str]:
            return {"alg": "RS256", "kid": "first"}

        def generate_user_info(self, user: str, scope: str) -> UserInfo:
            return UserInfo(sub=user, **provider.people[user])

        def encode_id_token(self, token: dict[str, Any], oauth_request: Any) -> str:
            id_token: str = super().encode_id_token(token, oauth_request)
            if provider.spoil is None:
                return id_token
            token_parts = jwt.decode(id_token, provider.key)
            return provider.spoil(token_parts.header, token_parts.claims) or provider.sign(
                token_parts.header, token_parts.claims
            )

    return Ours(require_nonce=True)


def _app(provider: Provider) -> Flask:
    app = Flask(__name__)
    client = Client(provider.back)
    server = AuthorizationServer(
        app, query_client=lambda client_id: client if client_id == CLIENT_ID else None, save_token=lambda *_: None
    )
    server.register_grant(_grant(provider), [_identity(provider), CodeChallenge(required=True)])

    @app.get("/.well-known/openid-configuration")
    def discovery() -> Response:
        return jsonify(
            issuer=provider.issuer,
            authorization_endpoint=f"{provider.issuer}/authorize",
            token_endpoint=f"{provider.issuer}/token",
            jwks_uri=f"{provider.issuer}/keys",
            response_types_supported=["code"],
            subject_types_supported=["public"],
            id_token_signing_alg_values_supported=["RS256"],
            token_endpoint_auth_methods_supported=["client_secret_basic"],
        )

    @app.get("/keys")
    def keys() -> Response:
        return jsonify(keys=[provider.key.as_dict(private=False)])

    @app.get("/authorize")
    def who() -> str:
        buttons = "".join(f'<button name="user" value="{person}">{person}</button>' for person in provider.people)
        return f'<!doctype html><html lang="en"><title>Provider</title><form method="post"><h1>Who are you?</h1>{buttons}</form>'

    @app.post("/authorize")
    def granted() -> Response:
        user = request.form["user"]
        grant = server.get_consent_grant(end_user=user)
        answer: Response = server.create_authorization_response(grant_user=user, grant=grant)
        return answer

    @app.post("/token")
    def token() -> Response:
        answer: Response = server.create_token_response()
        return answer

    return app


@contextlib.contextmanager
def serving(provider: Provider) -> Iterator[Provider]:
    """Serve the provider under another host name, which makes a return from it a cross-site navigation."""
    server = make_server("127.0.0.1", 0, _app(provider), threaded=True)
    provider.issuer = f"http://localhost:{server.port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield provider
    server.shutdown()
    thread.join()
    server.server_close()
