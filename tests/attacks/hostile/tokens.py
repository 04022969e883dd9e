"""Real tokens of a real site and their forgeries, none of which may be accepted."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.fakes.atlassian import raw_token

if TYPE_CHECKING:
    from random import Random

    from sandbox import Site

_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_ALGORITHMS: tuple[Any, ...] = (
    *("none", "None", "nOnE", "NONE", "", "hs256", "HS384", "HS512", "rs256", "RS384", "PS256", "ES256", "EdDSA"),
    *(None, 0, True, ["HS256"], {"HS256": 1}, "HS256\u0000", " HS256", "RS256,HS256"),
)
_CRITICAL_HEADERS = ("crit", "b64", "jku", "jwk", "x5u", "x5c")
_ODD_TEXTS: tuple[Any, ...] = (None, 0, 7, True, [], ["x"], {}, {"x": 1}, "", "\u0000", "x\n", "\ud800", "x" * 256, 1.5)
_ODD_TIMES: tuple[Any, ...] = (
    *(None, True, "", "1", "now", [], {}, -1, 0, 0.5, 1e300, 10**30, -(10**30), 2**63, "9" * 400, [int(time.time())]),
)
_TEXTUAL_TIMES = ("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "9" * 5000, "0x7f", "1_000", "01")
_ODD_HASHES: tuple[Any, ...] = (
    None,
    0,
    True,
    [],
    ["context-qsh"],
    {},
    "",
    "context",
    "CONTEXT-QSH",
    "0" * 64,
    "\ud800",
)


@dataclass(frozen=True)
class Kind:
    """A class of token and a request that a fresh one opens."""

    name: str
    method: str
    path: str

    @property
    def is_in_query(self) -> bool:
        return self.name == "page"


KINDS = (
    Kind("lifecycle", "POST", "/connect/installed"),
    Kind("lifecycle", "POST", "/connect/uninstalled"),
    Kind("server", "POST", "/connect/enabled"),
    Kind("server", "POST", "/connect/disabled"),
    Kind("server", "POST", "/connect/webhooks/jira.issue_updated"),
    Kind("server", "POST", "/connect/webhooks/comment_created"),
    Kind("page", "GET", "/jira/configuration?xdm_e=https%3A%2F%2Facme.atlassian.net&lic=none"),
    Kind("context", "GET", "/jira/pairing"),
    Kind("context", "POST", "/jira/pairing"),
    Kind("context", "DELETE", "/jira/pairing"),
)


class Forger:
    """An attacker with good tokens of a site, another site's secret, the public key, and keys of his own."""

    def __init__(self, site: Site, other_site: Site, chance: Random) -> None:
        self._site, self._other_site, self._chance = site, other_site, chance
        self._own_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._pem = site.key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def good(self, kind: Kind, **claims: object) -> str:
        """A valid token for the kind's request."""
        site = self._site
        if kind.name == "lifecycle":
            return site.lifecycle_token(kind.path, **claims)
        if kind.name == "server":
            return site.webhook_token(kind.path, kind.method, **claims)
        if kind.name == "page":
            return site.page_token(kind.path, site.admin, **claims)
        return site.context_token(site.admin, **claims)

    def bad(self, kind: Kind) -> str:
        """A forged token for it."""
        ways = (
            *(self._flipped, self._flipped, self._cut, self._stretched, self._spliced, self._under_another_key),
            *(self._another_algorithm, self._odd_header, self._odd_claim, self._odd_claim, self._odd_json),
            *(self._for_another_door, self._junk),
        )
        return self._chance.choice(ways)(kind)

    # Changed after signing

    def _flipped(self, kind: Kind) -> str:
        good = token = self.good(kind)
        for _ in range(self._chance.choice((1, 1, 1, 3, 20))):
            at = self._chance.choice([at for at, sign in enumerate(token) if sign != "."])
            sign = self._chance.choice([sign for sign in _BASE64 if sign != token[at]])
            token = token[:at] + sign + token[at + 1 :]
        # Two changes of one character may cancel each other.
        return token if token != good else "e30.e30."

    def _cut(self, kind: Kind) -> str:
        token = self.good(kind)
        segments = token.split(".")
        ways = (
            token[: self._chance.randrange(len(token))],
            token[self._chance.randrange(1, len(token)) :],
            ".".join(segments[:2]) + ".",
            ".".join(segments[:2]),
            ".".join(segments[1:]),
            f"..{segments[2]}",
            segments[0],
        )
        return self._chance.choice(ways)

    def _stretched(self, kind: Kind) -> str:
        token = self.good(kind)
        extra = self._chance.choice(
            ("=", "==", "A", "AAAA", ".", "..", ".e30", "\\", "é", '"', "\u0000", "A" * 9000, "+/")
        )
        at = self._chance.choice((0, token.index("."), token.rindex("."), len(token)))
        return token[:at] + extra + token[at:]

    def _spliced(self, kind: Kind) -> str:
        """Header, payload and signature of different good tokens."""
        candidates = [candidate for candidate in KINDS if candidate.name != kind.name]
        first, second = self.good(kind), self.good(self._chance.choice(candidates))
        (header, payload, signature), (header2, payload2, signature2) = first.split("."), second.split(".")
        ways = (
            (header, payload2, signature),
            (header, payload, signature2),
            (header2, payload, signature2),
            (header, payload2, signature2) if header != header2 else (header, payload2, signature),
            (payload, header, signature),
        )
        return ".".join(self._chance.choice(ways))

    # Newly signed

    def _parts(self, kind: Kind) -> tuple[dict[str, Any], dict[str, Any]]:
        header, payload, _ = self.good(kind).split(".")
        return _json(header), _json(payload)

    def _right_key(self, kind: Kind) -> Any:
        return self._site.key.private if kind.name == "lifecycle" else self._site.shared_secret

    def _under_another_key(self, kind: Kind) -> str:
        header, payload = self._parts(kind)
        keys: tuple[Any, ...] = (
            *(
                "",
                "secret",
                "x" * 64,
                self._site.client_key,
                self._site.shared_secret[:-1],
                self._other_site.shared_secret,
            ),
            *(self._pem, self._own_key, None),
        )
        return raw_token(header, payload, self._chance.choice(keys))

    def _another_algorithm(self, kind: Kind) -> str:
        header, payload = self._parts(kind)
        right = header["alg"]
        header["alg"] = self._chance.choice([candidate for candidate in _ALGORITHMS if candidate != right])
        if self._chance.random() < 0.2:
            header = {"alg": "HS256", "typ": "JWT", **({"kid": header["kid"]} if "kid" in header else {})}
            # HMAC with the public key in place of RS256; a kid with a key in place of HS256.
            return raw_token({**header, "kid": self._site.key.kid}, payload, self._pem)
        return raw_token(header, payload, self._chance.choice((None, self._right_key(kind), self._pem)))

    def _odd_header(self, kind: Kind) -> str:
        header, payload = self._parts(kind)
        kids = (
            "../x",
            "http://127.0.0.1:9/",
            "x" * 4000,
            7,
            ["x"],
            self._site.key.kid + "?",
            "\r\nX: y",
            "' OR 1=1",
            "",
        )
        if kind.name != "lifecycle" or self._chance.random() < 0.6:
            header[self._chance.choice(_CRITICAL_HEADERS)] = self._chance.choice(
                (None, "http://127.0.0.1:9/k", ["exp"], False)
            )
        else:
            header["kid"] = self._chance.choice(kids)
        return raw_token(header, payload, self._right_key(kind))

    def _odd_claim(self, kind: Kind) -> str:
        header, payload = self._parts(kind)
        name = self._chance.choice(("iss", "sub", "iat", "exp", "qsh", *(("aud",) if kind.name == "lifecycle" else ())))
        now = int(time.time())
        values = {
            "iss": (
                *_ODD_TEXTS,
                self._site.client_key.upper() + "x",
                [self._site.client_key],
                self._other_site.client_key,
            ),
            "sub": [candidate for candidate in _ODD_TEXTS if candidate is not None],
            "iat": (*_ODD_TIMES, now + 600, now + 10**6, now - 4000),
            "exp": (*_ODD_TIMES, now - 31, now - 10**6, now + 10**7),
            "qsh": (*_ODD_HASHES, *(("context-qsh",) if kind.name != "context" else ("f" * 64,))),
            "aud": (None, "", [], {}, 7, "https://elsewhere.test", [["x"]], ["https://elsewhere.test"]),
        }
        value = self._chance.choice(tuple(values[name]))
        if value is None and self._chance.random() < 0.5:
            del payload[name]
        else:
            payload[name] = value
        return raw_token(header, payload, self._right_key(kind))

    def _odd_json(self, kind: Kind) -> str:
        """Correctly signed payloads other than plain JSON objects."""
        header, payload = self._parts(kind)
        text = json.dumps(payload)
        depth = self._chance.choice((10, 1000, 1500, 2500))
        ways = (
            f"[{text}]",
            text[:-1] + f',"iss":{json.dumps(payload["iss"])}' + "}",
            '{"exp":1,' + text[1:],
            text[:-1],
            text + text,
            "null",
            "7",
            '""',
            "",
            "\ufeff" + text,
            text[:-1] + ',"x":' + "[" * depth,
            text[:-1] + ',"x":NaN}',
            *(text.replace(f'"exp": {payload["exp"]}', f'"exp": {odd}') for odd in _TEXTUAL_TIMES),
        )
        return raw_token(header, self._chance.choice(ways), self._right_key(kind))

    def _for_another_door(self, kind: Kind) -> str:
        candidates = [candidate for candidate in KINDS if candidate.path != kind.path]
        return self.good(self._chance.choice(candidates))

    def _junk(self, _kind: Kind) -> str:
        chance = self._chance
        return chance.choice(
            (
                "",
                ".",
                "..",
                "...",
                "null",
                "undefined",
                "e30.e30.",
                "x" * chance.randrange(1, 9000),
                "".join(chance.choice(_BASE64 + ".") for _ in range(chance.randrange(1, 400))),
                base64.urlsafe_b64encode(chance.randbytes(60)).decode(),
                "eyJhbGciOiJub25lIn0.e30.",
            )
        )


def _json(segment: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    return value
