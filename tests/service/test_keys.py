"""The JWTs of callers: what is accepted, and every way not to be."""

import asyncio
import base64
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from guideway.remote.errors import RemoteError
from guideway.service import keys as keys_module
from guideway.service.keys import RETRY_PAUSE, KeySource, KeysOutOfReach, TokenRefused, parse_key_set, verify

ISS, AUD = "https://ehr.example.org", "https://cds.example.org/cds-services/a"
RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP384R1())


def public_jwk(private, kid, algorithm):
    return json.loads(jwt.get_algorithm_by_name(algorithm).to_jwk(private.public_key())) | {"kid": kid, "alg": algorithm}


@pytest.fixture
def source(tmp_path):
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [public_jwk(RSA, "r", "RS384"), public_jwk(EC, "e", "ES384")]}))
    return KeySource(file, ("https://ehr.example.org/keys",))


def token(key=EC, algorithm="ES384", headers=None, **claims):
    now = int(time.time())
    payload = {"iss": ISS, "aud": AUD, "exp": now + 300, "iat": now, "jti": "1"} | claims
    head = {k: v for k, v in ({"kid": "e"} | (headers or {})).items() if v is not None}
    return jwt.encode({k: v for k, v in payload.items() if v is not None}, key, algorithm, headers=head)


def check(text, source, **options):
    return asyncio.run(verify(text, sources={ISS: source}, algorithms=["ES384", "RS384"], audiences=[AUD], **options))


@pytest.mark.parametrize(("key", "algorithm", "kid"), [(EC, "ES384", "e"), (RSA, "RS384", "r")])
def test_both_recommended_algorithms(source, key, algorithm, kid):
    claims = check(token(key, algorithm, {"kid": kid}, tenant="north"), source)
    assert (claims.iss, claims.jti, claims.tenant) == (ISS, "1", "north")


def test_an_audience_may_be_a_list(source):
    assert check(token(aud=["https://other.example.org", AUD]), source).iss == ISS


def unsigned():
    encode = lambda part: base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()  # noqa: E731
    now = int(time.time())
    body = {"iss": ISS, "aud": AUD, "exp": now + 300, "iat": now, "jti": "1"}
    return f"{encode({'alg': 'none', 'typ': 'JWT', 'kid': 'e'})}.{encode(body)}."


