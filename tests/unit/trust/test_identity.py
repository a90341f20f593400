"""Identity against certificates that an attacker, a careless operator or another jurisdiction would bring."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.errors import (
    ConflictError,
    HechuanError,
    InvalidInputError,
    LimitExceededError,
    MalformedError,
    NotFoundError,
    PermissionDeniedError,
    StorageError,
    UnauthenticatedError,
    UntrustedError,
)
from exchange.ids import AgencyId
from exchange.trust.authority import Authority, new_key_and_csr
from exchange.trust.identity import Peer, TrustBundle, identify

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
CHONGQING = Authority.create("500000", 30, NOW)
SICHUAN = Authority.create("510000", 30, NOW)
BUNDLE = TrustBundle.parse({"500000": CHONGQING.certificate_pem, "510000": SICHUAN.certificate_pem})
ECOLOGY = AgencyId.parse("500000/ecology")
KEY_PEM, CSR = new_key_and_csr(ECOLOGY)
LEAF = CHONGQING.sign_agency(CSR, ECOLOGY, 10, NOW)


def _usage(**true: bool) -> x509.KeyUsage:
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
    )
    every = (*names, "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{name: true.get(name, False) for name in every})


MEMBER = _usage(digital_signature=True)


@dataclass(frozen=True)
class Forged:
    """A certificate as somebody with an authority's key could make it."""

    uris: tuple[str, ...] = ("spiffe://500000/ecology",)
    issuer: Authority = CHONGQING
    usage: x509.KeyUsage | None = MEMBER
    purposes: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.CLIENT_AUTH,)
    ca: bool = False
    critical_unknown: bool = False
    start: datetime = NOW - DAY
    until: datetime = NOW + DAY
    signer: ec.EllipticCurvePrivateKey | None = None
    subject_key: ec.EllipticCurvePrivateKey | None = None

    def pem(self) -> bytes:
        key = (self.subject_key or ec.generate_private_key(ec.SECP256R1())).public_key()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "forged")])
        builder = (
            x509.CertificateBuilder(self.issuer.certificate.subject, name, key, x509.random_serial_number())
            .not_valid_before(self.start)
            .not_valid_after(self.until)
            .add_extension(x509.BasicConstraints(ca=self.ca, path_length=None), critical=True)
        )
        if self.uris:
            names = [x509.UniformResourceIdentifier(uri) for uri in self.uris]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        if self.usage:
            builder = builder.add_extension(self.usage, critical=True)
        if self.purposes:
            builder = builder.add_extension(x509.ExtendedKeyUsage(self.purposes), critical=False)
        if self.critical_unknown:
            unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
            builder = builder.add_extension(unknown, critical=True)
        certificate = builder.sign(self.signer or self.issuer.key, hashes.SHA256())
        return certificate.public_bytes(serialization.Encoding.PEM)


def test_a_member_is_known_by_its_certificate() -> None:
    peer = identify(LEAF, BUNDLE, NOW)
    certificate = x509.load_pem_x509_certificate(LEAF)
    assert peer == Peer(ECOLOGY, f"{certificate.serial_number:x}", certificate.not_valid_after_utc)
    assert not peer.is_hub
    assert peer.not_after == NOW + 10 * DAY
    assert 128 < certificate.serial_number.bit_length() <= 159


def test_a_hub_is_known_as_one() -> None:
    _, chain = SICHUAN.issue_hub(["localhost"], 10, NOW)
    assert identify(chain, BUNDLE, NOW).is_hub


def test_the_forger_can_make_an_honest_certificate() -> None:
    assert identify(Forged().pem(), BUNDLE, NOW).agency == ECOLOGY


