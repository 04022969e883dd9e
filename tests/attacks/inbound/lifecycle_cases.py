"""The lifecycle rows of the table of cases, as data: number, name, answer and request.

A letter is a function of the scene and the impersonated site; it returns the arguments of `Scene.send`.
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from tests.attacks.scene import ABSENT, Customer, Scene
from tests.fakes import key_host
from tests.fakes.atlassian import computed_hash, elliptic_pem, pem_of, raw_token, weak_pem

if TYPE_CHECKING:
    from tests.fakes.key_host import Trouble

Letter = Callable[[Scene, Customer], dict[str, Any]]
_LIFE = 180
_STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_ELLIPTIC = ec.generate_private_key(ec.SECP256R1())


class Case(NamedTuple):
    """One row. `looks` limits the requests to the key host for one letter."""

    number: int
    name: str
    status: set[int]
    letter: Letter
    looks: tuple[int, int] = (0, 0)

    @property
    def id(self) -> str:
        return f"case-{self.number:02}-{self.name}"


# Letters


def as_is(hook: str = "installed", **overrides: Any) -> Letter:
    """A correctly signed letter with overrides of body or token."""
    return lambda scene, site: scene.letter(hook, site, **overrides)


def says(hook: str = "installed", **body: Any) -> Letter:
    """A correctly signed letter with another body; functions get the site."""
    return lambda scene, site: scene.letter(
        hook, site, body={name: value(site) if callable(value) else value for name, value in body.items()}
    )


def claims(hook: str = "installed", **override: Any) -> Letter:
    """A correctly signed letter with other claims; functions get the scene, None removes a claim."""
    return _signed(hook, override=override)


def header(hook: str = "installed", **override: Any) -> Letter:
    """A correctly signed letter with another token header."""
    return _signed(hook, header=override)


def forged(sign: Callable[[Scene, Customer, dict[str, Any]], str], hook: str = "installed") -> Letter:
    """A letter with a token that the attacker made from the right claims."""
    return lambda scene, site: scene.letter(hook, site, token=sign(scene, site, right_claims(scene, site, hook)))


def carried(carry: Callable[[str], dict[str, Any]], hook: str = "installed") -> Letter:
    """A right token in another place."""

    def write(scene: Scene, site: Customer) -> dict[str, Any]:
        token = raw_token(right_header(scene), right_claims(scene, site, hook), scene.atlassian.private_key)
        return {**scene.letter(hook, site), "headers": [], **carry(token)}

    return write


def of_kid(trouble: Trouble | None, private_key: rsa.RSAPrivateKey | None = None, pem: bytes | None = None) -> Letter:
    """A letter with a new kid, for which the key host has a key or trouble."""

    def write(scene: Scene, site: Customer) -> dict[str, Any]:
        kid = str(uuid.uuid4())
        if trouble is not None:
            scene.key_host.troubles[kid] = trouble
        if pem is not None:
            scene.key_host.keys[kid] = pem
        key = private_key or scene.atlassian.private_key
        token = raw_token({"alg": "RS256", "kid": kid}, right_claims(scene, site, "installed"), key)
        return scene.letter("installed", site, token=token)

    return write


def _signed(hook: str, *, header: dict[str, Any] | None = None, override: dict[str, Any] | None = None) -> Letter:
    def write(scene: Scene, site: Customer) -> dict[str, Any]:
        claim_values = {name: value(scene) if callable(value) else value for name, value in (override or {}).items()}
        payload = _without_none({**right_claims(scene, site, hook), **claim_values})
        top = _without_none({**right_header(scene), **(header or {})})
        return scene.letter(hook, site, token=raw_token(top, payload, scene.atlassian.private_key))

    return write


def right_claims(scene: Scene, site: Customer, hook: str) -> dict[str, Any]:
    now = int(time.time())
    qsh = computed_hash("POST", f"/connect/{hook}")
    right = {"iss": site.client_key, "iat": now, "exp": now + _LIFE, "qsh": qsh, "aud": [scene.app.url]}
    return {**right, "jti": str(uuid.uuid4())}


def right_header(scene: Scene) -> dict[str, Any]:
    return {"alg": "RS256", "typ": "JWT", "kid": scene.atlassian.kid}


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def at(delta: int) -> Callable[[Scene], int]:
    """An offset from the time at which the letter is written."""
    return lambda _: int(time.time()) + delta


def base(suffix: str = "") -> Callable[[Scene], str]:
    """The app's base URL with a suffix."""
    return lambda scene: f"{scene.app.url}{suffix}"


