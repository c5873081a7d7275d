"""Signed tokens: only the issuer's, only for us, only now, only with the algorithm of the key."""

from __future__ import annotations

import base64
import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, cast

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from fieldwise_gateway.core.access import Role
from fieldwise_gateway.issuer_keys import TokenKeys, public_keys
from fieldwise_gateway.tokens import Tokens
from fieldwise_runtime.errors import FieldwiseError

NOW = 1_800_000_000.0
EDWARDS = ed25519.Ed25519PrivateKey.generate()
ELLIPTIC = ec.generate_private_key(ec.SECP256R1())
STRANGER = ed25519.Ed25519PrivateKey.generate()
CLAIMS = {
    "iss": "https://login.example",
    "aud": ["fieldwise", "other"],
    "sub": "wang@example",
    "nbf": NOW - 10,
    "exp": NOW + 300,
    "roles": ["rep"],
    "reps": ["reps/wang", "reps/li"],
}


def published(*, edwards: Any = EDWARDS) -> bytes:
    """The issuer's key set, with kinds of keys that are not taken."""
    ed = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(edwards.public_key()))
    es = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(ELLIPTIC.public_key()))
    keys = [
        ed | {"kid": "ed"},
        es | {"kid": "es"},
        {"kty": "oct", "k": base64.urlsafe_b64encode(b"s" * 32).decode(), "kid": "secret"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "rsa"},
        es | {"kid": "for-encryption", "use": "enc"},
    ]
    return json.dumps({"keys": keys}).encode()


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(tmp_path: Path, clock: Clock) -> Tokens:
    (tmp_path / "jwks.json").write_bytes(published())
    return Tokens(
        TokenKeys(str(tmp_path / "jwks.json")), "https://login.example", "fieldwise", 30.0, 0.0, clock
    )


def signed(key: Any = EDWARDS, algorithm: str = "EdDSA", kid: str = "ed", **claims: Any) -> str:
    stated = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    return jwt.encode(stated, key, algorithm, headers={"kid": kid})


