"""What a hub remembers beside its ledger: who read what, who cosigned, what it witnessed, and what went wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import takewhile
from typing import Any, Final

from exchange.ids import AgencyId, DatasetId
from exchange.ports import AccessRecord, Alarm
from exchange.store.sql.row import instant, micros
from exchange.store.sql.statement import BEYOND, Statements

Ask = Callable[[str, Mapping[str, Any]], Sequence[Sequence[Any]]]
Change = Callable[[str, Mapping[str, Any], str], int]
# the character after "/", and what ends the range of a single dataset
_AFTER_SLASH: Final = "0"
_WITNESSES: Final = 64


class SqlFederationStore:
    """AccessLog and WitnessStore."""

    def __init__(self, ask: Ask, change: Change, sql: Statements) -> None:
        self._ask = ask
        self._change = change
        self._sql = sql

    def begin_read(self, record: AccessRecord) -> None:
        row = {
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
        self._change(self._sql.begin_read, row, "record the read")

    def end_read(self, id: str, ended_at: datetime, rows: int, bytes: int, outcome: str) -> None:
        row = {"read": id, "at": micros(ended_at), "row_count": rows, "byte_count": bytes, "end": outcome}
        self._change(self._sql.end_read, row, "record the end of the read")

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
