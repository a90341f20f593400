import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Encoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENCODING_UNSPECIFIED: _ClassVar[Encoding]
    ENCODING_PARQUET: _ClassVar[Encoding]
    ENCODING_ARROW_STREAM: _ClassVar[Encoding]
    ENCODING_CSV: _ClassVar[Encoding]
    ENCODING_NDJSON: _ClassVar[Encoding]

class BatchKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BATCH_KIND_UNSPECIFIED: _ClassVar[BatchKind]
    BATCH_KIND_OBSERVATION: _ClassVar[BatchKind]
    BATCH_KIND_CORRECTION: _ClassVar[BatchKind]
    BATCH_KIND_RETRACTION: _ClassVar[BatchKind]

class Severity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEVERITY_UNSPECIFIED: _ClassVar[Severity]
    SEVERITY_INFO: _ClassVar[Severity]
    SEVERITY_WARNING: _ClassVar[Severity]
    SEVERITY_ERROR: _ClassVar[Severity]
    SEVERITY_BLOCKER: _ClassVar[Severity]
ENCODING_UNSPECIFIED: Encoding
ENCODING_PARQUET: Encoding
ENCODING_ARROW_STREAM: Encoding
ENCODING_CSV: Encoding
ENCODING_NDJSON: Encoding
BATCH_KIND_UNSPECIFIED: BatchKind
BATCH_KIND_OBSERVATION: BatchKind
BATCH_KIND_CORRECTION: BatchKind
BATCH_KIND_RETRACTION: BatchKind
SEVERITY_UNSPECIFIED: Severity
SEVERITY_INFO: Severity
SEVERITY_WARNING: Severity
SEVERITY_ERROR: Severity
SEVERITY_BLOCKER: Severity

class AsOf(_message.Message):
    __slots__ = ("tree_size", "instant")
    TREE_SIZE_FIELD_NUMBER: _ClassVar[int]
    INSTANT_FIELD_NUMBER: _ClassVar[int]
    tree_size: int
    instant: _timestamp_pb2.Timestamp
    def __init__(self, tree_size: _Optional[int] = ..., instant: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RuleCount(_message.Message):
    __slots__ = ("rule", "severity", "rows", "zh", "en")
    RULE_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    ZH_FIELD_NUMBER: _ClassVar[int]
    EN_FIELD_NUMBER: _ClassVar[int]
    rule: str
    severity: Severity
    rows: int
    zh: str
    en: str
    def __init__(self, rule: _Optional[str] = ..., severity: _Optional[_Union[Severity, str]] = ..., rows: _Optional[int] = ..., zh: _Optional[str] = ..., en: _Optional[str] = ...) -> None: ...

class Violation(_message.Message):
    __slots__ = ("row", "rule", "column", "value")
    ROW_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    row: int
    rule: str
    column: str
    value: str
    def __init__(self, row: _Optional[int] = ..., rule: _Optional[str] = ..., column: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class Verdict(_message.Message):
    __slots__ = ("rows", "accepted", "rejected", "counts", "examples", "report")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    rows: int
    accepted: int
    rejected: int
    counts: _containers.RepeatedCompositeFieldContainer[RuleCount]
    examples: _containers.RepeatedCompositeFieldContainer[Violation]
    report: str
    def __init__(self, rows: _Optional[int] = ..., accepted: _Optional[int] = ..., rejected: _Optional[int] = ..., counts: _Optional[_Iterable[_Union[RuleCount, _Mapping]]] = ..., examples: _Optional[_Iterable[_Union[Violation, _Mapping]]] = ..., report: _Optional[str] = ...) -> None: ...

class Batch(_message.Message):
    __slots__ = ("id", "index", "dataset", "contract", "kind", "object", "object_bytes", "source", "encoded_by_hub", "recorded_at", "period_from", "period_until", "verdict")
    ID_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    OBJECT_BYTES_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    ENCODED_BY_HUB_FIELD_NUMBER: _ClassVar[int]
    RECORDED_AT_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FROM_FIELD_NUMBER: _ClassVar[int]
    PERIOD_UNTIL_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    id: str
    index: int
    dataset: str
    contract: str
    kind: BatchKind
    object: str
    object_bytes: int
    source: str
    encoded_by_hub: bool
    recorded_at: _timestamp_pb2.Timestamp
    period_from: _timestamp_pb2.Timestamp
    period_until: _timestamp_pb2.Timestamp
    verdict: Verdict
    def __init__(self, id: _Optional[str] = ..., index: _Optional[int] = ..., dataset: _Optional[str] = ..., contract: _Optional[str] = ..., kind: _Optional[_Union[BatchKind, str]] = ..., object: _Optional[str] = ..., object_bytes: _Optional[int] = ..., source: _Optional[str] = ..., encoded_by_hub: _Optional[bool] = ..., recorded_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., period_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., period_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., verdict: _Optional[_Union[Verdict, _Mapping]] = ...) -> None: ...

class StreamHeader(_message.Message):
    __slots__ = ("tree_size", "encoding", "contract", "columns")
    TREE_SIZE_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    tree_size: int
    encoding: Encoding
    contract: str
    columns: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, tree_size: _Optional[int] = ..., encoding: _Optional[_Union[Encoding, str]] = ..., contract: _Optional[str] = ..., columns: _Optional[_Iterable[str]] = ...) -> None: ...

class StreamTrailer(_message.Message):
    __slots__ = ("envelope",)
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    envelope: bytes
    def __init__(self, envelope: _Optional[bytes] = ...) -> None: ...