FORGERIES = {
    "another jurisdiction's authority": (Forged(issuer=SICHUAN), "issuer"),
    "right issuer name, own key": (Forged(signer=ec.generate_private_key(ec.SECP256R1())), "issuer"),
    "unknown jurisdiction": (Forged(uris=("spiffe://520000/water",)), "issuer"),
    "no name": (Forged(uris=()), "spiffe_id"),
    "two names": (Forged(uris=("spiffe://500000/ecology", "spiffe://500000/water")), "spiffe_id"),
    "second name is no SPIFFE ID": (Forged(uris=("spiffe://500000/ecology", "https://x")), "spiffe_id"),
    "https": (Forged(uris=("https://500000/ecology",)), "spiffe_id"),
    "upper-case scheme": (Forged(uris=("SPIFFE://500000/ecology",)), "spiffe_id"),
    "trust domain alone": (Forged(uris=("spiffe://500000",)), "spiffe_id"),
    "empty path": (Forged(uris=("spiffe://500000/",)), "spiffe_id"),
    "longer path": (Forged(uris=("spiffe://500000/ecology/admin",)), "spiffe_id"),
    "path climbs": (Forged(uris=("spiffe://500000/../510000",)), "spiffe_id"),
    "query": (Forged(uris=("spiffe://500000/ecology?x",)), "spiffe_id"),
    "port": (Forged(uris=("spiffe://500000:1/ecology",)), "spiffe_id"),
    "user": (Forged(uris=("spiffe://510000@500000/ecology",)), "spiffe_id"),
    "escaped": (Forged(uris=("spiffe://500000/eco%6cogy",)), "spiffe_id"),
    "newline": (Forged(uris=("spiffe://500000/ecology\n",)), "spiffe_id"),
    "an authority": (Forged(ca=True), "usage"),
    "may sign certificates": (Forged(usage=_usage(digital_signature=True, key_cert_sign=True)), "usage"),
    "may sign revocation lists": (Forged(usage=_usage(digital_signature=True, crl_sign=True)), "usage"),
    "may not sign": (Forged(usage=_usage(key_encipherment=True)), "usage"),
    "no key usage": (Forged(usage=None), "usage"),
    "no extended key usage": (Forged(purposes=()), "usage"),
    "server only": (Forged(purposes=(ExtendedKeyUsageOID.SERVER_AUTH,)), "usage"),
    "critical extension nobody knows": (Forged(critical_unknown=True), "parse"),
    "expired": (Forged(until=NOW - timedelta(seconds=1)), "validity"),
    "not yet valid": (Forged(start=NOW + timedelta(seconds=1)), "validity"),
}


@pytest.mark.parametrize(("forged", "check"), FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forgery_is_refused_by_the_check_that_finds_it(forged: Forged, check: str) -> None:
    with pytest.raises(UnauthenticatedError) as caught:
        identify(forged.pem(), BUNDLE, NOW)
    assert caught.value.detail["check"] == check


def test_a_remembered_certificate_still_expires() -> None:
    assert identify(LEAF, BUNDLE, NOW).agency == ECOLOGY
    with pytest.raises(UnauthenticatedError, match="expired"):
        identify(LEAF, BUNDLE, NOW + 11 * DAY)
    assert identify(LEAF, BUNDLE, NOW).agency == ECOLOGY


def test_an_expired_authority_vouches_for_nobody() -> None:
    pem = Forged(until=NOW + 100 * DAY).pem()
    with pytest.raises(UnauthenticatedError, match="authority expired"):
        identify(pem, BUNDLE, NOW + 31 * DAY)


def test_what_one_bundle_trusts_another_need_not() -> None:
    identify(LEAF, BUNDLE, NOW)
    with pytest.raises(UnauthenticatedError):
        identify(LEAF, TrustBundle.parse({"510000": SICHUAN.certificate_pem}), NOW)


def test_old_and_new_authority_stand_side_by_side() -> None:
    new = Authority.create("500000", 30, NOW)
    both = TrustBundle.parse({"500000": CHONGQING.certificate_pem + new.certificate_pem})
    renewed = new.sign_agency(CSR, ECOLOGY, 10, NOW)
    assert identify(LEAF, both, NOW).agency == identify(renewed, both, NOW).agency == ECOLOGY
    assert both.roots_pem() == CHONGQING.certificate_pem + new.certificate_pem


@pytest.mark.parametrize("pem", [b"", b"\x00\xff", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                                 CSR, KEY_PEM, b"-" * 20_000])  # fmt: skip
def test_bytes_that_are_no_certificate(pem: bytes) -> None:
    with pytest.raises(UnauthenticatedError) as caught:
        identify(pem, BUNDLE, NOW)
    assert caught.value.detail["check"] == "parse"


Changes = list[tuple[int, int]]
CHANGES = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4)


