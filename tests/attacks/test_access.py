"""Who may call what: every call of every service, from the descriptors, by every kind of caller.

A call that has no row here fails the test, so nobody can add one without deciding. Expected is `ok`, or the reason or
code of the refusal; revoked certificates and callers without one never get a word in, whatever the call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pyarrow as pa
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import status_pb2
from pyarrow import csv

from demo.hub import HubProcess, hechuan
from demo.sample import monitoring_sections
from exchange.agreement.move import Act, propose
from exchange.agreement.terms import Terms
from exchange.batch.verdict import VERDICT_TYPE, Decision, Verdict
from exchange.client import Client, connect
from exchange.client.accord import get_accord, propose_plan
from exchange.client.call import error_in, error_of
from exchange.client.publish import Published
from exchange.client.referral import get_referral, put_bytes, send_referral
from exchange.client.report import get_report, submit_report
from exchange.client.seal import register_recipient, vault_of
from exchange.client.sealed_key import sealed_key
from exchange.client.settlement import get_settlement, propose_settlement
from exchange.errors import HechuanError, UnauthenticatedError, UnavailableError
from exchange.flow.catalog import CONTRACT_TYPE
from exchange.home import HubDirectory
from exchange.ids import DatasetId, digest_of
from exchange.member import KEY_TYPE
from exchange.referral.order import Kind
from exchange.review.draft import Draft
from exchange.trust.authority import Authority, new_csr
from exchange.trust.envelope import sign
from exchange.trust.secret import read_private
from exchange.v1 import (
    agreement_pb2,
    catalog_pb2,
    common_pb2,
    exchange_pb2,
    federation_pb2,
    ledger_pb2,
    member_pb2,
    patrol_pb2,
    peer_pb2,
    referral_pb2,
    report_pb2,
    seal_pb2,
    settlement_pb2,
    steward_pb2,
)
from tests import accords
from tests.attacks.call import Attack, good
from tests.contracts import column, contract_text
from tests.contracts import key as key_column
from tests.e2e.test_agreement import cases
from tests.settlements import matter

pytestmark = pytest.mark.e2e
CASES = "500000/ecology/enforcement-case"
MODULES = (
    agreement_pb2, catalog_pb2, exchange_pb2, federation_pb2, ledger_pb2, member_pb2, patrol_pb2, peer_pb2,
    referral_pb2, report_pb2, seal_pb2, settlement_pb2, steward_pb2,
)  # fmt: skip
CALLERS = ("owner", "holder", "ended", "other", "steward", "foreign", "hub")
"""The dataset's owner; a reader whose agreement is in force; one whose agreement has ended; another agency of the
hub; a steward of its own; an agency of another jurisdiction; another jurisdiction's hub."""
STRANGERS = ("revoked", "nobody")

Row = dict[str, str]


def everybody(said: str = "ok", **others: str) -> Row:
    return {**dict.fromkeys(CALLERS, said), **others}


OPEN = everybody()
OWNER = everybody("PERMISSION_DENIED", owner="ok")
SIGNED = everybody("SIGNATURE_INVALID", owner="ok")
READERS = everybody("AGREEMENT_REQUIRED", owner="ok", holder="ok", steward="ok")
HUBS = everybody("NOT_A_HUB", hub="ok")
PARTIES = everybody("NOT_A_PARTY", owner="ok", holder="ok")
PLANNERS = everybody("MALFORMED", foreign="NOT_ITS_HUB", hub="NOT_ITS_HUB")