def _unsigned(alg: Any) -> Letter:
    return forged(lambda scene, _, payload: raw_token({**right_header(scene), "alg": alg}, payload, None))


def _by_pyjwt(algorithm: str, *, elliptic: bool = False) -> Letter:
    def sign(scene: Scene, _: Customer, payload: dict[str, Any]) -> str:
        if not elliptic:
            headers = {"kid": scene.atlassian.kid}
            return jwt.encode(payload, scene.atlassian.private_key, algorithm, headers=headers)
        kid = str(uuid.uuid4())
        scene.key_host.keys[kid] = pem_of(_ELLIPTIC.public_key())
        return jwt.encode(payload, _ELLIPTIC, algorithm, headers={"kid": kid})

    return forged(sign)


def _pss_in_disguise(scene: Scene, _: Customer, payload: dict[str, Any]) -> str:
    head = raw_token(right_header(scene), payload, None).rstrip(".")
    pss = padding.PSS(padding.MGF1(SHA256()), padding.PSS.DIGEST_LENGTH)
    signature = scene.atlassian.private_key.sign(head.encode(), pss, SHA256())
    return f"{head}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _other_payload(scene: Scene, site: Customer, payload: dict[str, Any]) -> str:
    """The signature of one token with the claims of another."""
    right = raw_token(right_header(scene), {**payload, "iss": "ck-attacker"}, scene.atlassian.private_key)
    other_token = raw_token(right_header(scene), payload, None)
    return other_token + right.rpartition(".")[2]


def _twice(name: str) -> Callable[[Scene, Customer, dict[str, Any]], str]:
    """A repeated claim, the right one last."""
    return lambda scene, _, payload: raw_token(
        right_header(scene), f'{{"{name}": 1, {json.dumps(payload)[1:]}', scene.atlassian.private_key
    )


def _raw_time(name: str, literal: str) -> Letter:
    def sign(scene: Scene, _: Customer, payload: dict[str, Any]) -> str:
        del payload[name]
        text = f'{{"{name}": {literal}, {json.dumps(payload)[1:]}'
        return raw_token(right_header(scene), text, scene.atlassian.private_key)

    return forged(sign)


def _of_elsewhere(**body: Any) -> Letter:
    """Signed by a key of another environment, with a kid that our host doesn't know."""

    def sign(_scene: Scene, _: Customer, payload: dict[str, Any]) -> str:
        return raw_token({"alg": "RS256", "kid": str(uuid.uuid4())}, payload, _STRANGER)

    return lambda scene, site: scene.letter(
        "installed", site, token=sign(scene, site, right_claims(scene, site, "installed")), body=body
    )


def in_the_name_of(victim: Callable[[Customer], Any], hook: str = "installed") -> Letter:
    """A right token of one site, with the client key of an installed victim in the body."""
    return lambda scene, site: scene.letter(hook, site, body={"clientKey": victim(scene.installed_site())})


def _named_twice(scene: Scene, site: Customer) -> dict[str, Any]:
    victim = scene.installed_site()
    raw = json.dumps(scene.body("installed", site))
    return scene.letter("installed", site, body=f'{raw[:-1]}, "clientKey": "{victim.client_key}"}}'.encode())


def _by_secret(**override: Any) -> Letter:
    """HS256 with the shared secret, the old signature of re-installs."""
    return lambda scene, site: scene.letter(
        "installed",
        site,
        token=scene.atlassian.shared_secret_token(
            "POST", "/connect/installed", site.client_key, site.secret, **override
        ),
    )


_AUTH = "Authorization"
_KID = str(uuid.uuid4())
_OTHER_PATH = computed_hash("POST", "/connect/uninstalled")