def _changed(pem: bytes, changes: Changes) -> bytes:
    der = bytearray(ssl.PEM_cert_to_DER_cert(pem.decode()))
    for at, value in changes:
        der[at % len(der)] = value
    return ssl.DER_cert_to_PEM_cert(bytes(der)).encode()


@settings(max_examples=300, deadline=None)
@given(CHANGES)
def test_a_changed_certificate_raises_our_error_or_is_unchanged(changes: Changes) -> None:
    pem = _changed(LEAF, changes)
    try:
        identify(pem, BUNDLE, NOW)
    except UnauthenticatedError:
        return
    assert ssl.PEM_cert_to_DER_cert(pem.decode()) == ssl.PEM_cert_to_DER_cert(LEAF.decode())


@settings(max_examples=300, deadline=None)
@given(CHANGES)
def test_a_changed_authority_raises_only_our_errors(changes: Changes) -> None:
    with suppress(HechuanError):
        identify(LEAF, TrustBundle.parse({"500000": _changed(CHONGQING.certificate_pem, changes)}), NOW)


@pytest.mark.parametrize(
    ("pems", "error"),
    [
        ({"500000": b""}, MalformedError),
        ({"500000": b"junk"}, MalformedError),
        ({"chongqing": CHONGQING.certificate_pem}, MalformedError),
        ({"500000": LEAF}, InvalidInputError),
        ({"500000": SICHUAN.certificate_pem}, InvalidInputError),
        ({"500000": CHONGQING.certificate_pem * 9}, InvalidInputError),
        ({"500000": b"x" * 200_000}, MalformedError),
    ],
)
def test_a_bundle_refuses_what_cannot_vouch(pems: dict[str, bytes], error: type[HechuanError]) -> None:
    with pytest.raises(error):
        TrustBundle.parse(pems)


def test_the_authority_takes_only_the_key_from_a_request() -> None:
    greedy = (
        x509.CertificateSigningRequestBuilder(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "500000/hub")])
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hub.example")]), critical=False)
        .sign(ec.generate_private_key(ec.SECP384R1()), hashes.SHA384())
    )
    leaf = x509.load_pem_x509_certificate(
        CHONGQING.sign_agency(greedy.public_bytes(serialization.Encoding.PEM), ECOLOGY, 10, NOW)
    )
    assert leaf.public_key() == greedy.public_key()
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.UniformResourceIdentifier("spiffe://500000/ecology")]


