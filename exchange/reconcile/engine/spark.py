"""A Spark cluster, by the address of its master.

Files that are given must be readable by every worker under the same path, as on a shared disk or `s3a://`. Extra
`spark`; Java 17 or later.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

import ibis
import pyarrow as pa
from ibis.backends.sql.compilers import PySparkCompiler
from ibis.config import Config
from ibis.expr.types import Table
from pyspark.sql import SparkSession

from exchange.reconcile.engine.protocol import Source

_SETTINGS: Final = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "false",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


class _Options(Config):  # type: ignore[misc] # ibis has no types
    """What ibis sets when its own backend for Spark is loaded; only its compiler is needed here."""

    treat_nan_as_null: bool = False


class SparkEngine:
    """`master` as spark://host:port; `settings` go to Spark as they are."""

    def __init__(self, master: str, settings: Mapping[str, str] | None = None) -> None:
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        builder = SparkSession.builder.master(master).appName("hechuan reconcile")
        for name, value in {**_SETTINGS, **(settings or {})}.items():
            builder = builder.config(name, value)
        self._session = builder.getOrCreate()
        ibis.options.pyspark = _Options()
        self._compiler = PySparkCompiler()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the cluster back."""
        self._session.stop()

    def give(self, name: str, rows: Source) -> Table:
        """A view over files, or over a table sent to the cluster."""
        if isinstance(rows, pa.Table):
            frame = self._session.createDataFrame(rows)
            schema = rows.schema
        else:
            frame = self._session.read.parquet(*map(str, rows))
            schema = _utc(frame.limit(0).toArrow().schema)
        frame.createOrReplaceTempView(name)
        return ibis.table(ibis.Schema.from_pyarrow(schema), name=name)

    def keep(self, name: str, expression: Table) -> Table:
        """Computed by the workers and kept there; a worker that dies takes the comparison with it.

        A checkpoint forgets how its rows came about. Merely persisted, each table carries the plans of all before
        it, and the driver spends minutes writing them out.
        """
        frame = self._frame(expression).localCheckpoint(eager=True)
        frame.createOrReplaceTempView(name)
        return ibis.table(expression.schema(), name=name)

    def name(self, name: str, expression: Table) -> Table:
        """A view."""
        self._frame(expression).createOrReplaceTempView(name)
        return ibis.table(expression.schema(), name=name)

    def table(self, expression: Table) -> pa.Table:
        """Into memory."""
        return self._frame(expression).toArrow().cast(expression.schema().to_pyarrow())

    def batches(self, expression: Table) -> Iterator[pa.RecordBatch]:
        """Into memory, then piece by piece: Spark hands Arrow over whole."""
        yield from self.table(expression).to_batches()

    def workers(self) -> int:
        """How many processes the cluster has given this session to compute with."""
        context: Any = self._session.sparkContext
        # the driver is counted among them
        return int(context._jsc.sc().getExecutorMemoryStatus().size()) - 1

    def _frame(self, expression: Table) -> Any:
        text = self._compiler.to_sqlglot(expression).sql(dialect=self._compiler.dialect)
        return self._session.sql(text)


def _utc(schema: pa.Schema) -> pa.Schema:
    """Spark's instants are in the session's time zone, which is UTC."""
    fields: Sequence[Any] = [
        field.with_type(pa.timestamp("us", tz="UTC")) if pa.types.is_timestamp(field.type) else field
        for field in schema
    ]
    return pa.schema(fields)