# Refused `installed`: no row of any table changes, for a new site and for an installed one.
REFUSED_INSTALLS = [
    Case(2, "no-authorization", {401}, carried(lambda _: {})),
    Case(2, "empty-authorization", {401}, carried(lambda _: {"headers": [(_AUTH, "")]})),
    Case(2, "scheme-alone", {401}, carried(lambda _: {"headers": [(_AUTH, "JWT")]})),
    Case(2, "bearer-scheme", {401}, carried(lambda token: {"headers": [(_AUTH, f"Bearer {token}")]})),
    Case(2, "two-authorizations", {401}, carried(lambda token: {"headers": [(_AUTH, f"JWT {token}")] * 2})),
    Case(2, "token-in-query", {401}, carried(lambda token: {"target": f"/connect/installed?jwt={token}"})),
    Case(
        2,
        "token-in-query-and-header",
        {401},
        carried(lambda token: {"target": f"/connect/installed?jwt={token}", "headers": [(_AUTH, f"JWT {token}")]}),
    ),
    Case(2, "token-in-cookie", {401}, carried(lambda token: {"headers": [("Cookie", f"jwt={token}")]})),
    Case(2, "token-in-body", {401}, carried(lambda token: {"body": json.dumps({"jwt": token}).encode()})),
    Case(3, "hs256-current-secret", {401}, _by_secret()),
    Case(3, "hs256-with-aud", {401}, lambda scene, site: _by_secret(aud=[scene.app.url])(scene, site)),
    Case(
        4,
        "hs256-key-is-public-pem",
        {401},
        forged(lambda scene, _, load: raw_token({**right_header(scene), "alg": "HS256"}, load, scene.atlassian.pem)),
    ),
    Case(
        4,
        "hs256-key-is-pem-said-rs256",
        {401},
        forged(lambda scene, _, load: raw_token(right_header(scene), load, scene.atlassian.pem)),
    ),
    Case(
        4,
        "hs256-key-is-kid",
        {401},
        forged(lambda scene, _, load: raw_token(right_header(scene), load, scene.atlassian.kid)),
    ),
    Case(5, "alg-none", {401}, _unsigned("none")),
    Case(5, "alg-None", {401}, _unsigned("None")),
    Case(5, "alg-nOnE", {401}, _unsigned("nOnE")),
    Case(5, "alg-NONE", {401}, _unsigned("NONE")),
    Case(5, "alg-empty", {401}, _unsigned("")),
    Case(5, "alg-null", {401}, _unsigned(None)),
    Case(5, "alg-list", {401}, _unsigned(["RS256"])),
    Case(5, "alg-rs256-lower-case", {401}, header(alg="rs256")),
    Case(5, "alg-none-rightly-signed", {401}, header(alg="none")),
    Case(5, "alg-rs256-signature-empty", {401}, _unsigned("RS256")),
    Case(6, "rs384", {401}, _by_pyjwt("RS384")),
    Case(6, "rs512", {401}, _by_pyjwt("RS512")),
    Case(6, "ps256", {401}, _by_pyjwt("PS256")),
    Case(6, "es256", {401}, _by_pyjwt("ES256", elliptic=True)),
    Case(6, "ps256-said-rs256", {401}, forged(_pss_in_disguise)),
    Case(
        6, "rs256-of-a-stranger", {401}, forged(lambda scene, _, load: raw_token(right_header(scene), load, _STRANGER))
    ),
    Case(6, "rs256-signature-of-another-token", {401}, forged(_other_payload)),
    Case(7, "kid-missing", {401}, header(kid=None)),
    Case(7, "kid-int", {401}, header(kid=7)),
    Case(7, "kid-list", {401}, header(kid=[_KID])),
    Case(7, "kid-empty", {401}, header(kid="")),
    Case(7, "kid-parent-folder", {401}, header(kid="../x")),
    Case(7, "kid-climbs-from-a-uuid", {401}, header(kid=f"{_KID}/../{_KID}")),
    Case(7, "kid-escaped", {401}, header(kid="%2e%2e%2fx")),
    Case(7, "kid-url", {401}, header(kid="http://evil/")),
    Case(7, "kid-authority", {401}, header(kid=f"@127.0.0.1:9/{_KID}")),
    Case(7, "kid-10-kb", {401}, header(kid="a" * 10_000)),
    Case(7, "kid-5-kb", {401}, header(kid="a" * 5_000)),
    Case(7, "kid-query", {401}, header(kid=f"{_KID}?x")),
    Case(7, "kid-fragment", {401}, header(kid=f"{_KID}#x")),
    Case(7, "kid-crlf", {401}, header(kid=f"{_KID}\r\nHost: evil")),
    Case(7, "kid-line-end", {401}, header(kid=f"{_KID}\n")),
    Case(7, "kid-nul", {401}, header(kid=f"{_KID}\x00")),
    Case(7, "kid-other-digits", {401}, header(kid=_KID.replace(_KID[0], "٣", 1))),
    Case(7, "jku-and-no-kid", {401}, header(kid=None, jku="http://evil/keys")),
    Case(7, "jku-beside-kid", {401}, header(jku="http://evil/keys")),
    Case(7, "x5u-beside-kid", {401}, header(x5u="http://evil/keys")),
    Case(7, "jwk-beside-kid", {401}, header(jwk={"kty": "RSA", "n": "AQAB", "e": "AQAB"})),
    Case(7, "crit-beside-kid", {401}, header(crit=["b64"], b64=False)),
    Case(11, "aud-another-app", {401}, claims(aud=["https://other.test/base"])),
    Case(11, "aud-missing", {401}, claims(aud=None)),
    Case(11, "aud-empty", {401}, claims(aud=[])),
    Case(11, "aud-longer-host", {401}, claims(aud=base(".evil.com"))),
    Case(11, "aud-without-path", {401}, claims(aud=lambda scene: scene.origin())),
    Case(11, "aud-below-base", {401}, claims(aud=base("/connect/installed"))),
    Case(11, "aud-base-in-query", {401}, claims(aud=lambda scene: f"https://evil.com/?{scene.app.url}")),
    Case(11, "aud-two-slashes", {401}, claims(aud=base("//"))),
    Case(11, "aud-upper-case", {401}, claims(aud=lambda scene: scene.app.url.upper())),
    Case(11, "aud-joined", {401}, claims(aud=lambda scene: f"https://other.test {scene.app.url}")),
    Case(11, "aud-object", {401}, claims(aud=lambda scene: {scene.app.url: True})),
    Case(11, "aud-nested", {401}, claims(aud=lambda scene: [[scene.app.url]])),
    Case(13, "qsh-other-path", {401}, claims(qsh=_OTHER_PATH)),
    Case(13, "qsh-other-method", {401}, claims(qsh=computed_hash("GET", "/connect/installed"))),
    Case(13, "qsh-with-base-path", {401}, claims(qsh=computed_hash("POST", "/base/connect/installed"))),
    Case(13, "qsh-with-a-query", {401}, claims(qsh=computed_hash("POST", "/connect/installed?a=1"))),
    Case(13, "qsh-missing", {401}, claims(qsh=None)),
    Case(13, "qsh-context", {401}, claims(qsh="context-qsh")),
    Case(13, "qsh-context-list", {401}, claims(qsh=["context-qsh"])),
    Case(13, "qsh-right-in-list", {401}, claims(qsh=[computed_hash("POST", "/connect/installed")])),
    Case(13, "qsh-upper-case", {401}, claims(qsh=computed_hash("POST", "/connect/installed").upper())),
    Case(13, "qsh-empty", {401}, claims(qsh="")),
    Case(13, "qsh-twice", {401}, forged(_twice("qsh"))),
    Case(14, "exp-missing", {401}, claims(exp=None)),
    Case(14, "exp-past-by-31-s", {401}, claims(iat=at(-211), exp=at(-31))),
    Case(14, "exp-string", {401}, claims(exp=lambda scene: str(at(180)(scene)))),
    Case(14, "exp-huge", {401}, claims(exp=10**30)),
    Case(14, "exp-float-huge", {401}, _raw_time("exp", "1e30")),
    Case(14, "exp-beyond-float", {401}, _raw_time("exp", "1e999")),
    Case(14, "exp-nan", {401}, _raw_time("exp", "NaN")),
    Case(14, "exp-infinity", {401}, _raw_time("exp", "Infinity")),
    Case(14, "exp-5000-digits", {401}, _raw_time("exp", "9" * 5000)),
    Case(14, "exp-true", {401}, _raw_time("exp", "true")),
    Case(14, "exp-null", {401}, _raw_time("exp", "null")),
    Case(14, "exp-negative", {401}, claims(exp=-1)),
    Case(14, "exp-a-day-away", {401}, claims(exp=at(86_400))),
    Case(14, "exp-before-iat", {401}, claims(iat=at(10), exp=at(5))),
    Case(14, "exp-twice", {401}, forged(_twice("exp"))),
    Case(14, "iat-missing", {401}, claims(iat=None)),
    Case(14, "iat-in-10-minutes", {401}, claims(iat=at(600), exp=at(780))),
    Case(14, "iat-string", {401}, claims(iat=lambda scene: str(at(0)(scene)))),
    Case(14, "iat-nan", {401}, _raw_time("iat", "NaN")),
    Case(14, "nbf-in-10-minutes", {401}, claims(nbf=at(600))),
    Case(14, "iss-missing", {401}, claims(iss=None)),
    Case(14, "iss-list", {401}, claims(iss=["ck"])),
    Case(15, "client-key-of-another-site", {401, 403}, in_the_name_of(lambda victim: victim.client_key)),
    Case(15, "client-key-of-another-site-last", {401, 403}, _named_twice),
    Case(15, "client-key-in-list", {400}, in_the_name_of(lambda victim: [victim.client_key])),
    Case(15, "client-key-upper-case", {401, 403}, says(clientKey=lambda site: site.client_key.upper())),
    Case(15, "client-key-and-a-blank", {401, 403}, says(clientKey=lambda site: f"{site.client_key} ")),
    Case(15, "client-key-missing", {400}, says(clientKey=ABSENT)),
    Case(18, "base-url-http", {400}, says(baseUrl="http://x.atlassian.net")),
    Case(18, "base-url-elsewhere", {400}, says(baseUrl="https://evil.com")),
    Case(18, "base-url-suffix", {400}, says(baseUrl="https://x.atlassian.net.evil.com")),
    Case(18, "base-url-prefix", {400}, says(baseUrl="https://evilatlassian.net")),
    Case(18, "base-url-bare-domain", {400}, says(baseUrl="https://atlassian.net")),
    Case(18, "base-url-two-labels", {400}, says(baseUrl="https://a.b.atlassian.net")),
    Case(18, "base-url-user", {400}, says(baseUrl="https://x.atlassian.net@evil")),
    Case(18, "base-url-user-before", {400}, says(baseUrl="https://evil@x.atlassian.net")),
    Case(18, "base-url-loopback", {400}, says(baseUrl="https://127.0.0.1")),
    Case(18, "base-url-loopback-6", {400}, says(baseUrl="http://[::1]:8080")),
    Case(18, "base-url-localhost", {400}, says(baseUrl="http://localhost:8080")),
    Case(18, "base-url-loopback-as-number", {400}, says(baseUrl="http://2130706433:8080")),
    Case(18, "base-url-metadata", {400}, says(baseUrl="http://169.254.169.254")),
    Case(18, "base-url-port", {400}, says(baseUrl="https://x.atlassian.net:8443")),
    Case(18, "base-url-port-of-no-number", {400}, says(baseUrl="https://x.atlassian.net:9x")),
    Case(18, "base-url-fragment", {400}, says(baseUrl="https://x.atlassian.net#.evil.com")),
    Case(18, "base-url-query", {400}, says(baseUrl="https://x.atlassian.net?a=b")),
    Case(18, "base-url-path", {400}, says(baseUrl="https://x.atlassian.net/jira")),
    Case(18, "base-url-backslash", {400}, says(baseUrl="https://evil.com\\.atlassian.net")),
    Case(18, "base-url-crlf", {400}, says(baseUrl="https://x.atlassian.net\r\nHost: evil")),
    Case(18, "base-url-blank", {400}, says(baseUrl=" https://x.atlassian.net")),
    Case(18, "base-url-other-letters", {400}, says(baseUrl="https://х.atlassian.net")),
    Case(18, "base-url-wildcard", {400}, says(baseUrl="https://*.atlassian.net")),
    Case(18, "base-url-empty-label", {400}, says(baseUrl="https://.atlassian.net")),
    Case(18, "base-url-trailing-dot", {400}, says(baseUrl="https://x.atlassian.net.")),
    Case(18, "base-url-script", {400}, says(baseUrl="javascript://x.atlassian.net")),
    Case(18, "base-url-no-scheme", {400}, says(baseUrl="//x.atlassian.net")),
    Case(18, "base-url-empty", {400}, says(baseUrl="")),
    Case(18, "base-url-long", {400}, says(baseUrl=f"https://{'x' * 3000}.atlassian.net")),
    Case(18, "base-url-missing", {400}, says(baseUrl=ABSENT)),
    Case(19, "staging-site-staging-key", {401}, _of_elsewhere(baseUrl="https://x.jira-dev.com"), (1, 1)),
    Case(19, "production-site-staging-key", {401}, _of_elsewhere(), (1, 1)),
    Case(19, "staging-site-production-key", {400}, says(baseUrl="https://x.jira-dev.com")),
    Case(20, "key-of-another-app", {400}, says(key="com.example.other")),
    Case(20, "key-missing", {400}, says(key=ABSENT)),
    Case(20, "event-uninstalled", {400}, says(eventType="uninstalled")),
    Case(20, "event-enabled", {400}, says(eventType="enabled")),
    Case(21, "body-empty", {400}, as_is(body=b"")),
    Case(21, "body-not-json", {400}, as_is(body=b"clientKey=x&sharedSecret=y")),
    Case(21, "body-cut", {400}, as_is(body=b'{"key": "io.harness')),
    Case(21, "body-array", {400}, as_is(body=b"[]")),
    Case(
        21, "body-array-of-it", {400}, lambda scene, site: scene.letter("installed", site, body=_in_array(scene, site))
    ),
    Case(21, "body-string", {400}, as_is(body=b'"installed"')),
    Case(21, "body-null", {400}, as_is(body=b"null")),
    Case(21, "body-not-utf-8", {400}, as_is(body=b'{"key": "\xff\xfe"}')),
    Case(21, "body-nested-100000", {400}, as_is(body=b"[" * 100_000)),
    Case(21, "body-2-mb", {400, 413}, says(description="x" * 2_000_000)),
    Case(21, "secret-missing", {400}, says(sharedSecret=ABSENT)),
    Case(21, "secret-empty", {400}, says(sharedSecret="")),
    Case(21, "secret-31-bytes", {400}, says(sharedSecret="s" * 31)),
    Case(21, "secret-null", {400}, says(sharedSecret=None)),
    Case(21, "secret-number", {400}, says(sharedSecret=10**40)),
    Case(21, "secret-list", {400}, says(sharedSecret=["s" * 40])),
    Case(21, "secret-with-nul", {400}, says(sharedSecret="s" * 40 + "\x00")),
    Case(21, "secret-half-a-character", {400}, says(sharedSecret="s" * 40 + "\ud800")),
    Case(31, "slash-after", {404, 405}, lambda scene, site: _elsewhere(scene, site, "/connect/installed/")),
    Case(31, "base-twice", {404, 405}, lambda scene, site: _elsewhere(scene, site, "/base/connect/installed")),
    Case(31, "base-missing", {404, 405}, lambda scene, site: _elsewhere(scene, site, "/connect/installed", base="")),
    Case(
        31,
        "base-upper-case",
        {404, 405},
        lambda scene, site: _elsewhere(scene, site, "/connect/installed", base="/BASE"),
    ),
    Case(31, "two-slashes", {401, 404, 405}, lambda scene, site: _elsewhere(scene, site, "//connect/installed")),
    Case(
        31,
        "two-slashes-first",
        {404, 405},
        lambda scene, site: _elsewhere(scene, site, "/connect/installed", base="//base"),
    ),
    Case(31, "through-parent", {404, 405}, lambda scene, site: _elsewhere(scene, site, "/x/../connect/installed")),
    Case(
        31, "base-escaped-slash", {401, 404, 405}, lambda scene, site: _elsewhere(scene, site, "%2fconnect/installed")
    ),
    Case(31, "letter-escaped", {401, 404}, lambda scene, site: _elsewhere(scene, site, "/connect/%69nstalled")),
    Case(31, "get", {404, 405}, lambda scene, site: {**scene.letter("installed", site), "method": "GET"}),
    Case(31, "put", {404, 405}, lambda scene, site: {**scene.letter("installed", site), "method": "PUT"}),
    Case(
        31,
        "post-said-get",
        {404, 405},
        lambda scene, site: {
            **carried(lambda token: {"headers": [(_AUTH, f"JWT {token}"), ("X-HTTP-Method-Override", "POST")]})(
                scene, site
            ),
            "method": "GET",
        },
    ),
    Case(31, "unsigned-query", {401}, lambda scene, site: _elsewhere(scene, site, "/connect/installed?a=1")),
]