def unsigned(header: dict[str, Any], signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(CLAIMS).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def confused() -> str:
    """HS256, with the bytes of the issuer's public key as the secret."""
    public = EDWARDS.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return jwt.encode(CLAIMS, public, "HS256", headers={"kid": "ed"})


async def reason(tokens: Tokens, token: str) -> str:
    try:
        await tokens.principal(token)
    except FieldwiseError as refused:
        return f"{refused.reason}, and told the token" if token[-20:] in str(refused) else refused.reason
    return "ok"


async def test_a_good_token_says_who_calls_and_for_which_reps(tokens: Tokens) -> None:
    for token in (signed(), signed(ELLIPTIC, "ES256", "es")):
        caller = await tokens.principal(token)
        assert caller.roles == {Role.REP}
        assert caller.reps == {"reps/wang", "reps/li"}
        assert caller.is_confined("decisions.write")
        # Logs and traces see this name, and no address.
        assert caller.name.startswith("tokens/")
        assert "wang@example" not in caller.name


@pytest.mark.parametrize(
    ("token", "why"),
    [
        (lambda: signed(exp=NOW - 31), "EXPIRED_CREDENTIALS"),
        (lambda: signed(nbf=NOW + 31), "EARLY_CREDENTIALS"),
        (lambda: signed(aud="another"), "BAD_CREDENTIALS"),
        (lambda: signed(iss="https://evil.example"), "BAD_CREDENTIALS"),
        *(((lambda each=each: signed(**cast("Any", {each: None}))), "BAD_CREDENTIALS") for each in ("exp", "nbf", "iss", "aud", "sub", "roles", "reps")),
        (lambda: signed(roles=["emperor"]), "BAD_CREDENTIALS"),
        (lambda: signed(scopes=["everything"]), "BAD_CREDENTIALS"),
        (lambda: signed(STRANGER), "BAD_CREDENTIALS"),
        (lambda: signed(kid="unknown"), "BAD_CREDENTIALS"),
        (lambda: signed(kid="secret"), "BAD_CREDENTIALS"),
        (lambda: signed(kid="for-encryption"), "BAD_CREDENTIALS"),
        (lambda: signed(ELLIPTIC, "ES256", "ed"), "BAD_CREDENTIALS"),
        (lambda: jwt.encode(CLAIMS, rsa.generate_private_key(65537, 2048), "RS256", headers={"kid": "rsa"}), "BAD_CREDENTIALS"),
        (confused, "BAD_CREDENTIALS"),
        (lambda: jwt.encode(CLAIMS, "s" * 32, "HS256", headers={"kid": "secret"}), "BAD_CREDENTIALS"),
        (lambda: unsigned({"alg": "none", "kid": "ed"}), "BAD_CREDENTIALS"),
        (lambda: unsigned({"alg": "EdDSA", "kid": "ed"}, b"x" * 64), "BAD_CREDENTIALS"),
        (lambda: unsigned({"alg": "EdDSA", "kid": {"a": 1}}), "BAD_CREDENTIALS"),
        (lambda: signed()[:-4] + "AAAA", "BAD_CREDENTIALS"),
        (lambda: signed(more="x" * 9000), "BAD_CREDENTIALS"),
        (lambda: "not.a.token", "BAD_CREDENTIALS"),
        (lambda: "\x00", "BAD_CREDENTIALS"),
    ],
)  # fmt: skip
async def test_a_token_that_does_not_hold_is_refused_with_its_reason(
    tokens: Tokens, token: Any, why: str
) -> None:
    assert await reason(tokens, token()) == why


async def test_clocks_may_differ_by_the_leeway_and_no_more(tokens: Tokens) -> None:
    assert await reason(tokens, signed(exp=NOW - 29)) == "ok"
    assert await reason(tokens, signed(nbf=NOW + 29)) == "ok"


async def test_what_is_remembered_of_a_token_ends_with_it_and_with_a_jump_of_the_clock(
    tokens: Tokens, clock: Clock
) -> None:
    token = signed(exp=NOW + 20)
    assert await reason(tokens, token) == "ok"
    clock.now = NOW + 49.9
    assert await reason(tokens, token) == "ok"
    clock.now = NOW + 50.0
    assert await reason(tokens, token) == "EXPIRED_CREDENTIALS"
    clock.now = NOW + 1e6
    assert await reason(tokens, token) == "EXPIRED_CREDENTIALS"


async def test_several_roles_confine_only_what_the_others_do_not_give(tokens: Tokens) -> None:
    caller = await tokens.principal(signed(roles=["rep", "planner"]))
    assert not caller.is_confined("profiles.read")
    assert caller.is_confined("decisions.write")
    narrow = await tokens.principal(signed(roles=["rep", "planner"], scopes=["decisions.write"]))
    assert not narrow.may("profiles.read")


def test_of_a_key_set_only_keys_that_may_sign_are_taken() -> None:
    assert {kid: key.algorithm for kid, key in public_keys(published()).items()} == {
        "ed": "EdDSA",
        "es": "ES256",
    }
    for wrong in (b"[]", b"{}", b'{"keys": 1}', b"no"):
        with pytest.raises(ValueError, match=r"JSON Web Key Set|Expecting"):
            public_keys(wrong)


@pytest.fixture
def issuer() -> Iterator[tuple[str, dict[str, bytes]]]:
    """An address that answers with a key set, and what it answers."""
    answers = {"/jwks": published()}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/moved":
                self.send_response(302)
                self.send_header("Location", "/jwks")
                self.end_headers()
                return
            self.send_response(200 if self.path in answers else 500)
            self.end_headers()
            self.wfile.write(answers.get(self.path, b""))

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", answers
    server.shutdown()
    server.server_close()


async def test_keys_come_from_an_address_and_outlive_its_outage(
    issuer: tuple[str, dict[str, bytes]], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    address, answers = issuer
    keys = TokenKeys(f"{address}/jwks")
    tokens = Tokens(keys, "https://login.example", "fieldwise", 30.0, 0.0, clock)
    assert await reason(tokens, signed()) == "ok"
    answers.clear()
    keys._read_at = float("-inf")
    assert await reason(tokens, signed(jti="2")) == "ok"
    assert "keys of tokens not read" in caplog.text
    # A key that the issuer begins to use is asked for, though not by every token that names one.
    answers["/jwks"] = published(edwards=STRANGER)
    assert await reason(tokens, signed(STRANGER, jti="3")) == "BAD_CREDENTIALS"
    keys._read_at = float("-inf")
    assert await reason(tokens, signed(STRANGER, jti="4")) == "ok"
    assert await reason(tokens, signed(jti="5")) == "BAD_CREDENTIALS"


async def test_an_issuer_that_sends_elsewhere_for_its_keys_is_not_followed(
    issuer: tuple[str, dict[str, bytes]], clock: Clock
) -> None:
    keys = TokenKeys(f"{issuer[0]}/moved")
    tokens = Tokens(keys, "https://login.example", "fieldwise", 30.0, 0.0, clock)
    assert await reason(tokens, signed()) == "BAD_CREDENTIALS"
