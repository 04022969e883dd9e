"""Credentials of an integration, as callers hand them over. No answer repeats them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)

from app import clock
from app.sources import Method
from app.tenants.model import ApiToken, TokenKind


def _trimmed(secret: SecretStr) -> SecretStr:
    """A secret without the blanks that pasting brings. Raises ValueError for one of blanks alone."""
    text = secret.get_secret_value().strip()
    if not text:
        raise ValueError("is empty")
    return SecretStr(text)


Email = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=254, pattern=r"^[^\s:@\x00-\x1f]+@[^\s:@\x00-\x1f]+$")
]
Address = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Token = Annotated[SecretStr, Field(min_length=1, max_length=4096), AfterValidator(_trimmed)]


_LONGEST_LIFE = timedelta(days=3660)
"""Atlassian ends every token after a year at most."""


class TokenCredentials(BaseModel):
    """An Atlassian account's API token and the site that it is for."""

    model_config = ConfigDict(extra="forbid")

    url: Address = Field(description="The site's address, such as https://acme.atlassian.net")
    email: Email = Field(description="E-mail address of the token's account")
    token: Token = Field(description="A classic token, or one with scopes; of a person or a service account")
    expires_at: AwareDatetime | None = Field(None, description="The end of the token, which Jira doesn't tell")

    @field_validator("expires_at")
    @classmethod
    def _is_to_come(cls, moment: AwareDatetime | None) -> AwareDatetime | None:
        if moment is not None and not clock.now() < moment < clock.now() + _LONGEST_LIFE:
            raise ValueError("is past, or far off")
        return moment

    def api_token(self) -> ApiToken:
        """The door's form of it."""
        return ApiToken(self.email, self.token.get_secret_value(), expires_at=self.expires_at)


class Reauthentication(BaseModel):
    """Another token, a token in place of the Jira app, or the app in place of a token."""

    model_config = ConfigDict(extra="forbid")

    method: Literal[Method.API_TOKEN, Method.CONNECT_APP]
    credentials: TokenCredentials | None = Field(None, description="With method api_token")
    unchecked: bool = Field(default=False, strict=True, description="Store it even if a required check fails")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.credentials is None) == (self.method is Method.API_TOKEN):
            raise ValueError("credentials belong to method api_token, which needs them")
        return self


class ShownCredential(BaseModel):
    """The stored credential, without its secret."""

    account: str = Field(description="E-mail address of the token's account")
    kind: TokenKind
    expires_at: str | None
    days_left: int | None = Field(description="Whole days until then, rounded up; null where the end isn't known")

    @classmethod
    def of(cls, token: dict[str, Any]) -> Self:
        """The shape of a stored token."""
        expires_at = clock.rfc3339(token["expires_at"]) if token["expires_at"] else None
        return cls(
            account=token["holder"], kind=token["kind"], expires_at=expires_at, days_left=token["remaining_days"]
        )
