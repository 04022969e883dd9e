"""The site's own RSA key. It signs install hooks, as Atlassian's install service does."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class SiteKey:
    """A key pair and the UUID of its publication (`GET /install-keys/<kid>`)."""

    kid: str
    private: rsa.RSAPrivateKey

    @classmethod
    def generate(cls) -> SiteKey:
        """Generate a 2048 bit key with a new UUID."""
        return cls(str(uuid.uuid4()), rsa.generate_private_key(public_exponent=65537, key_size=2048))

    @classmethod
    def at(cls, path: Path) -> SiteKey:
        """Load the key from `path`; generate it there with owner-only permissions if the file is missing."""
        if path.exists():
            record = json.loads(path.read_text("utf-8"))
            private = serialization.load_pem_private_key(record["pem"].encode(), password=None)
            if not isinstance(private, rsa.RSAPrivateKey):
                message = f"{path} holds no RSA key"
                raise ValueError(message)
            return cls(record["kid"], private)
        site_key = cls.generate()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(json.dumps({"kid": site_key.kid, "pem": site_key.private_pem}), "utf-8")
        return site_key

    @property
    def private_pem(self) -> str:
        """The private key in PKCS 8 PEM."""
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    @property
    def public_pem(self) -> str:
        """The public key in PEM, the body of the key host's answer."""
        return (
            self.private.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )
