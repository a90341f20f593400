"""Steps (5) and (6) of publish: from bytes to a verdict, without trusting a single one of them."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from exchange.batch.manifest import Kind, Manifest, MediaType, format_instant
from exchange.batch.parquet import inspect, read_groups, read_small
from exchange.batch.text import encode_text
from exchange.contract.check import CheckResult, CompiledCheck
from exchange.contract.model import Contract, Rule, Severity
from exchange.errors import ContractRefusedError, FieldViolation, InvalidInputError
from exchange.ids import digest_of
from exchange.settings import Limit

_EXAMPLES = 20


@dataclass(frozen=True, slots=True)
class Checked:
    """A batch after its check: the Parquet to store, what was found, and the report object, if any."""

    parquet: Path | bytes
    digest: str
    size: int
    encoded_by_hub: bool
    result: CheckResult
    report: bytes | None
    contract_digest: str
    scratch: Path | None = None

    def stored_json(self) -> dict[str, Any]:
        """The entry's `object` member."""
        by = "hub" if self.encoded_by_hub else "publisher"
        return {"bytes": self.size, "digest": self.digest, "encoded_by": by}

    def verdict_json(self) -> dict[str, Any]:
        """The entry's `verdict` member."""
        found = self.result
        return {
            "accepted": found.accepted,
            "contract_digest": self.contract_digest,
            "counts": {rule: rows for rule, rows in sorted(found.counts.items()) if rows},
            "period": found.period
            and {"from": format_instant(found.period[0]), "until": format_instant(found.period[1])},
            "rejected": found.rejected,
            "report": digest_of(self.report) if self.report is not None else None,
            "rows": found.rows,
        }

    def examples(self, contract: Contract) -> tuple[FieldViolation, ...]:
        """The first violations, as an error carries them."""
        rules = {rule.id: rule for rule in contract.rules}
        return tuple(
            FieldViolation(
                row["column"],
                row["rule"],
                _said(rules[row["rule"]], row["value"]) if row["rule"] in rules else str(row["value"]),
                row["row"],
            )
            for row in self.result.violations.slice(0, _EXAMPLES).to_pylist()
        )

    def close(self) -> None:
        """Remove the hub's own encoding, where it was not moved into the store."""
        if self.scratch is not None:
            self.scratch.unlink(missing_ok=True)


def _said(rule: Rule, value: str | None) -> str:
    return f"{rule.zh.rstrip('。')} / {rule.en.rstrip('.')} · {value}"


def check_batch(
    source: Path | bytes, manifest: Manifest, check: CompiledCheck, limit: Limit, spool: Path
) -> Checked:
    """Check a batch against limits and contract; raises InvalidInputError and its kin, never anything else."""
    require_seal(manifest, check.contract)
    if manifest.kind is Kind.RETRACTION:
        check = CompiledCheck(key_contract(check.contract), {})
    if manifest.media_type is MediaType.PARQUET:
        return _check_parquet(source, manifest, check, limit)
    return _encode_and_check(source, manifest, check, limit, spool)


def check_single_rows(
    batches: Sequence[tuple[bytes, Manifest]], check: CompiledCheck, limit: Limit
) -> list[Checked | None]:
    """Batches of one row under one contract, checked as one; None for each that has to be looked at by itself.

    That is every batch with anything wrong: `check_batch` then says what.
    """
    rows: list[tuple[int, pa.RecordBatch]] = []
    for at, (source, manifest) in enumerate(batches):
        try:
            footer = inspect(source, limit)
            if footer.rows == manifest.rows == 1 and not check.contract.sealed_columns:
                rows.extend((at, batch) for batch in read_small(source, footer))
        except InvalidInputError:
            continue
    checked: list[Checked | None] = [None] * len(batches)
    for same in _alike(rows):
        whole = pa.Table.from_batches([batch for _, batch in same]).combine_chunks().to_batches()[0]
        try:
            results = check.spotless(whole)
        except InvalidInputError:
            continue
        for (at, _), result in zip(same, results, strict=True):
            if result is not None and _fits_period(result, batches[at][1]):
                checked[at] = _as_sent(*batches[at], check, result)
    return checked


def _alike(rows: Sequence[tuple[int, pa.RecordBatch]]) -> Sequence[Sequence[tuple[int, pa.RecordBatch]]]:
    """Batches put together by their schemas."""
    found: list[list[tuple[int, pa.RecordBatch]]] = []
    for at, batch in rows:
        for same in found:
            if same[0][1].schema.equals(batch.schema):
                same.append((at, batch))
                break
        else:
            found.append([(at, batch)])
    return found


def _as_sent(source: Path | bytes, manifest: Manifest, check: CompiledCheck, result: CheckResult) -> Checked:
    return Checked(
        parquet=source,
        digest=manifest.digest,
        size=manifest.bytes,
        encoded_by_hub=False,
        result=result,
        report=report_of(result, check.contract),
        contract_digest=check.contract.digest,
    )