MATRIX: dict[str, Row] = {
    "AgreementService.SubmitMove": OWNER,
    "AgreementService.GetAgreement": PARTIES,
    "AgreementService.ListAgreements": OPEN,
    "AgreementService.ListReads": OWNER,
    "CatalogService.GetHub": OPEN,
    "CatalogService.ListContracts": OPEN,
    "CatalogService.GetContract": OPEN,
    "CatalogService.RegisterContract": everybody("NOT_STEWARD", owner="ok"),
    "CatalogService.CompareContract": OPEN,
    "CatalogService.ListDatasets": OPEN,
    "CatalogService.GetDataset": OPEN,
    "CatalogService.SearchDatasets": OPEN,
    "ExchangeService.Publish": everybody("SIGNATURE_INVALID", owner="ok"),
    "ExchangeService.PublishMany": everybody("SIGNATURE_INVALID", owner="ok"),
    "ExchangeService.Query": READERS,
    "ExchangeService.Watch": READERS,
    "ExchangeService.Fetch": READERS,
    "ExchangeService.Quarantine": everybody("WITHHELD", owner="ok", steward="ok"),
    "ExchangeService.ListBatches": OPEN,
    # this hub is in no federation: whoever may ask is told that there is nothing
    "FederationService.GetMetadata": everybody("NOT_FOUND"),
    "LedgerService.GetCheckpoint": OPEN,
    "LedgerService.GetInclusionProof": OPEN,
    "LedgerService.GetConsistencyProof": OPEN,
    "LedgerService.ListEntries": OPEN,
    "LedgerService.GetTile": OPEN,
    "LedgerService.GetReceipt": OPEN,
    # served on its own port alone
    "EnrolmentService.Enroll": everybody("UNIMPLEMENTED"),
    "MemberService.GetSelf": OPEN,
    "MemberService.RegisterKey": everybody("PERMISSION_DENIED", owner="CONFLICT"),
    "MemberService.ListKeys": OPEN,
    "MemberService.Renew": everybody("ok", foreign="PERMISSION_DENIED", hub="PERMISSION_DENIED"),
    "PeerService.Follow": HUBS,
    # its reader, for whom it asks, has no agreement
    "PeerService.FetchParts": everybody("NOT_A_HUB", hub="AGREEMENT_REQUIRED"),
    # the hub may, and this witness does not know the log
    "PeerService.AddCheckpoint": everybody("NOT_A_HUB", hub="NOT_FOUND"),
    "PeerService.GetCoverage": HUBS,
    "PeerService.ListMirrorReads": HUBS,
    "ReferralService.MoveReferral": OWNER,
    "ReferralService.GetReferral": PARTIES,
    "ReferralService.ListReferrals": OPEN,
    "ReferralService.PlanReferral": OPEN,
    "ReferralService.PutAttachment": everybody("ok", foreign="NOT_ITS_HUB", hub="NOT_ITS_HUB"),
    "ReferralService.GetAttachment": PARTIES,
    "SettlementService.MoveSettlement": OWNER,
    "SettlementService.GetSettlement": everybody("NOT_A_PARTY", owner="ok", holder="ok", other="ok"),
    "SettlementService.ListSettlements": OPEN,
    "ReportService.MoveReport": OWNER,
    "ReportService.GetReport": everybody("NOT_A_PARTY", owner="ok", foreign="ok"),
    "ReportService.ListReports": OPEN,
    # whoever may plan here is told that the office is missing
    "PatrolService.PlanPatrols": PLANNERS,
    "PatrolService.ReplanPatrols": PLANNERS,
    "PatrolService.ExplainPlan": PLANNERS,
    "PatrolService.GetCalendars": PLANNERS,
    "PatrolService.RecordPatrols": PLANNERS,
    "PatrolService.MoveAccord": OWNER,
    "PatrolService.GetAccord": everybody("NOT_A_PARTY", owner="ok", holder="ok"),
    "PatrolService.ListAccords": OPEN,
    "SealService.RegisterRecipient": everybody("SIGNATURE_INVALID", owner="WRONG_STATE"),
    "SealService.ListRecipients": OPEN,
    "SealService.PutKeys": SIGNED,
    "SealService.GetKeys": everybody("AGREEMENT_REQUIRED", holder="ok"),
    "SealService.EraseKey": OWNER,
    # the request is the owner's statement: a steward may give its own only
    "StewardService.SubmitVerdict": everybody("NOT_STEWARD", owner="ok", steward="PERMISSION_DENIED"),
    "StewardService.ListVerdicts": OPEN,
}


@dataclass(frozen=True)
class Stage:
    """The hub, who calls it, and a request for each call that only its rightful caller could make."""

    hub: HubProcess
    channels: dict[str, grpc.Channel]
    requests: dict[str, Callable[[], Message]]


