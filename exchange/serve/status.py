"""The one table from our errors to gRPC statuses, and the text that may leave the hub.

A status carries google.rpc.ErrorInfo (reason: our code, domain, metadata: detail) and google.rpc.BadRequest
(field, rule, row). Of an exception that is not ours only a correlation id leaves.
"""

from __future__ import annotations

import functools
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, NoReturn

import grpc
import structlog
from google.protobuf.any_pb2 import Any as AnyProto
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from exchange import errors
from exchange.serve import metrics

DOMAIN: Final = "hechuan"
_MAX_VIOLATIONS: Final = 50
_MAX_TEXT: Final = 500

_log = structlog.get_logger(__name__)

STATUS: Final[dict[type[errors.HechuanError], int]] = {
    errors.LimitExceededError: code_pb2.RESOURCE_EXHAUSTED,
    errors.ManifestExpiredError: code_pb2.FAILED_PRECONDITION,
    errors.ContractRefusedError: code_pb2.FAILED_PRECONDITION,
    errors.IncompatibleContractError: code_pb2.FAILED_PRECONDITION,
    errors.InvalidInputError: code_pb2.INVALID_ARGUMENT,
    errors.UnauthenticatedError: code_pb2.UNAUTHENTICATED,
    errors.SignatureInvalidError: code_pb2.PERMISSION_DENIED,
    errors.UntrustedError: code_pb2.PERMISSION_DENIED,
    errors.PermissionDeniedError: code_pb2.PERMISSION_DENIED,
    errors.WrongStateError: code_pb2.FAILED_PRECONDITION,
    errors.NotFoundError: code_pb2.NOT_FOUND,
    errors.ConflictError: code_pb2.ALREADY_EXISTS,
    errors.BusyError: code_pb2.RESOURCE_EXHAUSTED,
    errors.UnavailableError: code_pb2.UNAVAILABLE,
    errors.HechuanError: code_pb2.INTERNAL,
}


def status_of(error: Exception) -> status_pb2.Status:
    """The rich status of an error; what is not ours, and StorageError and the like, keep their text inside."""
    if not isinstance(error, errors.HechuanError):
        return _internal(error)
    code = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    if code == code_pb2.INTERNAL:
        return _internal(error)
    info = error_details_pb2.ErrorInfo(
        reason=error.code,
        domain=DOMAIN,
        metadata={name: value[:_MAX_TEXT] for name, value in error.detail.items()},
    )
    info.metadata["retryable"] = "true" if error.retryable else "false"
    status = status_pb2.Status(code=code, message=error.message[:_MAX_TEXT], details=[_packed(info)])
    if error.violations:
        bad = error_details_pb2.BadRequest(
            field_violations=[
                error_details_pb2.BadRequest.FieldViolation(
                    field=item.field if item.row is None else f"{item.field}[{item.row}]",
                    reason=item.rule,
                    description=item.description[:_MAX_TEXT],
                )
                for item in error.violations[:_MAX_VIOLATIONS]
            ]
        )
        status.details.append(_packed(bad))
    return status


def _internal(error: BaseException) -> status_pb2.Status:
    correlation = secrets.token_hex(8)
    _log.error("internal error", correlation_id=correlation, exc_info=error)
    info = error_details_pb2.ErrorInfo(
        reason="INTERNAL", domain=DOMAIN, metadata={"correlation_id": correlation, "retryable": "false"}
    )
    return status_pb2.Status(
        code=code_pb2.INTERNAL,
        message=f"internal error, correlation id {correlation}",
        details=[_packed(info)],
    )


def _packed(message: Any) -> AnyProto:
    out = AnyProto()
    out.Pack(message)
    return out


async def refuse(context: grpc.aio.ServicerContext[Any, Any], error: Exception) -> NoReturn:
    """End the call with the status of an error."""
    await context.abort_with_status(rpc_status.to_status(status_of(error)))
    raise AssertionError("abort returns")


def _code(error: Exception) -> str:
    return error.code if isinstance(error, errors.HechuanError) else "INTERNAL"


_Unary = Callable[[Any, Any, Any], Awaitable[Any]]
_Stream = Callable[[Any, Any, Any], AsyncIterator[Any]]


def answers(method: _Unary) -> _Unary:
    """Wrap a handler that returns one response: errors become statuses, the call is counted."""
    name = method.__name__

    @functools.wraps(method)
    async def wrapped(self: Any, request: Any, context: Any) -> Any:
        started, code = time.monotonic(), "CANCELLED"
        try:
            response = await method(self, request, context)
            code = "OK"
        except Exception as error:
            code = _code(error)
            await refuse(context, error)
        else:
            return response
        finally:
            metrics.ended(name, code, time.monotonic() - started)

    return wrapped


def streams(method: _Stream) -> _Stream:
    """Wrap a handler that yields responses; errors inside the generator count too."""
    name = method.__name__

    @functools.wraps(method)
    async def wrapped(self: Any, request: Any, context: Any) -> AsyncIterator[Any]:
        started, code = time.monotonic(), "CANCELLED"
        try:
            async for response in method(self, request, context):
                yield response
            code = "OK"
        except Exception as error:
            code = _code(error)
            await refuse(context, error)
        finally:
            metrics.ended(name, code, time.monotonic() - started)

    return wrapped