def _check_parquet(source: Path | bytes, manifest: Manifest, check: CompiledCheck, limit: Limit) -> Checked:
    footer = inspect(source, limit)  # (5)
    if footer.rows != manifest.rows:
        raise InvalidInputError(f"the batch has {footer.rows} rows, its manifest says {manifest.rows}")
    run = check.start()
    run.feed_all(_sealed(read_groups(source, check.contract, limit, footer), manifest))  # (6)
    result = run.finish(lambda: read_groups(source, check.contract, limit, footer))
    _check_period(result, manifest)
    return _as_sent(source, manifest, check, result)


def _encode_and_check(
    source: Path | bytes, manifest: Manifest, check: CompiledCheck, limit: Limit, spool: Path
) -> Checked:
    handle, name = tempfile.mkstemp(dir=spool, prefix="encode-")
    os.close(handle)
    target = Path(name)
    try:
        encoded = encode_text(source, manifest.media_type, check.contract, limit, target)
        if manifest.rows is not None and encoded.rows != manifest.rows:
            raise InvalidInputError(f"the batch has {encoded.rows} rows, its manifest says {manifest.rows}")
        run = check.start()
        run.feed_all(_sealed(read_groups(target, check.contract, limit), manifest))
        run.add_violations(encoded.violations)
        result = run.finish(lambda: read_groups(target, check.contract, limit))
        _check_period(result, manifest)
        with target.open("rb") as file:
            digest = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return Checked(
        parquet=target,
        digest=digest,
        size=target.stat().st_size,
        encoded_by_hub=True,
        result=result,
        report=report_of(result, check.contract),
        contract_digest=check.contract.digest,
        scratch=target,
    )


def require_seal(manifest: Manifest, contract: Contract) -> None:
    """Whether the manifest's seal is possible under the contract; raises InvalidInputError."""
    if manifest.seal is None:
        return
    odd = sorted(set(manifest.seal.columns) - set(contract.sealed_columns))
    if odd or manifest.seal.checked != contract.digest or manifest.media_type is not MediaType.PARQUET:
        raise InvalidInputError(
            "密封与合同不符 / the manifest's seal does not fit the contract: Parquet, restricted columns, and the "
            f"digest of {contract.ref}",
            violations=[FieldViolation(name, "seal", "not a restricted column") for name in odd],
        )


def check_seals(batch: pa.RecordBatch, manifest: Manifest) -> None:
    """Whether every cell of a sealed column is one under the manifest's key; raises ContractRefusedError.

    A hub cannot look inside. This keeps out what a publisher forgot to seal.
    """
    sealed = set(manifest.seal.columns) if manifest.seal else set()
    short = bytes.fromhex(manifest.seal.key.removeprefix("seal-1:"))[:8] if manifest.seal else b""
    for name, array in zip(batch.schema.names, batch.columns, strict=True):
        if pa.types.is_binary(array.type) and array.null_count < len(array):
            head = pc.binary_slice(array, 0, len(short)) if name in sealed else None
            if head is None or not pc.all(pc.equal(head, pa.scalar(short, pa.binary()))).as_py():
                raise ContractRefusedError(
                    f"列 {name} 未密封 / column {name} is not sealed under the manifest's key",
                    violations=[FieldViolation(name, "seal", "seal it before publishing, or leave it empty")],
                )


def _sealed(batches: Iterable[pa.RecordBatch], manifest: Manifest) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        check_seals(batch, manifest)
        yield batch


def _fits_period(result: CheckResult, manifest: Manifest) -> bool:
    if manifest.period is None or result.period is None:
        return True
    return manifest.period.start <= result.period[0] and result.period[1] <= manifest.period.until


def _check_period(result: CheckResult, manifest: Manifest) -> None:
    if not _fits_period(result, manifest):
        assert result.period is not None
        first, last = result.period
        raise ContractRefusedError(
            f"rows from {format_instant(first)} to {format_instant(last)} lie outside the manifest's period"
        )


def report_of(result: CheckResult, contract: Contract) -> bytes | None:
    """Every violation as a Parquet object: row, rule, column, value, severity; None where there is none."""
    found = result.violations
    if not found.num_rows:
        return None
    severity = {rule.id: rule.severity.value for rule in contract.rules}
    rules = found.column("rule").cast(pa.string()).combine_chunks().dictionary_encode()
    if isinstance(rules, pa.ChunkedArray):
        rules = rules.combine_chunks()
    names = [severity.get(rule, Severity.ERROR.value) for rule in rules.dictionary.to_pylist()]
    table = found.append_column("severity", pc.take(pa.array(names, pa.string()), rules.indices))
    sink = io.BytesIO()
    compression = "zstd" if table.num_rows > 1000 else "none"
    pq.write_table(table, sink, compression=compression, store_schema=False)
    return sink.getvalue()


def key_contract(contract: Contract) -> Contract:
    """What a retraction's rows must be: the primary key, and nothing else."""
    keys = set(contract.primary_key)
    return replace(
        contract,
        columns=tuple(column for column in contract.columns if column.name in keys),
        rules=tuple(
            rule for rule in contract.rules if set(rule.columns) <= keys and rule.kind != "reference"
        ),
        references=(),
        time_column=contract.time_column if contract.time_column in keys else None,
        section_column=contract.section_column if contract.section_column in keys else None,
    )
