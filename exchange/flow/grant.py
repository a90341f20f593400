"""Who may read what of a dataset: by ownership, as its steward, by the contract's terms, or by an agreement in force.

Every read by somebody else than the owner is recorded before its first byte and closed after its last. A read that
runs longer than its agreement ends with AGREEMENT_ENDED: `Grant.check` is asked between chunks.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from exchange.agreement.negotiation import Negotiation
from exchange.agreement.terms import Terms
from exchange.contract.model import Classification, Contract, Sharing
from exchange.errors import (
    AgreementEndedError,
    FieldViolation,
    HechuanError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
)
from exchange.flow.agree import AgreementBook
from exchange.flow.registry import ContractRegistry
from exchange.ids import AgencyId, DatasetId
from exchange.ports import AccessLog, AccessRecord, Clock, ReadEnd
from exchange.trust.condition import RowFilter, compile_condition
from exchange.trust.policy import is_steward, may_read

_CHECK_SECONDS = 0.25


@dataclass(slots=True)
class Grant:
    """Leave to read `columns` of the rows that `row_filter` lets through, as long as `check` does not raise."""

    reader: AgencyId
    via: str
    columns: tuple[str, ...]
    agreement: str = ""
    row_filter: RowFilter | None = None
    # A hub reads under terms that let it keep a copy.
    mirror: bool = False
    # A steward of the dataset reads, rejected rows as well.
    steward: bool = False
    still: Callable[[], None] = field(default=lambda: None)
    _checked_at: float = field(default=float("-inf"), repr=False)

    def check(self) -> None:
        """Cheap, to be called between chunks; raises AgreementEndedError."""
        now = time.monotonic()
        if now - self._checked_at >= _CHECK_SECONDS:
            self.still()
            self._checked_at = now


@dataclass(slots=True)
class Tally:
    """What a recorded read has delivered so far."""

    rows: int = 0
    bytes: int = 0
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """A read that is about to begin; `question` is the digest of what was asked, or of the bytes fetched."""

    grant: Grant
    dataset: DatasetId
    act: str
    tree_size: int
    question: str


@dataclass(frozen=True, slots=True)
class Asker:
    """Who reads, and the hub (jurisdiction) that asks on the reader's behalf, if one does."""

    reader: AgencyId
    via: str = ""


class Granter:
    """Decides, and keeps the record."""

    def __init__(
        self,
        book: AgreementBook,
        contracts: ContractRegistry,
        log: AccessLog,
        clock: Clock,
        stewards: Collection[AgencyId] = frozenset(),
    ) -> None:
        """`stewards` are those that the hub has named."""
        self._stewards = stewards
        self._book = book
        self._contracts = contracts
        self._log = log
        self._clock = clock

    def grant(
        self, asker: Asker, dataset: DatasetId, contract: Contract, asked: Sequence[str], agreement: str = ""
    ) -> Grant:
        """What the reader may see; `asked` are the columns the question needs, none standing for all it may have.

        Of several agreements in force the oldest that grants every column asked for is taken, unless one is named.
        Raises PermissionDeniedError with reason AGREEMENT_REQUIRED, WITHHELD or COLUMN_NOT_GRANTED, NotFoundError.
        """
        classes = {column.name: column.classification for column in contract.columns}
        if asker.reader == dataset.owner:
            return Grant(asker.reader, asker.via, tuple(classes))
        if not agreement and not asker.via and self.stewarded(asker.reader, dataset, contract):
            return Grant(asker.reader, asker.via, tuple(classes), steward=True)
        standing = self._standing(asker.reader, dataset, agreement)
        mirrors = [each for each in standing if asker.via and each.terms.mirror]
        if mirrors and set(asked) <= set(mirrors[0].terms.columns):
            return self._under(mirrors[0], asker, contract)
        if not standing or (not agreement and self._open_enough(contract, classes, asked)):
            right = may_read(asker.reader, dataset.owner, contract.sharing, classes)
            return Grant(asker.reader, asker.via, right.columns)
        fitting = [each for each in standing if set(asked) <= set(each.terms.columns)] or standing
        chosen = fitting[0] if asked else max(fitting, key=lambda each: len(each.terms.columns))
        return self._under(chosen, asker, contract)

    def stewarded(self, agency: AgencyId, dataset: DatasetId, contract: Contract) -> bool:
        """Whether an agency is a steward of the dataset, and its contract lets stewards read."""
        roles = {role.name: role.access for role in contract.roles}
        return roles.get("steward") == "read" and is_steward(agency, dataset, self._stewards)

    def _standing(self, reader: AgencyId, dataset: DatasetId, agreement: str) -> list[Negotiation]:
        now = self._clock.now()
        mine = [
            each
            for each in self._book.every()
            if each.terms.dataset == dataset and is_reader(each.terms, reader) and agreement in ("", each.id)
        ]
        if agreement and not mine:
            raise NotFoundError(f"{reader} has no agreement {agreement} about {dataset}")
        standing = [each for each in mine if each.grants_at(now)]
        if agreement and not standing:
            state = mine[0].state_at(now)
            raise PermissionDeniedError(
                f"agreement {agreement} is {state}", detail={"reason": "AGREEMENT_REQUIRED", "state": state}
            )
        return standing

    def _open_enough(self, contract: Contract, classes: Mapping[str, str], asked: Sequence[str]) -> bool:
        """Whether the contract's own terms give what is asked, with no need of an agreement."""
        if contract.sharing is not Sharing.UNCONDITIONAL or not asked:
            return False
        return all(classes.get(name) in (Classification.PUBLIC, Classification.INTERNAL) for name in asked)

    def _under(self, chosen: Negotiation, asker: Asker, contract: Contract) -> Grant:
        terms = chosen.terms
        columns = tuple(column.name for column in contract.columns if column.name in set(terms.columns))
        compiled = compile_filter(terms, contract, asker.reader)

        def still() -> None:
            state = self._book.get(chosen.id).state_at(self._clock.now())
            if not self._book.get(chosen.id).grants_at(self._clock.now()):
                raise AgreementEndedError(
                    f"agreement {chosen.id} is {state}: reading under it has ended",
                    detail={"agreement": chosen.id, "state": state},
                )

        mirror = bool(asker.via) and terms.mirror
        return Grant(asker.reader, asker.via, columns, chosen.id, compiled, mirror, still=still)

    @contextmanager
    def recorded(
        self, grant: Grant, dataset: DatasetId, act: str, tree_size: int, question: str
    ) -> Iterator[Tally]:
        """Record a read around its delivery; the owner's own reads are nobody's business."""
        with self.recorded_all([Reading(grant, dataset, act, tree_size, question)]) as [tally]:
            yield tally
            tally.whole = True

    @contextmanager
    def recorded_all(self, readings: Sequence[Reading]) -> Iterator[list[Tally]]:
        """Record reads that are delivered one after the other, in one go before the first and after the last.

        Which of them are complete is for whoever delivers to say: `Tally.whole`.
        """
        tallies, outcome = [Tally() for _ in readings], "CANCELLED"
        open_records = [
            (self._record(reading), tally)
            for reading, tally in zip(readings, tallies, strict=True)
            if reading.grant.reader != reading.dataset.owner
        ]
        if not open_records:
            yield tallies
            return
        self._log.begin_reads([record for record, _ in open_records])
        try:
            yield tallies
        except HechuanError as error:
            outcome = error.code
            raise
        finally:
            now = self._clock.now()
            self._log.end_reads(
                [
                    ReadEnd(record.id, now, tally.rows, tally.bytes, "complete" if tally.whole else outcome)
                    for record, tally in open_records
                ]
            )

    def _record(self, reading: Reading) -> AccessRecord:
        return AccessRecord(
            id=secrets.token_hex(16),
            dataset=reading.dataset,
            reader=reading.grant.reader,
            via=reading.grant.via,
            act=reading.act,
            agreement=reading.grant.agreement,
            columns=reading.grant.columns,
            tree_size=reading.tree_size,
            question=reading.question,
            started_at=self._clock.now(),
        )


