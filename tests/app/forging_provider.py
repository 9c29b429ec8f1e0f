"""An identity provider that can be told to lie: what a real one never sends, and an attacker might.

In: claims, and the key to sign with. Out: an address over TLS. It answers discovery, keys and the token endpoint; the
page where people type their password is left out, so the tests go from /auth/login straight to /auth/callback.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.app.certificates import Certificate
from tests.http_server import LoopbackServer

KEY_ID = "the-provider's-key"


class ForgingProvider:
    """Use it as a context; `token` makes the next ID token."""

    def __init__(self, certificate: Certificate) -> None:
        self.own_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.next_token = ""
        self.redeemed: list[str] = []
        handler = type("Handler", (_Handler,), {"provider": self})
        self._server = LoopbackServer(handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.certificate, certificate.key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.issuer = f"https://127.0.0.1:{self._server.server_port}/tenant/v2.0"

    def __enter__(self) -> ForgingProvider:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def sign(self, claims: dict[str, Any], *, key: Any = None, algorithm: str = "RS256") -> None:
        """Make the next ID token of these claims, with the provider's key unless another one is given."""
        used = None if algorithm == "none" else key or self.own_key
        self.next_token = jwt.encode(claims, used, algorithm=algorithm, headers={"kid": KEY_ID})

    def claims(self, client_id: str, asked_nonce: str, **changed: Any) -> dict[str, Any]:
        """Good claims, with changes; a change to None takes the claim away."""
        now = int(time.time())
        good = {
            "iss": self.issuer, "sub": "subject-1", "aud": client_id, "exp": now + 3600, "iat": now,
            "nonce": asked_nonce,
            "name": "Stream lead", "preferred_username": "stream.lead@example.org", "groups": ["dpp-leads"],
        }  # fmt: skip
        return {name: value for name, value in {**good, **changed}.items() if value is not None}

    def answer(self, path: str, body: str) -> dict[str, Any] | None:
        """What stands at this path."""
        if path.endswith("/.well-known/openid-configuration"):
            return {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
            }
        if path.endswith("/keys"):
            public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.own_key.public_key()))
            return {"keys": [{**public, "kid": KEY_ID, "use": "sig", "alg": "RS256"}]}
        if path.endswith("/token"):
            self.redeemed.append(body)
            return {"access_token": "opaque", "token_type": "Bearer", "expires_in": 60, "id_token": self.next_token}
        return None


class _Handler(BaseHTTPRequestHandler):
    provider: ForgingProvider

    def do_GET(self) -> None:
        """Discovery and keys."""
        self._send(self.provider.answer(self.path.partition("?")[0], ""))

    def do_POST(self) -> None:
        """The token endpoint."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self._send(self.provider.answer(self.path, body))

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""

    def _send(self, document: dict[str, Any] | None) -> None:
        encoded = json.dumps(document or {}).encode()
        self.send_response(200 if document else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)
