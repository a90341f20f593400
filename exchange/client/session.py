"""An open channel to one hub, with what every call needs: stubs, profile, contracts."""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final, Self

import grpc

from exchange.client.call import retried
from exchange.client.profile import Profile
from exchange.contract.load import load_contract
from exchange.contract.model import Contract
from exchange.trust.seal import BatchKey
from exchange.v1 import (
    agreement_pb2_grpc,
    catalog_pb2,
    catalog_pb2_grpc,
    exchange_pb2,
    exchange_pb2_grpc,
    ledger_pb2_grpc,
    member_pb2_grpc,
    patrol_pb2_grpc,
    referral_pb2_grpc,
    report_pb2_grpc,
    seal_pb2_grpc,
    settlement_pb2_grpc,
    steward_pb2_grpc,
)

_PUBLISH: Final = "/exchange.v1.ExchangeService/Publish"


class Session(AbstractContextManager["Session"]):
    """Stubs over one channel; closed when the context ends."""

    def __init__(self, profile: Profile, channel: grpc.Channel) -> None:
        self.profile = profile
        self.channel = channel
        self.exchange = exchange_pb2_grpc.ExchangeServiceStub(channel)
        # Publish with one message: the same on the wire, and without a thread that feeds a stream
        self.publish_one: grpc.UnaryUnaryMultiCallable[
            exchange_pb2.PublishRequest, exchange_pb2.PublishResponse
        ] = channel.unary_unary(
            _PUBLISH,
            request_serializer=exchange_pb2.PublishRequest.SerializeToString,
            response_deserializer=exchange_pb2.PublishResponse.FromString,
        )
        self.catalog = catalog_pb2_grpc.CatalogServiceStub(channel)
        self.ledger = ledger_pb2_grpc.LedgerServiceStub(channel)
        self.member = member_pb2_grpc.MemberServiceStub(channel)
        self.agreement = agreement_pb2_grpc.AgreementServiceStub(channel)
        self.referral = referral_pb2_grpc.ReferralServiceStub(channel)
        self.settlement = settlement_pb2_grpc.SettlementServiceStub(channel)
        self.report = report_pb2_grpc.ReportServiceStub(channel)
        self.patrol = patrol_pb2_grpc.PatrolServiceStub(channel)
        self.seal = seal_pb2_grpc.SealServiceStub(channel)
        self.steward = steward_pb2_grpc.StewardServiceStub(channel)
        # keys of sealed batches that this connection has been given; they go with it
        self.batch_keys: dict[str, BatchKey] = {}
        self._contracts: dict[str, Contract] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.channel.close()

    def contract(self, ref: str) -> Contract:
        """A contract as the hub has it: `<name>` for the newest version, or `<name>@<version>`."""
        if ref not in self._contracts:
            request = catalog_pb2.GetContractRequest(ref=ref)
            response = retried(lambda: self.catalog.GetContract(request, timeout=30))
            self._contracts[ref] = load_contract(response.yaml, vouched=True)
        return self._contracts[ref]