REFUSED = {
    "not a token": lambda: "abc",
    "empty": lambda: "",
    "huge": lambda: "a" * 20_000,
    "alg none": unsigned,
    "symmetric": lambda: token("secret" * 10, "HS256"),
    "other algorithm": lambda: token(RSA, "RS256", {"kid": "r"}),
    "other issuer": lambda: token(iss="https://evil.example.org"),
    "no issuer": lambda: token(iss=None),
    "other audience": lambda: token(aud="https://cds.example.org/cds-services/b"),
    "no audience": lambda: token(aud=None),
    "expired": lambda: token(exp=int(time.time()) - 120),
    "no expiry": lambda: token(exp=None),
    "from the future": lambda: token(iat=int(time.time()) + 600),
    "issued long ago": lambda: token(iat=int(time.time()) - 1000),
    "lives too long": lambda: token(exp=int(time.time()) + 90_000),
    "no jti": lambda: token(jti=None),
    "unknown key": lambda: token(headers={"kid": "x"}),
    "no key id": lambda: token(headers={"kid": None}),
    "key of another kind": lambda: token(EC, "ES384", {"kid": "r"}),
    "stolen key id": lambda: token(ec.generate_private_key(ec.SECP384R1())),
    "jku elsewhere": lambda: token(headers={"jku": "https://evil.example.org/keys"}),
    "critical extension": lambda: token(headers={"crit": ["b64"], "b64": False}),
    "type": lambda: token(headers={"typ": "JWE"}),
    "payload that is no object": lambda: "eyJhbGciOiJFUzM4NCIsImtpZCI6ImUifQ.W10.AAAA",
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(source, name):
    text = REFUSED[name]()
    with pytest.raises(TokenRefused) as refused:
        check(text, source)
    assert not text or text not in str(refused.value)


def test_a_changed_payload_is_refused(source):
    head, body, signature = token().split(".")
    payload = json.loads(base64.urlsafe_b64decode(body + "==")) | {"sub": "x"}
    changed = base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=").decode()
    with pytest.raises(TokenRefused):
        check(f"{head}.{changed}.{signature}", source)


def test_clock_skew_is_forgiven(source):
    now = int(time.time())
    assert check(token(iat=now + 30, exp=now + 330), source, skew=60).iss == ISS
    assert check(token(exp=now - 30, iat=now - 200), source, skew=60).iss == ISS


def test_unknown_key_ids_do_not_reread_the_keys_each_time(source, tmp_path):
    with pytest.raises(TokenRefused):
        check(token(headers={"kid": "x"}), source)
    source.file.write_text(json.dumps({"keys": [public_jwk(EC, "x", "ES384")]}))
    with pytest.raises(TokenRefused):
        check(token(headers={"kid": "x"}), source)
    source._asked.clear()
    assert check(token(headers={"kid": "x"}), source).iss == ISS


ODD = {
    "symmetric": {"kty": "oct", "k": "AAAA", "kid": "s"},
    "nameless": {k: v for k, v in public_jwk(EC, "e", "ES384").items() if k != "kid"},
    "a number as its id": public_jwk(EC, 5, "ES384"),
    "for encryption by its algorithm": public_jwk(RSA, "x", "RS384") | {"alg": "RSA-OAEP"},
    "for agreement by its algorithm": public_jwk(EC, "x", "ES384") | {"alg": "ECDH-ES"},
    "another algorithm than its kind": public_jwk(EC, "x", "ES384") | {"alg": "EdDSA"},
    "for encryption by its use": public_jwk(RSA, "x", "RS384") | {"use": "enc"},
    "for encryption by its operations": public_jwk(RSA, "x", "RS384") | {"key_ops": ["encrypt"]},
    "operations that are none": public_jwk(RSA, "x", "RS384") | {"key_ops": {"encrypt": 1}},
    "operations that are a number": public_jwk(RSA, "x", "RS384") | {"key_ops": 5},
    "unknown curve": public_jwk(EC, "x", "ES384") | {"crv": "brainpoolP256r1"},
    "a certificate alone": {"kty": "RSA", "kid": "x", "x5c": ["AAA"]},
    "no modulus": {"kty": "RSA", "kid": "x", "e": "AQAB"},
    "a modulus that is none": {"kty": "RSA", "kid": "x", "n": "?", "e": "AQAB"},
    "a list": [],
    "nothing": None,
}


@pytest.mark.parametrize("name", ODD)
def test_a_key_that_cannot_be_used_does_no_harm_to_the_others(name):
    assert parse_key_set({"keys": [ODD[name]]}) == {}
    assert list(parse_key_set({"keys": [ODD[name], public_jwk(EC, "e", "ES384")]})) == ["e"]


def test_an_id_that_several_keys_share_is_left_out():
    keys = [public_jwk(EC, "e", "ES384"), public_jwk(RSA, "e", "RS384"), public_jwk(RSA, "r", "RS384")]
    assert list(parse_key_set({"keys": keys})) == ["r"]


def test_a_key_that_is_listed_twice_is_one_key():
    twice = [public_jwk(RSA, "r", "RS384"), public_jwk(RSA, "r", "RS256"), public_jwk(RSA, "r", "RS384") | {"use": "sig"}]
    assert list(parse_key_set({"keys": twice})) == ["r"]
    assert parse_key_set({"keys": [*twice, public_jwk(EC, "r", "ES384"), twice[0]]}) == {}


@pytest.mark.parametrize("operations", [None, [], ["verify"], ["sign", "verify"]])
def test_operations_that_are_not_said_forbid_nothing(operations):
    assert list(parse_key_set({"keys": [public_jwk(EC, "e", "ES384") | {"key_ops": operations}]})) == ["e"]


@pytest.mark.parametrize("keys", [[], [ODD["symmetric"]]])
def test_a_set_without_a_key_that_can_be_used_takes_the_earlier_ones_back(source, keys):
    assert check(token(), source).iss == ISS
    source.file.write_text(json.dumps({"keys": keys}))
    source._asked.clear()
    (name,) = source._sets
    source._sets[name] = time.monotonic() - 2 * keys_module.KEY_LIFETIME, source._sets[name][1]
    with pytest.raises(TokenRefused):
        check(token(), source)


@pytest.mark.parametrize("text", ['{"keys": null}', "[" * 100_000])
def test_what_is_no_key_set_leaves_it_open(tmp_path, text):
    file = tmp_path / "k.json"
    file.write_text(text)
    with pytest.raises(KeysOutOfReach):
        check(token(), KeySource(file, ()))


def test_keys_that_could_not_be_read_are_asked_for_again_soon(tmp_path):
    source = KeySource(tmp_path / "late.json", ())
    with pytest.raises(KeysOutOfReach):
        check(token(), source)
    (tmp_path / "late.json").write_text(json.dumps({"keys": [public_jwk(EC, "e", "ES384")]}))
    with pytest.raises(KeysOutOfReach):
        check(token(), source)
    source._asked = {name: (moment - RETRY_PAUSE, found) for name, (moment, found) in source._asked.items()}
    assert check(token(), source).iss == ISS


def test_keys_that_are_known_outlive_a_server_that_is_gone_for_a_while(source):
    assert check(token(), source).iss == ISS
    (name,) = source._sets
    source.file.unlink()
    source._asked.clear()
    source._sets[name] = time.monotonic() - 2 * keys_module.KEY_LIFETIME, source._sets[name][1]
    assert check(token(), source).iss == ISS
    with pytest.raises(KeysOutOfReach):  # it may be a new one
        check(token(headers={"kid": "x"}), source)
    source._sets[name] = time.monotonic() - 11 * keys_module.KEY_LIFETIME, source._sets[name][1]
    with pytest.raises(KeysOutOfReach):
        check(token(), source)


@pytest.fixture
def hanging(monkeypatch):
    """A source whose server does not answer; how often it was asked."""
    asked = []

    async def get_json(self, url):
        asked.append(url)
        await asyncio.sleep(0.5)
        raise RemoteError("deadline", "no answer")

    monkeypatch.setattr(keys_module.Client, "get_json", get_json)
    return KeySource(None, ("https://ehr.example.org/keys",)), asked


def test_all_wait_for_one_look_and_none_follows_at_once(hanging):
    source, asked = hanging

    async def run():
        begun = time.monotonic()
        found = await asyncio.gather(*(source.key(f"k{n}", None) for n in range(25)), return_exceptions=True)
        found += await asyncio.gather(source.key("e", None), return_exceptions=True)
        return found, time.monotonic() - begun

    found, seconds = asyncio.run(run())
    assert {type(each) for each in found} == {KeysOutOfReach}
    assert len(asked) == 1
    assert seconds < RETRY_PAUSE


def test_nobody_waits_for_a_look_longer_than_allowed(hanging):
    source, _ = hanging
    with pytest.raises(KeysOutOfReach, match="in time"):
        asyncio.run(source.key("e", None, patience=0.05))


def test_a_key_that_is_known_is_used_where_the_server_takes_longer_than_anybody_waits(hanging):
    source, _ = hanging
    (name,) = source.urls
    source._sets[name] = time.monotonic() - 2 * keys_module.KEY_LIFETIME, {"e": "the key"}
    assert asyncio.run(source.key("e", None, patience=0.05)) == "the key"


def test_a_key_that_is_known_waits_for_nobody(source):
    async def run():
        await source.key("e", None)
        source._looks[str(source.file)] = asyncio.create_task(asyncio.sleep(60))  # somebody is asking for an unknown one
        return await asyncio.wait_for(source.key("e", None), 1)

    assert asyncio.run(run()) is not None
