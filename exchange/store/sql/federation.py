"""What a hub remembers beside its ledger: who read what, who cosigned, what it witnessed, and what went wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import takewhile
from typing import Any, Final

from exchange.ids import AgencyId, DatasetId
from exchange.ports import AccessRecord, Alarm, ReadEnd, SealedKey
from exchange.store.sql.row import instant, micros
from exchange.store.sql.statement import BEYOND, Statements

Ask = Callable[[str, Mapping[str, Any]], Sequence[Sequence[Any]]]
Change = Callable[[str, Mapping[str, Any], str], int]
ChangeAll = Callable[[Sequence[tuple[str, Mapping[str, Any]]], str], Sequence[int]]
# the character after "/", and what ends the range of a single dataset
_AFTER_SLASH: Final = "0"
_WITNESSES: Final = 64


class SqlFederationStore:
    """AccessLog, SealStore and WitnessStore."""

    def __init__(self, ask: Ask, change: Change, change_all: ChangeAll, sql: Statements) -> None:
        self._ask = ask
        self._change = change
        self._change_all = change_all
        self._sql = sql

    def begin_reads(self, records: Sequence[AccessRecord]) -> None:
        self._change_all([(self._sql.begin_read, _begun(record)) for record in records], "record the reads")

    def end_reads(self, ends: Sequence[ReadEnd]) -> None:
        self._change_all([(self._sql.end_read, _ended(end)) for end in ends], "record the end of the reads")

    def reads(
        self, owner: AgencyId, dataset: DatasetId | None, before: datetime | None, limit: int
    ) -> Sequence[AccessRecord]:
        first, until = f"{owner}/", f"{owner}{_AFTER_SLASH}"
        parameters = {
            "first": first,
            "until": until,
            "before": BEYOND if before is None else micros(before),
            "page": limit,
        }
        statement = self._sql.reads
        if dataset is not None:
            statement, parameters["dataset"] = self._sql.reads_of_dataset, str(dataset)
        return [_access(row) for row in self._ask(statement, parameters)]

    def keep_keys(self, keys: Sequence[SealedKey]) -> None:
        rows = [
            {
                "key": each.key,
                "agreement": each.agreement,
                "recipient": each.recipient,
                "dataset": str(each.dataset),
                "envelope": each.envelope,
            }
            for each in keys
        ]
        self._change_all([(self._sql.put_sealed_key, row) for row in rows], "keep the sealed keys")

    def sealed_keys(self, dataset: DatasetId, agreements: Sequence[str]) -> Sequence[SealedKey]:
        return [
            SealedKey(key, dataset, agreement, recipient, bytes(envelope))
            for wanted in agreements
            for key, agreement, recipient, _, envelope in self._ask(
                self._sql.sealed_keys, {"dataset": str(dataset), "agreement": wanted}
            )
        ]

    def erase_key(self, key: str, dataset: DatasetId, at: datetime) -> int:
        tomb = {"key": key, "dataset": str(dataset), "erased_at": micros(at)}
        changes: list[tuple[str, Mapping[str, Any]]] = [
            (self._sql.add_erased_key, tomb),
            (self._sql.drop_sealed_key, {"key": key}),
        ]
        return self._change_all(changes, "erase the key")[1]

    def is_erased(self, key: str) -> bool:
        return bool(self._ask(self._sql.erased_key, {"key": key}))

    def add_cosignature(self, size: int, witness: str, line: str) -> None:
        row = {"size": size, "witness": witness, "line": line}
        self._change(self._sql.put_cosignature, row, "keep the cosignature")

    def cosigned(self, least: int) -> tuple[int, Sequence[str]]:
        found = self._ask(self._sql.cosigned_from, {"least": least, "page": _WITNESSES})
        if not found:
            return 0, ()
        size = found[0][0]
        return size, [row[1] for row in takewhile(lambda row: row[0] == size, found)]

    def witnessed(self, origin: str) -> tuple[int, str]:
        found = self._ask(self._sql.witnessed, {"origin": origin})
        return (found[0][0], found[0][1]) if found else (0, "")

    def witness(self, origin: str, size: int, note: str) -> None:
        row = {"origin": origin, "size": size, "note": note}
        self._change(self._sql.put_witnessed, row, "remember what was witnessed")

    def keep_attachment(self, digest: str, agency: AgencyId, at: datetime) -> None:
        row = {"digest": digest, "agency": str(agency), "kept_at": micros(at)}
        self._change(self._sql.put_attachment, row, "keep the attachment")

    def has_attachment(self, digest: str, agency: AgencyId) -> bool:
        return bool(self._ask(self._sql.attachment, {"digest": digest, "agency": str(agency)}))

    def raise_alarm(self, alarm: Alarm) -> None:
        row = {
            "id": alarm.id,
            "kind": alarm.kind,
            "origin": alarm.origin,
            "raised_at": micros(alarm.raised_at),
            "evidence": json.dumps(dict(alarm.evidence)),
        }
        if not any(known.id == alarm.id for known in self.alarms()):
            self._change(self._sql.add_alarm, row, "keep the alarm")

    def alarms(self, limit: int = 1000) -> Sequence[Alarm]:
        found = self._ask(self._sql.alarms, {"page": limit})
        return [
            Alarm(id, kind, origin, instant(raised_at), json.loads(evidence))
            for id, kind, origin, raised_at, evidence in found
        ]


def _begun(record: AccessRecord) -> Mapping[str, Any]:
    return {
        "id": record.id,
        "dataset": str(record.dataset),
        "reader": str(record.reader),
        "via": record.via,
        "act": record.act,
        "agreement": record.agreement,
        "columns": json.dumps(record.columns),
        "tree_size": record.tree_size,
        "question": record.question,
        "started_at": micros(record.started_at),
        "ended_at": None,
        "rows": None,
        "bytes": None,
        "outcome": "",
    }


def _ended(end: ReadEnd) -> Mapping[str, Any]:
    return {
        "read": end.id,
        "at": micros(end.ended_at),
        "row_count": end.rows,
        "byte_count": end.bytes,
        "end": end.outcome,
    }


def _access(row: Sequence[Any]) -> AccessRecord:
    id, dataset, reader, via, act, agreement, columns, tree_size, question = row[:9]
    started_at, ended_at, rows, size, outcome = row[9:]
    return AccessRecord(
        id=id,
        dataset=DatasetId.parse(dataset),
        reader=AgencyId.parse(reader),
        via=via,
        act=act,
        agreement=agreement,
        columns=tuple(json.loads(columns)),
        tree_size=tree_size,
        question=question,
        started_at=instant(started_at),
        ended_at=None if ended_at is None else instant(ended_at),
        rows=rows,
        bytes=size,
        outcome=outcome,
    )