def _in_array(scene: Scene, site: Customer) -> bytes:
    return json.dumps([scene.body("installed", site)]).encode()


def _elsewhere(scene: Scene, site: Customer, target: str, **parts: str) -> dict[str, Any]:
    return {**scene.letter("installed", site), "target": target, **parts}


# A failing key host: 401 or 503 in time, nothing stored, and at most one request.
IN_TROUBLE = [
    Case(8, "kid-unknown", {401}, of_kid(None), (1, 1)),
    Case(9, "host-says-500", {401, 503}, of_kid(key_host.answers(500, b"trouble")), (1, 1)),
    Case(9, "host-says-html", {401, 503}, of_kid(key_host.answers(200, b"<html>sign in</html>", "text/html")), (1, 1)),
    Case(9, "host-says-nothing", {401, 503}, of_kid(key_host.answers(200)), (1, 1)),
    Case(9, "host-gives-1024-bits", {401, 503}, of_kid(None, pem=weak_pem()), (1, 1)),
    Case(9, "host-gives-elliptic", {401, 503}, of_kid(None, pem=elliptic_pem()), (1, 1)),
    Case(9, "host-gives-another-key", {401}, of_kid(None, pem=pem_of(_STRANGER.public_key())), (1, 1)),
    Case(9, "host-redirects", {401, 503}, of_kid(key_host.redirects_to_itself), (1, 1)),
    Case(9, "host-sends-10-mb", {401, 503}, of_kid(key_host.is_endless), (1, 1)),
    Case(9, "host-breaks-off", {401, 503}, of_kid(key_host.breaks_off), (1, 1)),
    Case(9, "host-hangs", {401, 503}, of_kid(key_host.hangs), (1, 1)),
    Case(9, "host-hangs-in-body", {401, 503}, of_kid(key_host.hangs_in_body), (1, 1)),
    Case(9, "host-drips-body", {401, 503}, of_kid(key_host.drips_body), (1, 1)),
    Case(9, "host-drips-headers", {401, 503}, of_kid(key_host.drips_headers), (1, 1)),
]