def is_reader(terms: Terms, agency: AgencyId) -> bool:
    """Whether an agency reads under these terms: the consumer, or where they say so its whole jurisdiction."""
    onward = terms.onward and agency.jurisdiction == terms.consumer.jurisdiction
    return agency == terms.consumer or (onward and agency != terms.provider)


def compile_filter(terms: Terms, contract: Contract, reader: AgencyId) -> RowFilter | None:
    """The terms' row filter for one reader; None for all rows; raises InvalidInputError."""
    if not terms.row_filter:
        return None
    values = {
        "agency": str(reader),
        "department": reader.name,
        "jurisdiction": reader.jurisdiction,
        "purpose": terms.purpose,
    }
    return compile_condition(terms.row_filter, contract, values)


def check_terms(contracts: ContractRegistry, terms: Terms) -> None:
    """Whether the contract and the law allow the terms; raises InvalidInputError, PermissionDeniedError.

    政务数据共享条例 (2025): what is 不予共享 is shared with nobody. A mirror holds the publishers' own signed files,
    which cannot be cut: it needs every row, and every column that is not sealed.
    """
    contract = contracts.get(terms.contract)
    if contract.sharing is Sharing.WITHHELD:
        raise PermissionDeniedError(
            f"{terms.dataset} 不予共享 / is shared with nobody", detail={"reason": "WITHHELD"}
        )
    unknown = [name for name in terms.columns if not contract.has_column(name)]
    if unknown:
        raise InvalidInputError(
            f"{contract.ref} has no such columns",
            violations=[FieldViolation(name, "column", "not a column of the contract") for name in unknown],
        )
    keyless = [name for name in contract.primary_key if name not in terms.columns]
    if keyless and set(contract.sealed_columns) & set(terms.columns):
        raise InvalidInputError(
            "密封列须与主键一同授予 / sealed columns open only beside the primary key: grant it as well",
            violations=[FieldViolation(name, "terms", "part of the primary key") for name in keyless],
        )
    compile_filter(terms, contract, terms.consumer)
    if terms.mirror:
        whole = {c.name for c in contract.columns if c.classification is not Classification.RESTRICTED}
        if terms.row_filter or not whole <= set(terms.columns):
            raise InvalidInputError(
                "镜像需要全部行和全部未密封的列 / a mirror needs every row and every column that is not sealed",
                violations=[FieldViolation("mirror", "terms", "leave out the row filter, name every column")],
            )
