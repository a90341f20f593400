"""The only place that turns protos into domain values and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from exchange.agreement.negotiation import Negotiation, State, due_soon, signed_document
from exchange.batch.manifest import Kind
from exchange.batch.stream import Encoding
from exchange.batch.verdict import Decision, Verdict
from exchange.contract.compat import Verdict as Compatibility
from exchange.contract.model import Contract, Severity
from exchange.errors import InvalidInputError, MalformedError
from exchange.ids import ContractRef, DatasetId
from exchange.ports import (
    AccessRecord,
    BatchRecord,
    ContractRecord,
    DatasetRecord,
    Entry,
    KeyRecord,
    RecipientRecord,
    VerdictRecord,
)
from exchange.referral.case import Referral
from exchange.referral.case import State as ReferralState
from exchange.referral.history import History
from exchange.referral.ladder import Proposal
from exchange.referral.move import Attachment, Move
from exchange.referral.order import Kind as ReferralKind
from exchange.trust.envelope import Envelope
from exchange.v1 import (
    agreement_pb2,
    catalog_pb2,
    common_pb2,
    exchange_pb2,
    member_pb2,
    referral_pb2,
    seal_pb2,
    steward_pb2,
)

ENCODINGS: Final[Mapping[common_pb2.Encoding.ValueType, Encoding]] = {
    common_pb2.ENCODING_PARQUET: Encoding.PARQUET,
    common_pb2.ENCODING_ARROW_STREAM: Encoding.ARROW_STREAM,
    common_pb2.ENCODING_CSV: Encoding.CSV,
    common_pb2.ENCODING_NDJSON: Encoding.NDJSON,
}
_ENCODING_NUMBERS: Final = {encoding: number for number, encoding in ENCODINGS.items()}
_KINDS: Final = {
    Kind.OBSERVATION: common_pb2.BATCH_KIND_OBSERVATION,
    Kind.CORRECTION: common_pb2.BATCH_KIND_CORRECTION,
    Kind.RETRACTION: common_pb2.BATCH_KIND_RETRACTION,
}
_KIND_OF: Final = {number: kind for kind, number in _KINDS.items()}
_SEVERITIES: Final = {
    Severity.INFO: common_pb2.SEVERITY_INFO,
    Severity.WARNING: common_pb2.SEVERITY_WARNING,
    Severity.ERROR: common_pb2.SEVERITY_ERROR,
    Severity.BLOCKER: common_pb2.SEVERITY_BLOCKER,
}
_DECISIONS: Final = {
    Decision.RELEASE: steward_pb2.DECISION_RELEASE,
    Decision.QUARANTINE: steward_pb2.DECISION_QUARANTINE,
    Decision.REFER: steward_pb2.DECISION_REFER,
}
_OPERATORS: Final = {
    exchange_pb2.OPERATOR_EQ: "eq",
    exchange_pb2.OPERATOR_NE: "ne",
    exchange_pb2.OPERATOR_LT: "lt",
    exchange_pb2.OPERATOR_LE: "le",
    exchange_pb2.OPERATOR_GT: "gt",
    exchange_pb2.OPERATOR_GE: "ge",
    exchange_pb2.OPERATOR_IN: "in",
    exchange_pb2.OPERATOR_IS_NULL: "is_null",
    exchange_pb2.OPERATOR_NOT_NULL: "not_null",
}
OPERATOR_NUMBERS: Final = {name: number for number, name in _OPERATORS.items()}
_LEVELS: Final = {
    "none": catalog_pb2.COMPATIBILITY_LEVEL_NONE,
    "backward": catalog_pb2.COMPATIBILITY_LEVEL_BACKWARD,
    "forward": catalog_pb2.COMPATIBILITY_LEVEL_FORWARD,
    "full": catalog_pb2.COMPATIBILITY_LEVEL_FULL,
}
_SHARING: Final = {
    "unconditional": catalog_pb2.SHARING_UNCONDITIONAL,
    "conditional": catalog_pb2.SHARING_CONDITIONAL,
    "withheld": catalog_pb2.SHARING_WITHHELD,
}
_SHARING_NAMES: Final = {number: name for name, number in _SHARING.items()}
_STATES: Final = {
    state: agreement_pb2.AgreementState.Value(f"AGREEMENT_STATE_{state.name}") for state in State
}
_REFERRAL_STATES: Final = {
    state: referral_pb2.ReferralState.Value(f"REFERRAL_STATE_{state.name}") for state in ReferralState
}
_REFERRAL_KINDS: Final = {
    kind: referral_pb2.ReferralKind.Value(f"REFERRAL_KIND_{kind.name}") for kind in ReferralKind
}
_REFERRAL_KIND_OF: Final = {number: kind for kind, number in _REFERRAL_KINDS.items()}
_PARTS: Final = {
    exchange_pb2.FETCH_PART_UNSPECIFIED: "object",
    exchange_pb2.FETCH_PART_OBJECT: "object",
    exchange_pb2.FETCH_PART_SOURCE: "source",
    exchange_pb2.FETCH_PART_REPORT: "report",
}


def timestamp(instant: datetime | None) -> Timestamp | None:
    """UTC instant → proto; None stays absent."""
    if instant is None:
        return None
    out = Timestamp()
    out.FromDatetime(instant.astimezone(UTC))
    return out


def instant(value: Timestamp) -> datetime:
    """Proto → UTC instant; raises MalformedError outside years 1 to 9999."""
    try:
        return value.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise MalformedError("timestamp is out of range") from None


def moment(as_of: common_pb2.AsOf) -> int | datetime | None:
    """A tree size, an instant, or None for now."""
    which = as_of.WhichOneof("moment")
    if which == "tree_size":
        return as_of.tree_size
    return instant(as_of.instant) if which == "instant" else None


def encoding(number: int) -> Encoding:
    """Which encoding is asked for; Arrow where unspecified."""
    if number == common_pb2.ENCODING_UNSPECIFIED:
        return Encoding.ARROW_STREAM
    try:
        return ENCODINGS[common_pb2.Encoding.ValueType(number)]
    except KeyError:
        raise InvalidInputError(f"unknown encoding {number}") from None


def encoding_number(value: Encoding) -> common_pb2.Encoding.ValueType:
    """The other way round."""
    return _ENCODING_NUMBERS[value]


def operator(number: int) -> str:
    """A filter's operator; raises InvalidInputError."""
    try:
        return _OPERATORS[exchange_pb2.Operator.ValueType(number)]
    except KeyError:
        raise InvalidInputError(f"unknown filter operator {number}") from None