def _with_crlf(scene: Scene, site: Customer) -> dict[str, Any]:
    pem = b"\r\n" + scene.atlassian.pem.replace(b"\n", b"\r\n") + b"\r\n\r\n"
    return of_kid(None, pem=pem)(scene, site)


def _many_fields(_: Customer) -> dict[str, Any]:
    return {f"unknown{number}": {"deep": [number, None]} for number in range(50)}


def _all_of_it(scene: Scene, site: Customer) -> dict[str, Any]:
    absent_fields = {"serverVersion": ABSENT, "displayUrl": ABSENT, "publicKey": ABSENT}
    return scene.letter("installed", site, body={**absent_fields, **_many_fields(site), "description": "d" * 200_000})


def _absolute(scene: Scene, site: Customer) -> dict[str, Any]:
    """The request line has the absolute URL, as for a proxy."""
    return {**scene.letter("installed", site), "base": "", "target": f"{scene.app.url}/connect/installed"}


# Accepted `installed`: 204, and the rows equal the request.
ACCEPTED_INSTALLS = [
    Case(1, "installed", {204}, as_is()),
    Case(1, "absolute-form", {204}, _absolute),
    Case(1, "scheme-lower-case", {204}, carried(lambda token: {"headers": [(_AUTH, f"jwt {token}")]})),
    Case(9, "host-gives-crlf-pem", {204}, _with_crlf, (1, 1)),
    Case(12, "aud-array", {204}, claims(aud=lambda scene: [scene.app.url])),
    Case(12, "aud-array-slash", {204}, claims(aud=lambda scene: [f"{scene.app.url}/"])),
    Case(12, "aud-array-of-more", {204}, claims(aud=lambda scene: ["https://other.test", scene.app.url])),
    Case(12, "aud-string", {204}, claims(aud=base())),
    Case(12, "aud-string-slash", {204}, claims(aud=base("/"))),
    Case(20, "event-not-named", {204}, says(eventType=ABSENT)),
    Case(22, "no-server-version", {204}, says(serverVersion=ABSENT)),
    Case(22, "no-display-url", {204}, says(displayUrl=ABSENT)),
    Case(22, "no-public-key", {204}, says(publicKey=ABSENT)),
    Case(22, "none-of-three", {204}, says(serverVersion=ABSENT, displayUrl=ABSENT, publicKey=ABSENT)),
    Case(22, "optional-null", {204}, says(displayUrl=None, installationId=None, accountId=None, description=None)),
    Case(22, "50-unknown-fields", {204}, lambda scene, site: scene.letter("installed", site, body=_many_fields(site))),
    Case(22, "description-200-kb", {204}, says(description="d" * 200_000)),
    Case(22, "all-of-it", {204}, _all_of_it),
    Case(22, "display-url-script", {204}, says(displayUrl="javascript:alert(1)")),
    Case(22, "base-url-slash-after", {204}, says(baseUrl=lambda site: f"{site.base_url}/")),
]