def foreign(root: Path, hub: HubProcess) -> tuple[Authority, Path]:
    """Sichuan, trusted by the hub, with an agency that has joined it."""
    sichuan, home = HubProcess(root, "510000").directory, root / "sichuan-water"
    card = root / "card-510000.json"
    hechuan("hub", "card", sichuan, "--address", "localhost:1", "-o", card)
    hechuan("hub", "trust", hub.directory, "--jurisdiction", "510000", "--ca", card)
    hechuan("agency", "csr", "--agency", "510000/water", "--home", home, "-o", root / "w.csr")
    hechuan("hub", "sign", sichuan, root / "w.csr", "--agency", "510000/water", "-o", root / "w.pem")
    hechuan("agency", "install", root / "w.pem", "--home", home, "--hub", card, "--no-register")
    return HubDirectory(sichuan).authority(), home


def in_force(owner: Client, reader: Client) -> str:
    until = datetime.now(UTC) + timedelta(days=1)
    id = reader.propose(CASES, purpose="联合执法", until=until).agreement.id
    for side in (owner, reader, owner):
        side.sign(id)
    return id


def certificate(hub: HubProcess, key: bytes, chain: bytes) -> grpc.Channel:
    roots = HubDirectory(hub.directory).ca_certificate.read_bytes()
    return grpc.secure_channel(hub.address, grpc.ssl_channel_credentials(roots, key, chain))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    root = tmp_path_factory.mktemp("access")
    hub = HubProcess(root, "500000", ["--stewards", "joint-office"])
    authority, foreign_home = foreign(root, hub)
    with hub, ExitStack() as stack:
        names = ("ecology", "water", "agriculture", "natural-resources", "joint-office", "police")
        homes = dict(
            zip(
                ("owner", "holder", "ended", "other", "steward", "revoked"),
                map(hub.enroll, names),
                strict=True,
            )
        )
        clients = {who: stack.enter_context(connect(home)) for who, home in homes.items()}
        card = root / "card-500000.json"
        hechuan("hub", "card", hub.directory, "-o", card)
        hechuan("agency", "join", card, "--home", foreign_home)
        clients["foreign"] = stack.enter_context(connect(foreign_home, "500000"))
        requests = prepared(root, clients)
        hechuan("hub", "revoke", hub.directory, "500000/police")
        channels = {who: client.channel for who, client in clients.items()}
        key, chain = authority.issue_hub(["localhost"], 1, datetime.now(UTC))
        channels["hub"] = stack.enter_context(certificate(hub, key, chain))
        roots = grpc.ssl_channel_credentials(HubDirectory(hub.directory).ca_certificate.read_bytes())
        channels["nobody"] = stack.enter_context(grpc.secure_channel(hub.address, roots))
        itself = member_pb2.DESCRIPTOR.services_by_name["MemberService"].methods_by_name["GetSelf"]
        while outcome(channels["revoked"], itself, member_pb2.GetSelfRequest()) == "ok":
            pass  # revocations are seen within a second
        yield Stage(hub, channels, requests)