def fetch_part(number: int) -> str:
    """object, source or report; raises InvalidInputError."""
    try:
        return _PARTS[exchange_pb2.FetchPart.ValueType(number)]
    except KeyError:
        raise InvalidInputError(f"unknown part {number}") from None


def sharing(number: int) -> str:
    """A sharing class; raises InvalidInputError."""
    try:
        return _SHARING_NAMES[catalog_pb2.Sharing.ValueType(number)]
    except KeyError:
        raise InvalidInputError(f"unknown sharing class {number}") from None


def dataset_or_none(text: str) -> DatasetId | None:
    """Empty text is no dataset."""
    return DatasetId.parse(text) if text else None


def contract_or_none(text: str) -> ContractRef | None:
    """Empty text is no contract."""
    return ContractRef.parse(text) if text else None


def verdict(record: BatchRecord, contract: Contract | None) -> common_pb2.Verdict:
    """A batch's verdict; rule texts come from the contract, where it is at hand."""
    rules = {rule.id: rule for rule in contract.rules} if contract else {}
    counts = [
        common_pb2.RuleCount(
            rule=name,
            rows=rows,
            severity=_SEVERITIES[rules[name].severity] if name in rules else common_pb2.SEVERITY_ERROR,
            zh=rules[name].zh if name in rules else "",
            en=rules[name].en if name in rules else "",
        )
        for name, rows in record.counts.items()
    ]
    return common_pb2.Verdict(
        rows=record.rows,
        accepted=record.accepted,
        rejected=record.rejected,
        counts=counts,
        report=record.report or "",
    )


def batch(record: BatchRecord, contract: Contract | None) -> common_pb2.Batch:
    """A row of the batch index."""
    return common_pb2.Batch(
        id=record.id,
        index=record.index,
        dataset=str(record.dataset),
        contract=str(record.contract),
        kind=_KINDS[record.kind],
        object=record.object,
        object_bytes=record.object_bytes,
        source=record.source,
        encoded_by_hub=record.encoded_by_hub,
        recorded_at=timestamp(record.recorded_at),
        period_from=timestamp(record.period_from),
        period_until=timestamp(record.period_until),
        verdict=verdict(record, contract),
    )


