import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CompatibilityLevel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COMPATIBILITY_LEVEL_UNSPECIFIED: _ClassVar[CompatibilityLevel]
    COMPATIBILITY_LEVEL_NONE: _ClassVar[CompatibilityLevel]
    COMPATIBILITY_LEVEL_BACKWARD: _ClassVar[CompatibilityLevel]
    COMPATIBILITY_LEVEL_FORWARD: _ClassVar[CompatibilityLevel]
    COMPATIBILITY_LEVEL_FULL: _ClassVar[CompatibilityLevel]

class Sharing(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SHARING_UNSPECIFIED: _ClassVar[Sharing]
    SHARING_UNCONDITIONAL: _ClassVar[Sharing]
    SHARING_CONDITIONAL: _ClassVar[Sharing]
    SHARING_WITHHELD: _ClassVar[Sharing]
COMPATIBILITY_LEVEL_UNSPECIFIED: CompatibilityLevel
COMPATIBILITY_LEVEL_NONE: CompatibilityLevel
COMPATIBILITY_LEVEL_BACKWARD: CompatibilityLevel
COMPATIBILITY_LEVEL_FORWARD: CompatibilityLevel
COMPATIBILITY_LEVEL_FULL: CompatibilityLevel
SHARING_UNSPECIFIED: Sharing
SHARING_UNCONDITIONAL: Sharing
SHARING_CONDITIONAL: Sharing
SHARING_WITHHELD: Sharing

class GetHubRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetHubResponse(_message.Message):
    __slots__ = ("jurisdiction", "log_key", "statement_key", "version")
    JURISDICTION_FIELD_NUMBER: _ClassVar[int]
    LOG_KEY_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_KEY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    jurisdiction: str
    log_key: str
    statement_key: str
    version: str
    def __init__(self, jurisdiction: _Optional[str] = ..., log_key: _Optional[str] = ..., statement_key: _Optional[str] = ..., version: _Optional[str] = ...) -> None: ...

class Contract(_message.Message):
    __slots__ = ("ref", "digest", "title_zh", "title_en", "steward", "registered_at", "index")
    REF_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    TITLE_ZH_FIELD_NUMBER: _ClassVar[int]
    TITLE_EN_FIELD_NUMBER: _ClassVar[int]
    STEWARD_FIELD_NUMBER: _ClassVar[int]
    REGISTERED_AT_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    ref: str
    digest: str
    title_zh: str
    title_en: str
    steward: str
    registered_at: _timestamp_pb2.Timestamp
    index: int
    def __init__(self, ref: _Optional[str] = ..., digest: _Optional[str] = ..., title_zh: _Optional[str] = ..., title_en: _Optional[str] = ..., steward: _Optional[str] = ..., registered_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., index: _Optional[int] = ...) -> None: ...

class ListContractsRequest(_message.Message):
    __slots__ = ("all_versions",)
    ALL_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    all_versions: bool
    def __init__(self, all_versions: _Optional[bool] = ...) -> None: ...

class ListContractsResponse(_message.Message):
    __slots__ = ("contracts",)
    CONTRACTS_FIELD_NUMBER: _ClassVar[int]
    contracts: _containers.RepeatedCompositeFieldContainer[Contract]
    def __init__(self, contracts: _Optional[_Iterable[_Union[Contract, _Mapping]]] = ...) -> None: ...

class GetContractRequest(_message.Message):
    __slots__ = ("ref",)
    REF_FIELD_NUMBER: _ClassVar[int]
    ref: str
    def __init__(self, ref: _Optional[str] = ...) -> None: ...

class GetContractResponse(_message.Message):
    __slots__ = ("contract", "yaml")
    CONTRACT_FIELD_NUMBER: _ClassVar[int]
    YAML_FIELD_NUMBER: _ClassVar[int]
    contract: Contract
    yaml: bytes
    def __init__(self, contract: _Optional[_Union[Contract, _Mapping]] = ..., yaml: _Optional[bytes] = ...) -> None: ...

class RegisterContractRequest(_message.Message):
    __slots__ = ("yaml", "envelope")
    YAML_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    yaml: bytes
    envelope: bytes
    def __init__(self, yaml: _Optional[bytes] = ..., envelope: _Optional[bytes] = ...) -> None: ...

class RegisterContractResponse(_message.Message):
    __slots__ = ("contract", "compatibility", "receipt")
    CONTRACT_FIELD_NUMBER: _ClassVar[int]
    COMPATIBILITY_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    contract: Contract
    compatibility: Compatibility
    receipt: str
    def __init__(self, contract: _Optional[_Union[Contract, _Mapping]] = ..., compatibility: _Optional[_Union[Compatibility, _Mapping]] = ..., receipt: _Optional[str] = ...) -> None: ...

class CompareContractRequest(_message.Message):
    __slots__ = ("yaml", "against")
    YAML_FIELD_NUMBER: _ClassVar[int]
    AGAINST_FIELD_NUMBER: _ClassVar[int]
    yaml: bytes
    against: str
    def __init__(self, yaml: _Optional[bytes] = ..., against: _Optional[str] = ...) -> None: ...

class CompareContractResponse(_message.Message):
    __slots__ = ("compatibility",)
    COMPATIBILITY_FIELD_NUMBER: _ClassVar[int]
    compatibility: Compatibility
    def __init__(self, compatibility: _Optional[_Union[Compatibility, _Mapping]] = ...) -> None: ...

class Compatibility(_message.Message):
    __slots__ = ("level", "required", "breaks", "against")
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    BREAKS_FIELD_NUMBER: _ClassVar[int]
    AGAINST_FIELD_NUMBER: _ClassVar[int]
    level: CompatibilityLevel
    required: CompatibilityLevel
    breaks: _containers.RepeatedCompositeFieldContainer[ContractBreak]
    against: str
    def __init__(self, level: _Optional[_Union[CompatibilityLevel, str]] = ..., required: _Optional[_Union[CompatibilityLevel, str]] = ..., breaks: _Optional[_Iterable[_Union[ContractBreak, _Mapping]]] = ..., against: _Optional[str] = ...) -> None: ...

class ContractBreak(_message.Message):
    __slots__ = ("kind", "column", "breaks", "zh", "en")
    KIND_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    BREAKS_FIELD_NUMBER: _ClassVar[int]
    ZH_FIELD_NUMBER: _ClassVar[int]
    EN_FIELD_NUMBER: _ClassVar[int]
    kind: str
    column: str
    breaks: CompatibilityLevel
    zh: str
    en: str
    def __init__(self, kind: _Optional[str] = ..., column: _Optional[str] = ..., breaks: _Optional[_Union[CompatibilityLevel, str]] = ..., zh: _Optional[str] = ..., en: _Optional[str] = ...) -> None: ...

class Dataset(_message.Message):
    __slots__ = ("id", "contract", "sharing", "batches", "rows_accepted", "rows_rejected", "period_from", "period_until", "updated_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_FIELD_NUMBER: _ClassVar[int]
    SHARING_FIELD_NUMBER: _ClassVar[int]
    BATCHES_FIELD_NUMBER: _ClassVar[int]
    ROWS_ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    ROWS_REJECTED_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FROM_FIELD_NUMBER: _ClassVar[int]
    PERIOD_UNTIL_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    contract: str
    sharing: Sharing
    batches: int
    rows_accepted: int
    rows_rejected: int
    period_from: _timestamp_pb2.Timestamp
    period_until: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., contract: _Optional[str] = ..., sharing: _Optional[_Union[Sharing, str]] = ..., batches: _Optional[int] = ..., rows_accepted: _Optional[int] = ..., rows_rejected: _Optional[int] = ..., period_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., period_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListDatasetsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "owner", "contract")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    owner: str
    contract: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., owner: _Optional[str] = ..., contract: _Optional[str] = ...) -> None: ...

class ListDatasetsResponse(_message.Message):
    __slots__ = ("datasets", "next_page_token")
    DATASETS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    datasets: _containers.RepeatedCompositeFieldContainer[Dataset]
    next_page_token: str
    def __init__(self, datasets: _Optional[_Iterable[_Union[Dataset, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetDatasetRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class GetDatasetResponse(_message.Message):
    __slots__ = ("dataset",)
    DATASET_FIELD_NUMBER: _ClassVar[int]
    dataset: Dataset
    def __init__(self, dataset: _Optional[_Union[Dataset, _Mapping]] = ...) -> None: ...