def prepared(root: Path, clients: dict[str, Client]) -> dict[str, Callable[[], Message]]:
    """What the owner has published and agreed, and requests about it."""
    owner, holder = clients["owner"], clients["holder"]
    owner.publish("monitoring-section", monitoring_sections())
    path = root / "cases.csv"
    csv.write_csv(pa.Table.from_pylist(list(cases(3))), path)
    batch = owner.publish("enforcement-case", path)
    agreement = in_force(owner, holder)
    owner.sign(in_force(owner, clients["ended"]), Act.TERMINATE)
    recipient = register_recipient(holder)
    register_recipient(owner)
    signer, agency = owner.profile.signing_key(), owner.profile.agency
    [batch_key] = vault_of(owner).kept()
    move = offered(owner, agreement)
    text = contract_text([key_column("station", "string", 1), column("level", "number")])
    claim = {"contract": "gauge@1.0.0", "digest": digest_of(text), "publisher": str(agency)}
    registration = sign(claim, CONTRACT_TYPE, signer).to_json_bytes()
    own = {"agency": str(agency), "created_at": "2026-01-01T00:00:00.000000Z", "v": 1}
    own_recipient = {**own, "recipient": str(vault_of(owner).recipient().recipient)}
    sealed = sealed_key(batch_key, recipient, agreement, signer)
    csr = new_csr(agency, read_private(owner.profile.home.tls_key))
    statement = sign({**own, "key": str(signer.verify_key)}, KEY_TYPE, signer).to_json_bytes()
    known = digest_of(b"not a key of anybody")[-32:]
    evidence = put_bytes(owner, b"evidence", "evidence.txt", "text/plain")
    sent = send_referral(owner, Kind.ASSIGNMENT, str(holder.profile.agency), "task", attachments=[evidence])
    referral, order = sent.referral.id, first_move(owner, sent.referral.id)
    settlement, proposal = settling(clients)
    report, draft = drafted(clients)
    begun = planning(clients)
    return {
        "SubmitMove": lambda: agreement_pb2.SubmitMoveRequest(envelope=move),
        "GetAgreement": lambda: agreement_pb2.GetAgreementRequest(id=agreement),
        "ListAgreements": agreement_pb2.ListAgreementsRequest,
        "ListReads": lambda: agreement_pb2.ListReadsRequest(dataset=CASES),
        "GetHub": catalog_pb2.GetHubRequest,
        "ListContracts": catalog_pb2.ListContractsRequest,
        "GetContract": lambda: catalog_pb2.GetContractRequest(ref="water-quality"),
        "RegisterContract": lambda: catalog_pb2.RegisterContractRequest(yaml=text, envelope=registration),
        "CompareContract": lambda: catalog_pb2.CompareContractRequest(yaml=text),
        "ListDatasets": catalog_pb2.ListDatasetsRequest,
        "GetDataset": lambda: catalog_pb2.GetDatasetRequest(id=CASES),
        "SearchDatasets": catalog_pb2.SearchDatasetsRequest,
        "Publish": lambda: published(owner),
        "PublishMany": lambda: exchange_pb2.PublishManyRequest(batches=[Attack(good(owner)).small(owner)]),
        "Query": lambda: exchange_pb2.QueryRequest(dataset=CASES, encoding=common_pb2.ENCODING_CSV),
        "Watch": lambda: exchange_pb2.WatchRequest(datasets=[CASES]),
        "Fetch": lambda: exchange_pb2.FetchRequest(batch=batch.id),
        "Quarantine": lambda: exchange_pb2.QuarantineRequest(dataset=CASES),
        "ListBatches": lambda: exchange_pb2.ListBatchesRequest(dataset=CASES),
        "GetMetadata": lambda: federation_pb2.GetMetadataRequest(path="metadata/timestamp.json"),
        "GetCheckpoint": ledger_pb2.GetCheckpointRequest,
        "GetInclusionProof": lambda: ledger_pb2.GetInclusionProofRequest(index=1),
        "GetConsistencyProof": lambda: ledger_pb2.GetConsistencyProofRequest(first=1),
        "ListEntries": ledger_pb2.ListEntriesRequest,
        "GetTile": lambda: ledger_pb2.GetTileRequest(path="tile/0/000.p/5"),
        "GetReceipt": lambda: ledger_pb2.GetReceiptRequest(batch=batch.id),
        "Enroll": member_pb2.EnrollRequest,
        "GetSelf": member_pb2.GetSelfRequest,
        "RegisterKey": lambda: member_pb2.RegisterKeyRequest(envelope=statement),
        "ListKeys": member_pb2.ListKeysRequest,
        "Renew": lambda: member_pb2.RenewRequest(csr=csr),
        "Follow": peer_pb2.FollowRequest,
        "FetchParts": lambda: peer_pb2.FetchPartsRequest(
            on_behalf_of="510000/water", parts=[peer_pb2.WantedPart(batch=batch.id)]
        ),
        "AddCheckpoint": lambda: peer_pb2.AddCheckpointRequest(body=unknown_log(owner)),
        "GetCoverage": peer_pb2.GetCoverageRequest,
        "ListMirrorReads": lambda: peer_pb2.ListMirrorReadsRequest(owner="510000/water"),
        "MoveReferral": lambda: referral_pb2.MoveReferralRequest(envelope=order),
        "GetReferral": lambda: referral_pb2.GetReferralRequest(id=referral),
        "ListReferrals": referral_pb2.ListReferralsRequest,
        "PlanReferral": lambda: referral_pb2.PlanReferralRequest(kind=referral_pb2.REFERRAL_KIND_WARNING),
        "PutAttachment": lambda: referral_pb2.PutAttachmentRequest(data=b"evidence"),
        "GetAttachment": lambda: referral_pb2.GetAttachmentRequest(referral=referral, digest=evidence.digest),
        "MoveSettlement": lambda: settlement_pb2.MoveSettlementRequest(envelope=proposal),
        "GetSettlement": lambda: settlement_pb2.GetSettlementRequest(id=settlement),
        "ListSettlements": settlement_pb2.ListSettlementsRequest,
        "MoveReport": lambda: report_pb2.MoveReportRequest(envelope=draft),
        "GetReport": lambda: report_pb2.GetReportRequest(id=report),
        "ListReports": report_pb2.ListReportsRequest,
        "PlanPatrols": patrol_pb2.PlanPatrolsRequest,
        "ReplanPatrols": patrol_pb2.ReplanPatrolsRequest,
        "ExplainPlan": patrol_pb2.ExplainPlanRequest,
        "GetCalendars": patrol_pb2.GetCalendarsRequest,
        "RecordPatrols": patrol_pb2.RecordPatrolsRequest,
        "MoveAccord": lambda: patrol_pb2.MoveAccordRequest(envelope=begun[1]),
        "GetAccord": lambda: patrol_pb2.GetAccordRequest(id=begun[0]),
        "ListAccords": patrol_pb2.ListAccordsRequest,
        "RegisterRecipient": lambda: seal_pb2.RegisterRecipientRequest(
            envelope=sign(own_recipient, "application/vnd.hechuan.recipient+json", signer).to_json_bytes()
        ),
        "ListRecipients": lambda: seal_pb2.ListRecipientsRequest(agency="500000/water"),
        "PutKeys": lambda: seal_pb2.PutKeysRequest(envelopes=[sealed]),
        "GetKeys": lambda: seal_pb2.GetKeysRequest(dataset=CASES),
        "SubmitVerdict": lambda: steward_pb2.SubmitVerdictRequest(envelope=judged(owner, batch)),
        "ListVerdicts": lambda: steward_pb2.ListVerdictsRequest(dataset=CASES),
        "EraseKey": lambda: seal_pb2.EraseKeyRequest(dataset=CASES, key=f"seal-1:{known}"),
    }