def referral_state(message: referral_pb2.Referral) -> ReferralState:
    """Where a referral stands."""
    return ReferralState(
        referral_pb2.ReferralState.Name(message.state).removeprefix("REFERRAL_STATE_").lower()
    )


def batch_kind(message: common_pb2.Batch) -> Kind:
    """What a batch does to the rows that stand."""
    return _KIND_OF[message.kind]


def period(message: common_pb2.Batch) -> tuple[datetime | None, datetime | None]:
    """First and last value of a batch's time column; None where the contract has none."""
    first = instant(message.period_from) if message.HasField("period_from") else None
    last = instant(message.period_until) if message.HasField("period_until") else None
    return first, last


def entry(value: Entry) -> exchange_pb2.LedgerEntry:
    """One ledger entry."""
    return exchange_pb2.LedgerEntry(
        index=value.index, data=value.data, recorded_at=timestamp(value.recorded_at)
    )


def contract(record: ContractRecord, parsed: Contract) -> catalog_pb2.Contract:
    """A registered contract version."""
    return catalog_pb2.Contract(
        ref=str(record.ref),
        digest=record.digest,
        title_zh=parsed.title_zh,
        title_en=parsed.title_en,
        steward=parsed.steward,
        registered_at=timestamp(record.recorded_at),
        index=record.index,
    )


def compatibility_level(level: str) -> catalog_pb2.CompatibilityLevel.ValueType:
    """What two versions are to each other."""
    return _LEVELS[level]


def contract_breaks(found: Compatibility) -> list[catalog_pb2.ContractBreak]:
    """Everything that breaks a promise."""
    return [
        catalog_pb2.ContractBreak(
            kind=item.kind,
            column=item.column or "",
            breaks=_LEVELS[item.direction],
            zh=item.zh,
            en=item.en,
        )
        for item in found.breaks
    ]


def dataset(record: DatasetRecord, shared: str) -> catalog_pb2.Dataset:
    """Sums over a dataset."""
    return catalog_pb2.Dataset(
        id=str(record.id),
        contract=str(record.contract),
        sharing=_SHARING[shared],
        batches=record.batches,
        rows_accepted=record.accepted,
        rows_rejected=record.rejected,
        period_from=timestamp(record.period_from),
        period_until=timestamp(record.period_until),
        updated_at=timestamp(record.updated_at),
    )


def agreement(found: Negotiation, now: datetime, remind_days: int) -> agreement_pb2.Agreement:
    """An agreement as it stands at a moment."""
    terms, awaited = found.terms, found.awaited(now)
    out = agreement_pb2.Agreement(
        id=found.id,
        state=_STATES[found.state_at(now)],
        dataset=str(terms.dataset),
        contract=str(terms.contract),
        provider=str(terms.provider),
        consumer=str(terms.consumer),
        columns=terms.columns,
        row_filter=terms.row_filter,
        purpose=terms.purpose,
        until=timestamp(terms.until),
        mirror=terms.mirror,
        onward=terms.onward,
        terms=terms.to_bytes(),
        signed_terms=signed_document(found) or b"",
        awaited=str(awaited) if awaited else "",
        due_at=timestamp(found.due) if awaited else None,
        remind=awaited is not None and due_soon(found, now, remind_days),
        moves=[
            agreement_pb2.AgreementMove(
                id=move.digest,
                move=move.act.value,
                by=str(move.by),
                at=timestamp(move.at),
                reason=move.reason,
            )
            for move in found.moves
        ],
        head=found.head,
    )
    getattr(out, "from").CopyFrom(timestamp(terms.start))
    return out


def read(record: AccessRecord) -> agreement_pb2.Read:
    """One recorded read."""
    return agreement_pb2.Read(
        id=record.id,
        dataset=str(record.dataset),
        reader=str(record.reader),
        via=record.via,
        act=record.act,
        agreement=record.agreement,
        columns=record.columns,
        tree_size=record.tree_size,
        question=record.question,
        started_at=timestamp(record.started_at),
        ended_at=timestamp(record.ended_at),
        rows=record.rows or 0,
        bytes=record.bytes or 0,
        outcome=record.outcome,
    )