def _request(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    request = x509.CertificateSigningRequestBuilder(x509.Name([])).sign(key, algorithm)
    return request.public_bytes(serialization.Encoding.PEM)


def _with_broken_signature(csr: bytes) -> bytes:
    der = bytearray(x509.load_pem_x509_csr(csr).public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    return ssl.DER_cert_to_PEM_cert(bytes(der)).replace("CERTIFICATE", "CERTIFICATE REQUEST").encode()


@pytest.mark.parametrize(
    ("csr", "error"),
    [
        (b"", MalformedError),
        (LEAF, MalformedError),
        (b"x" * 20_000, LimitExceededError),
        (_with_broken_signature(CSR), InvalidInputError),
        (_request(ec.generate_private_key(ec.SECP521R1())), InvalidInputError),
        (_request(ed25519.Ed25519PrivateKey.generate()), InvalidInputError),
        (_request(rsa.generate_private_key(65537, 2048)), InvalidInputError),
    ],
    ids=["empty", "certificate", "too large", "broken signature", "P-521", "Ed25519", "RSA 2048"],
)
def test_a_request_that_is_refused(csr: bytes, error: type[HechuanError]) -> None:
    with pytest.raises(error) as caught:
        CHONGQING.sign_agency(csr, ECOLOGY, 10, NOW)
    assert type(caught.value) is error


@pytest.mark.parametrize("agency", ["510000/ecology", "500000/hub"])
def test_an_authority_vouches_only_for_its_own_members(agency: str) -> None:
    with pytest.raises(PermissionDeniedError):
        CHONGQING.sign_agency(CSR, AgencyId.parse(agency), 10, NOW)


def test_no_certificate_outlives_its_authority() -> None:
    leaf = CHONGQING.sign_agency(CSR, ECOLOGY, 10_000, NOW)
    assert identify(leaf, BUNDLE, NOW).not_after == CHONGQING.certificate.not_valid_after_utc
    with pytest.raises(StorageError, match="expired"):
        CHONGQING.sign_agency(CSR, ECOLOGY, 10, NOW + 31 * DAY)


@pytest.mark.parametrize("names", [[], ["two words"], ["Upper.example"], ["-x"], ["a..b"], [""]])
def test_a_hub_needs_real_names(names: list[str]) -> None:
    with pytest.raises(InvalidInputError):
        CHONGQING.issue_hub(names, 10, NOW)


def test_an_authority_survives_its_files(tmp_path: Path) -> None:
    key, certificate = tmp_path / "ca.key", tmp_path / "ca.pem"
    CHONGQING.save(key, certificate)
    assert key.stat().st_mode & 0o777 == 0o600
    loaded = Authority.load(key, certificate)
    assert loaded.jurisdiction == "500000"
    assert identify(loaded.sign_agency(CSR, ECOLOGY, 10, NOW), BUNDLE, NOW).agency == ECOLOGY
    with pytest.raises(ConflictError):
        CHONGQING.save(key, certificate)
    key.chmod(0o640)
    with pytest.raises(UntrustedError, match="chmod 600"):
        Authority.load(key, certificate)
    with pytest.raises(NotFoundError):
        Authority.load(tmp_path / "absent", certificate)
    certificate.write_bytes(SICHUAN.certificate_pem)
    key.chmod(0o600)
    with pytest.raises(StorageError):
        Authority.load(key, certificate)


def _openssl_verify(tmp_path: Path, root: bytes, leaf: bytes, *options: str) -> tuple[int, str]:
    (tmp_path / "root.pem").write_bytes(root)
    (tmp_path / "leaf.pem").write_bytes(leaf)
    command = [
        "openssl",
        "verify",
        "-x509_strict",
        "-check_ss_sig",
        *options,
        "-CAfile",
        "root.pem",
        "leaf.pem",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=20, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.skipif(not shutil.which("openssl"), reason="the openssl command is not here")
def test_the_openssl_command_agrees_with_what_we_issue(tmp_path: Path) -> None:
    _, hub = CHONGQING.issue_hub(["hub.example", "127.0.0.1", "::1"], 10, NOW)
    for leaf, *options in (
        (LEAF, "-purpose", "sslclient"),
        (LEAF, "-purpose", "sslserver"),
        (hub, "-purpose", "sslserver", "-verify_hostname", "hub.example"),
        (hub, "-purpose", "sslserver", "-verify_ip", "127.0.0.1"),
        (hub, "-purpose", "sslclient", "-verify_ip", "::1"),
    ):
        code, said = _openssl_verify(tmp_path, CHONGQING.certificate_pem, leaf, *options)
        assert code == 0, said
    code, said = _openssl_verify(tmp_path, SICHUAN.certificate_pem, LEAF)
    assert code != 0
    assert "unable to get local issuer" in said


def _context(tmp_path: Path, purpose: ssl.Purpose, key: bytes, chain: bytes, roots: bytes) -> ssl.SSLContext:
    context = ssl.create_default_context(purpose, cadata=roots.decode())
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT
    pair = tmp_path / f"{purpose.shortname}.pem"
    pair.write_bytes(key + chain)
    context.load_cert_chain(pair)
    return context


def _shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> None:
    """OpenSSL's library against itself, in memory: each side verifies the other in strict mode."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(down, up, server_hostname=name), server.wrap_bio(up, down, server_side=True)]
    for _ in range(6):
        for end in ends:
            with suppress(ssl.SSLWantReadError):
                end.do_handshake()
    ends[1].write(b"hello")
    assert ends[0].read(5) == b"hello"


@pytest.mark.parametrize("name", ["hub.example", "127.0.0.1", "::1"])
def test_openssl_shakes_hands_with_what_we_issue(tmp_path: Path, name: str) -> None:
    hub_key, hub = CHONGQING.issue_hub(["hub.example", "127.0.0.1", "::1"], 10, NOW)
    roots = CHONGQING.certificate_pem
    server = _context(tmp_path, ssl.Purpose.CLIENT_AUTH, hub_key, hub, roots)
    _shake_hands(_context(tmp_path, ssl.Purpose.SERVER_AUTH, KEY_PEM, LEAF, roots), server, name)
    with pytest.raises(ssl.SSLCertVerificationError):
        _shake_hands(
            _context(tmp_path, ssl.Purpose.SERVER_AUTH, KEY_PEM, LEAF, roots), server, "else.example"
        )
    # an agency's certificate names no host, so no agency can pose as the hub
    posing = _context(tmp_path, ssl.Purpose.CLIENT_AUTH, KEY_PEM, LEAF, roots)
    with pytest.raises(ssl.SSLCertVerificationError):
        _shake_hands(_context(tmp_path, ssl.Purpose.SERVER_AUTH, KEY_PEM, LEAF, roots), posing, name)


@contextmanager
def _hub(roots: bytes, whoami: Callable[[bytes], Peer]) -> Iterator[int]:
    """A gRPC server that demands a client certificate and answers who it takes the caller for."""

    def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
        pem = b"".join(cast("list[bytes]", context.auth_context()["x509_pem_cert"]))
        try:
            return str(whoami(pem).agency).encode()
        except UnauthenticatedError as error:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, error.detail["check"])

    key, chain = CHONGQING.issue_hub(["localhost"], 10, NOW)
    credentials = grpc.ssl_server_credentials([(key, chain)], roots, require_client_auth=True)
    with ThreadPoolExecutor(2) as pool:
        server = grpc.server(pool)
        handler = grpc.method_handlers_generic_handler(
            "t", {"Who": grpc.unary_unary_rpc_method_handler(answer)}
        )
        server.add_generic_rpc_handlers((handler,))
        port = server.add_secure_port("127.0.0.1:0", credentials)
        server.start()
        try:
            yield port
        finally:
            server.stop(None).wait()


def _ask(port: int, key: bytes | None, chain: bytes | None) -> bytes:
    credentials = grpc.ssl_channel_credentials(CHONGQING.certificate_pem, key, chain)
    with grpc.secure_channel(f"localhost:{port}", credentials) as channel:
        ask: Any = channel.unary_unary("/t/Who")
        return cast(bytes, ask(b"", timeout=10))


def test_a_real_handshake_over_mutual_tls() -> None:
    sichuan_key, csr = new_key_and_csr(AgencyId.parse("510000/water"))
    water = SICHUAN.sign_agency(csr, AgencyId.parse("510000/water"), 10, NOW)
    stranger = Authority.create("510000", 30, NOW).sign_agency(csr, AgencyId.parse("510000/water"), 10, NOW)
    with _hub(BUNDLE.roots_pem(), lambda pem: identify(pem, BUNDLE, NOW)) as port:
        assert _ask(port, KEY_PEM, LEAF) == b"500000/ecology"
        assert _ask(port, sichuan_key, water) == b"510000/water"
        for key, chain in ((None, None), (sichuan_key, stranger)):
            with pytest.raises(grpc.RpcError) as caught:
                _ask(port, key, chain)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_tls_lets_a_foreign_authority_vouch_and_identity_does_not() -> None:
    """The one thing that TLS cannot see: both authorities are trusted, but each for its own members only."""
    key = ec.generate_private_key(ec.SECP256R1())
    stray = Forged(issuer=SICHUAN, subject_key=key).pem()
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with _hub(BUNDLE.roots_pem(), lambda pem: identify(pem, BUNDLE, NOW)) as port:
        with pytest.raises(grpc.RpcError) as caught:
            _ask(port, key_pem, stray)
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert caught.value.details() == "issuer"