def offered(owner: Client, agreement: str) -> bytes:
    """An offer of the owner's, the same each time."""
    stands = owner.agreement.GetAgreement(agreement_pb2.GetAgreementRequest(id=agreement)).agreement
    terms = Terms.from_json({**Terms.parse(stands.terms).to_json(), "agreement": "cd" * 16})
    signer, now = owner.profile.signing_key(), datetime.now(UTC)
    return propose(Act.OFFER, terms, None, signer, owner.profile.agency, now).to_json_bytes()


def first_move(owner: Client, referral: str) -> bytes:
    """The owner's own first move, once more."""
    return get_referral(owner, referral).moves[0].envelope


def settling(clients: dict[str, Client]) -> tuple[str, bytes]:
    """A settlement of the owner's with the holder, another agency being the arbiter; and the owner's own move."""
    owner, holder, other = (clients[name].profile.agency for name in ("owner", "holder", "other"))
    about = matter(owner, holder, other)
    begun = propose_settlement(clients["owner"], about, "0.4").settlement
    return begun.id, get_settlement(clients["owner"], begun.id).moves[0]


def drafted(clients: dict[str, Client]) -> tuple[str, bytes]:
    """A report of the owner's with the agency of another jurisdiction; and the owner's own first step."""
    parties = tuple(sorted(clients[name].profile.agency for name in ("owner", "foreign")))
    draft = Draft("跨界断面", "2026-03", digest_of(b"document"), {}, parties)
    begun = submit_report(clients["owner"], draft).report
    return begun.id, get_report(clients["owner"], begun.id).moves[0]