def recipient(record: RecipientRecord) -> seal_pb2.Recipient:
    """A registered recipient key."""
    return seal_pb2.Recipient(
        id=record.id,
        agency=str(record.agency),
        public_key=record.public_key,
        registered_at=timestamp(record.recorded_at),
    )


def steward_verdict(record: VerdictRecord) -> steward_pb2.StewardVerdict:
    """A steward's verdict, findings included."""
    given = Verdict.parse(Envelope.from_json_bytes(record.envelope).payload)
    return steward_pb2.StewardVerdict(
        id=record.id,
        index=record.index,
        batch=record.batch,
        dataset=str(record.dataset),
        by=str(record.by),
        decision=_DECISIONS[given.decision],
        findings=[
            steward_pb2.StewardFinding(
                rule=each.rule, severity=_SEVERITIES[each.severity], count=each.count, said=each.said
            )
            for each in given.findings
        ],
        suite=record.suite,
        tree_size=record.tree_size,
        recorded_at=timestamp(record.recorded_at),
    )


def key(record: KeyRecord) -> member_pb2.Key:
    """A registered signing key."""
    return member_pb2.Key(
        id=record.id,
        agency=str(record.agency),
        public_key=record.public_key,
        registered_at=timestamp(record.recorded_at),
        revoked=record.revoked_index is not None,
        index=record.index,
        revoked_index=record.revoked_index or 0,
    )


def referral_kind(number: int) -> ReferralKind:
    """A referral's kind; raises InvalidInputError."""
    try:
        return _REFERRAL_KIND_OF[referral_pb2.ReferralKind.ValueType(number)]
    except KeyError:
        raise InvalidInputError(f"unknown kind of referral {number}") from None


def referral_kind_number(kind: ReferralKind) -> referral_pb2.ReferralKind.ValueType:
    """The other way round."""
    return _REFERRAL_KINDS[kind]


def referral(
    found: Referral, now: datetime, left: int | None, soon_days: int, step: Proposal | None
) -> referral_pb2.Referral:
    """A referral as it stands at a moment, without its moves. `left`: working days until its deadline."""
    order, extension, deadline = found.order, found.extension, found.deadline
    overdue = deadline is not None and now >= deadline
    return referral_pb2.Referral(
        id=found.id,
        kind=_REFERRAL_KINDS[order.kind],
        state=_REFERRAL_STATES[found.state],
        **{role.value: str(holder) for role, holder in found.desks.items()},  # type: ignore[arg-type]
        title=order.title,
        text=order.text,
        matter=order.matter,
        river=order.river,
        subject=order.subject,
        parent=order.parent,
        sent_at=timestamp(order.at),
        acknowledge_by=timestamp(order.acknowledge_by),
        due_at=timestamp(found.due),
        deadline=timestamp(deadline),
        days_left=left or 0,
        overdue=overdue,
        soon=left is not None and not overdue and left <= soon_days,
        level=found.level,
        proposed=step.act.value if step else "",
        awaited=sorted(map(str, found.awaited)),
        applied=found.applied,
        extension_due_at=timestamp(extension.due if extension else None),
        extension_days=extension.days if extension else 0,
        head=found.head,
        attachments=map(referral_attachment, found.attachments),
        parties=sorted(map(str, found.parties)),
    )


def referral_moves(history: History, envelopes: Mapping[str, bytes]) -> list[referral_pb2.ReferralMove]:
    """All moves of a referral by their time, those set aside among them; `envelopes` by move."""
    return [
        _referral_move(history.moves[id], id, history.aside.get(id, ""), envelopes[id])
        for _, id in history.places
        if id not in history.waiting
    ]


def referral_attachment(item: Attachment) -> referral_pb2.ReferralAttachment:
    """What a move names."""
    return referral_pb2.ReferralAttachment(
        digest=item.digest, bytes=item.bytes, media_type=item.media_type, name=item.name
    )


def _referral_move(move: Move, id: str, aside: str, envelope: bytes) -> referral_pb2.ReferralMove:
    return referral_pb2.ReferralMove(
        id=id,
        act=move.act.value,
        by=str(move.by),
        at=timestamp(move.at),
        person=move.person,
        reason=move.reason,
        to=str(move.to or ""),
        attachments=map(referral_attachment, move.attachments),
        aside=aside,
        previous=move.previous or "",
        envelope=envelope,
    )