def _switch_letter(hook: str, token: Callable[[Scene, Customer], str]) -> Letter:
    return lambda scene, site: scene.letter(hook, site, token=token(scene, site))


def _hmac(hook: str, *, top: dict[str, Any] | None = None, secret: str | None = None, **override: Any) -> Letter:
    """HS256 for `enabled` or `disabled`, with an odd header, another secret or other claims."""

    def token(scene: Scene, site: Customer) -> str:
        claim_values = {name: value(scene) if callable(value) else value for name, value in override.items()}
        payload = _without_none({**right_claims(scene, site, hook), **claim_values})
        return raw_token({"alg": "HS256", "typ": "JWT", **(top or {})}, payload, secret or site.secret)

    return _switch_letter(hook, token)


# Refused `uninstalled`: the site stays installed.
REFUSED_UNINSTALLS = [
    Case(28, "uninstalled-hs256", {401}, _hmac("uninstalled")),
    Case(28, "uninstalled-unsigned", {401}, carried(lambda _: {}, "uninstalled")),
    Case(28, "uninstalled-alg-none", {401}, header("uninstalled", alg="none")),
    Case(28, "uninstalled-context", {401}, claims("uninstalled", qsh="context-qsh")),
    Case(
        28,
        "uninstalled-token-of-installed",
        {401},
        claims("uninstalled", qsh=computed_hash("POST", "/connect/installed")),
    ),
    Case(28, "uninstalled-aud-another-app", {401}, claims("uninstalled", aud=["https://other.test/base"])),
    Case(
        28, "uninstalled-client-key-of-another", {401, 403}, in_the_name_of(lambda site: site.client_key, "uninstalled")
    ),
    Case(28, "uninstalled-event-installed", {400}, says("uninstalled", eventType="installed")),
    Case(28, "uninstalled-key-of-another-app", {400}, says("uninstalled", key="com.example.other")),
    Case(28, "uninstalled-body-not-json", {400}, as_is("uninstalled", body=b"x")),
    Case(28, "uninstalled-signed-before-installed", {204}, claims("uninstalled", iat=at(-100))),
]