def planning(clients: dict[str, Client]) -> tuple[str, bytes]:
    """An accord of the owner's with the holder, and the owner's own move."""
    owner, holder = (clients[name].profile.agency for name in ("owner", "holder"))
    begun = propose_plan(clients["owner"], accords.matter(owner, holder), b"{}", b"{}").accord
    return begun.id, get_accord(clients["owner"], begun.id).moves[0]


def published(owner: Client) -> exchange_pb2.PublishRequest:
    """A good batch of the owner's in one message."""
    data = good(owner)
    return exchange_pb2.PublishRequest(envelope=Attack(data).sealed(owner), data=data)


def judged(owner: Client, batch: Published) -> bytes:
    """The owner's own verdict on its batch."""
    by, now = owner.profile.agency, datetime.now(UTC)
    asked = (digest_of(b"a suite"), batch.index + 1)
    verdict = Verdict(batch.id, DatasetId.parse(CASES), by, now, Decision.RELEASE, *asked, ())
    return sign(verdict.to_json(), VERDICT_TYPE, owner.profile.signing_key()).to_json_bytes()


def unknown_log(owner: Client) -> bytes:
    note = owner.ledger.GetCheckpoint(ledger_pb2.GetCheckpointRequest()).note
    return b"old 0\n\n" + note.replace("hechuan/500000", "hechuan/640000").encode()


def methods() -> Iterator[MethodDescriptor]:
    for module in MODULES:
        for service in module.DESCRIPTOR.services_by_name.values():
            yield from service.methods


def name_of(method: MethodDescriptor) -> str:
    return f"{method.containing_service.name}.{method.name}"


def outcome(channel: grpc.Channel, method: MethodDescriptor, request: Message) -> str:
    """`ok` once an answer begins, or why there is none; of one that is an outcome, what it is."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    kind = f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.server_streaming else 'unary'}"
    answer = GetMessageClass(method.output_type)
    call: Any = getattr(channel, kind)(path, type(request).SerializeToString, answer.FromString)
    try:
        response = call(iter([request]) if method.client_streaming else request, timeout=20)
        if method.server_streaming:
            next(response)
            response.cancel()
    except grpc.RpcError as error:
        return reason_of(error_of(error))
    if isinstance(response, exchange_pb2.PublishManyResponse) and response.outcomes[0].HasField("refused"):
        status = status_pb2.Status.FromString(response.outcomes[0].refused)
        return reason_of(error_in(status, HechuanError))
    return "ok"


def reason_of(ours: HechuanError) -> str:
    if type(ours) is HechuanError:
        return str(ours).partition(":")[0]
    if isinstance(ours, UnauthenticatedError | UnavailableError):
        return ours.code
    return ours.detail.get("reason", ours.code)


def test_every_call_has_a_row() -> None:
    assert {name_of(method) for method in methods()} == MATRIX.keys()


@pytest.mark.parametrize("method", list(methods()), ids=name_of)
def test_access(stage: Stage, method: MethodDescriptor) -> None:
    found = {
        who: outcome(stage.channels[who], method, stage.requests[method.name]())
        for who in (*CALLERS[::-1], *STRANGERS)
    }
    refused = {"revoked": "UNAUTHENTICATED", "nobody": "UNAVAILABLE"}
    if method.name == "Enroll":
        refused["revoked"] = "UNIMPLEMENTED"
    assert found == {**MATRIX[name_of(method)], **refused}


def test_nobody_speaks_for_an_agency_of_another_hub(stage: Stage) -> None:
    """On behalf: only hubs may, and only for their own."""
    [query] = [method for method in methods() if method.name == "Query"]
    for who, reader, said in (
        ("hub", "510000/water", "AGREEMENT_REQUIRED"),
        ("hub", "500000/water", "NOT_ITS_HUB"),
        ("other", "500000/water", "NOT_ITS_HUB"),
        ("foreign", "510000/ecology", "NOT_ITS_HUB"),
    ):
        request = exchange_pb2.QueryRequest(dataset=CASES, on_behalf_of=reader)
        assert outcome(stage.channels[who], query, request) == said, (who, reader)
