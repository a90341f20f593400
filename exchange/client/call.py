"""Calls to a hub: its errors as ours, and retries that cannot duplicate."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from typing import Final, TypeVar, cast

import grpc
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from exchange import errors

_T = TypeVar("_T")
_FIELD: Final = re.compile(r"(?P<field>.*)\[(?P<row>\d+)\]")
_BY_CODE: Final = errors.kinds()
_BY_STATUS: Final = {
    grpc.StatusCode.UNAVAILABLE: errors.UnavailableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.UnavailableError,
    grpc.StatusCode.UNAUTHENTICATED: errors.UnauthenticatedError,
    grpc.StatusCode.PERMISSION_DENIED: errors.PermissionDeniedError,
    grpc.StatusCode.NOT_FOUND: errors.NotFoundError,
}


def error_of(error: grpc.RpcError) -> errors.HechuanError:
    """The hub's error as the class it was there."""
    call = cast(grpc.Call, error)  # what a stub raises is both
    status, code = rpc_status.from_call(call), call.code()
    if status is None:
        kind = _BY_STATUS.get(code, errors.HechuanError)
        return kind(f"{code.name}: {call.details()}")
    return error_in(status, _BY_STATUS.get(code, errors.HechuanError))


def error_in(status: status_pb2.Status, otherwise: type[errors.HechuanError]) -> errors.HechuanError:
    """The error that a status carries, as the class it was at the hub, or `otherwise` where that is not known here."""
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(bad)
    kind = _BY_CODE.get(info.reason, otherwise)
    violations = [_violation(item) for item in bad.field_violations]
    return kind(status.message, violations=violations, detail=dict(info.metadata))


def _violation(item: error_details_pb2.BadRequest.FieldViolation) -> errors.FieldViolation:
    match = _FIELD.fullmatch(item.field)
    field, row = (match["field"], int(match["row"])) if match else (item.field, None)
    return errors.FieldViolation(field, item.reason, item.description, row)


def retried(attempt: Callable[[], _T], tries: int = 5, first_wait: float = 0.2) -> _T:
    """Run an idempotent call again while its error says that this can help."""
    for left in reversed(range(tries)):
        try:
            return attempt()
        except grpc.RpcError as error:
            ours = error_of(error)
            if not ours.retryable or not left:
                raise ours from error
        time.sleep(first_wait * (0.5 + random.random()))
        first_wait *= 2
    raise AssertionError("unreachable")