def switch_refused(hook: str) -> list[Case]:
    """Refused `enabled` and `disabled`: the state stays."""
    path = f"/connect/{hook}"
    return [
        Case(29, f"{hook}-unsigned", {401}, carried(lambda _: {}, hook)),
        Case(29, f"{hook}-alg-none", {401}, _hmac(hook, top={"alg": "none"})),
        Case(29, f"{hook}-rs256", {401}, claims(hook)),
        Case(29, f"{hook}-context", {401}, _hmac(hook, qsh="context-qsh")),
        Case(29, f"{hook}-no-qsh", {401}, _hmac(hook, qsh=None)),
        Case(
            29, f"{hook}-other-path", {401}, _hmac(hook, qsh=computed_hash("POST", "/connect/webhooks/issue-created"))
        ),
        Case(29, f"{hook}-kid", {401}, _hmac(hook, top={"kid": _KID})),
        Case(29, f"{hook}-wrong-secret", {401}, _hmac(hook, secret="w" * 64)),
        Case(29, f"{hook}-hs512", {401}, _switch_letter(hook, _hs512(hook))),
        Case(29, f"{hook}-expired", {401}, _hmac(hook, iat=at(-211), exp=at(-31))),
        Case(
            29,
            f"{hook}-in-query",
            {401},
            lambda scene, site: _in_query(path, _hmac(hook)(scene, site)),
        ),
        Case(29, f"{hook}-client-key-of-another", {401}, _in_another_name(hook)),
        Case(29, f"{hook}-by-another-site", {401}, _by_another(hook)),
        Case(29, f"{hook}-event-of-another-hook", {400}, _with_event(hook, "uninstalled")),
    ]


def _in_query(path: str, letter: dict[str, Any]) -> dict[str, Any]:
    """A letter with its token in the query instead of the header."""
    token = letter["headers"][0][1].removeprefix("JWT ")
    return {"target": f"{path}?jwt={token}", "body": letter["body"]}


def _hs512(hook: str) -> Callable[[Scene, Customer], str]:
    return lambda scene, site: jwt.encode(right_claims(scene, site, hook), site.secret, "HS512")


def _in_another_name(hook: str) -> Letter:
    """A right token, with the client key of another site in the body."""

    def write(scene: Scene, site: Customer) -> dict[str, Any]:
        victim = scene.installed_site()
        right = _hmac(hook)(scene, site)
        return {**right, "body": json.dumps(scene.body(hook, victim)).encode()}

    return write


def _by_another(hook: str) -> Letter:
    """A token with this site's name and another installed site's secret."""
    return lambda scene, site: _hmac(hook, secret=scene.installed_site().secret)(scene, site)


def _with_event(hook: str, event: str) -> Letter:
    return lambda scene, site: {
        **_hmac(hook)(scene, site),
        "body": json.dumps(scene.body(hook, site, eventType=event)).encode(),
    }
