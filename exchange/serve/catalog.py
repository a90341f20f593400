"""CatalogService: the hub, its contracts, its datasets."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import grpc

from exchange import wire
from exchange.flow.catalog import Catalogue, Judged
from exchange.flow.link import Neighbour
from exchange.flow.links import Neighbours
from exchange.flow.registry import ContractRegistry
from exchange.flow.search import Searcher
from exchange.ids import AgencyId, ContractRef, DatasetId
from exchange.ports import Clock, ContractRecord, DatasetRecord, LedgerStore
from exchange.serve.caller import Gate
from exchange.serve.search import answer
from exchange.serve.status import answers
from exchange.settings import Limit
from exchange.v1 import catalog_pb2, catalog_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True)
class HubFacts:
    """What the hub says of itself."""

    jurisdiction: str
    log_key: str
    statement_key: str
    version: str
    log_mldsa_key: str
    witness_key: str


class CatalogServicer(catalog_pb2_grpc.CatalogServiceServicer):
    """Every member may read the catalogue."""

    def __init__(
        self,
        gate: Gate,
        facts: HubFacts,
        neighbours: Neighbours,
        ledger: LedgerStore,
        contracts: ContractRegistry,
        catalogue: Catalogue,
        searcher: Searcher,
        clock: Clock,
        limit: Limit,
    ) -> None:
        self._gate = gate
        self._facts = facts
        self._neighbours = neighbours
        self._ledger = ledger
        self._contracts = contracts
        self._catalogue = catalogue
        self._searcher = searcher
        self._clock = clock
        self._limit = limit

    @answers
    async def GetHub(
        self, request: catalog_pb2.GetHubRequest, context: Context
    ) -> catalog_pb2.GetHubResponse:
        self._gate.agency(context)
        peers = await asyncio.to_thread(self._neighbours)
        return catalog_pb2.GetHubResponse(
            jurisdiction=self._facts.jurisdiction,
            log_key=self._facts.log_key,
            statement_key=self._facts.statement_key,
            version=self._facts.version,
            log_mldsa_key=self._facts.log_mldsa_key,
            witness_key=self._facts.witness_key,
            peers=[_keys(each) for _, each in sorted(peers.items())],
        )

    @answers
    async def ListContracts(
        self, request: catalog_pb2.ListContractsRequest, context: Context
    ) -> catalog_pb2.ListContractsResponse:
        self._gate.agency(context)
        records = await asyncio.to_thread(self._ledger.contracts)
        if not request.all_versions:
            newest = {record.ref.name: record for record in sorted(records, key=lambda item: item.ref)}
            records = list(newest.values())
        return catalog_pb2.ListContractsResponse(
            contracts=[wire.contract(record, self._contracts.get(record.ref)) for record in records]
        )

    @answers
    async def GetContract(
        self, request: catalog_pb2.GetContractRequest, context: Context
    ) -> catalog_pb2.GetContractResponse:
        self._gate.agency(context)
        record = await asyncio.to_thread(self._find, request.ref)
        parsed = self._contracts.get(record.ref)
        return catalog_pb2.GetContractResponse(contract=wire.contract(record, parsed), yaml=record.text)

    def _find(self, text: str) -> ContractRecord:
        if "@" not in text:
            return self._contracts.newest_record(text)
        ref = ContractRef.parse(text)
        self._contracts.get(ref)
        return next(record for record in self._ledger.contracts(ref.name) if record.ref == ref)

    @answers
    async def RegisterContract(
        self, request: catalog_pb2.RegisterContractRequest, context: Context
    ) -> catalog_pb2.RegisterContractResponse:
        caller = self._gate.agency(context)
        judged, appended = await asyncio.to_thread(
            self._catalogue.register, caller, request.yaml, request.envelope
        )
        record = appended.record
        assert isinstance(record, ContractRecord)
        return catalog_pb2.RegisterContractResponse(
            contract=wire.contract(record, judged.contract),
            compatibility=_compatibility(judged, judged.allowed),
            receipt=appended.receipt,
        )

    @answers
    async def CompareContract(
        self, request: catalog_pb2.CompareContractRequest, context: Context
    ) -> catalog_pb2.CompareContractResponse:
        caller = self._gate.agency(context)
        against = wire.contract_or_none(request.against)
        judged = await asyncio.to_thread(self._catalogue.judge, request.yaml, against)
        seen = judged.seen_by(caller, self._facts.jurisdiction)
        return catalog_pb2.CompareContractResponse(compatibility=_compatibility(seen, judged.allowed))

    @answers
    async def ListDatasets(
        self, request: catalog_pb2.ListDatasetsRequest, context: Context
    ) -> catalog_pb2.ListDatasetsResponse:
        self._gate.agency(context)
        size = min(request.page_size or 100, self._limit.page)
        owner = AgencyId.parse(request.owner) if request.owner else None
        found = await asyncio.to_thread(
            self._ledger.datasets, owner, request.contract or None, request.page_token, size
        )
        return catalog_pb2.ListDatasetsResponse(
            datasets=[self._dataset(record) for record in found],
            next_page_token=str(found[-1].id) if len(found) == size else "",
        )

    @answers
    async def GetDataset(
        self, request: catalog_pb2.GetDatasetRequest, context: Context
    ) -> catalog_pb2.GetDatasetResponse:
        self._gate.agency(context)
        record = await asyncio.to_thread(self._ledger.dataset, DatasetId.parse(request.id))
        return catalog_pb2.GetDatasetResponse(dataset=self._dataset(record))

    @answers
    async def SearchDatasets(
        self, request: catalog_pb2.SearchDatasetsRequest, context: Context
    ) -> catalog_pb2.SearchDatasetsResponse:
        caller = self._gate.agency(context)
        return await asyncio.to_thread(answer, self._searcher, caller, request, self._clock, self._limit)

    def _dataset(self, record: DatasetRecord) -> catalog_pb2.Dataset:
        return wire.dataset(record, self._contracts.get(record.contract).sharing)


def _keys(peer: Neighbour) -> catalog_pb2.PeerKeys:
    return catalog_pb2.PeerKeys(
        jurisdiction=peer.hub,
        log_key=str(peer.log[0]),
        log_mldsa_key="".join(map(str, peer.log[1:])),
        statement_key=str(peer.statement),
        witness_key=str(peer.witness or ""),
    )


def _compatibility(judged: Judged, allowed: bool) -> catalog_pb2.Compatibility | None:
    if judged.verdict is None:
        return None
    return catalog_pb2.Compatibility(
        level=wire.compatibility_level(judged.verdict.level),
        required=wire.compatibility_level(judged.contract.compatibility),
        against=str(judged.against),
        breaks=wire.contract_breaks(judged.verdict),
        consumers=[
            catalog_pb2.ContractConsumer(
                agency=str(each.consumer),
                agreement=each.agreement,
                contract=str(each.contract),
                level=wire.compatibility_level(each.verdict.level),
                breaks=wire.contract_breaks(each.verdict),
            )
            for each in judged.consumers
        ],
        allowed=allowed,
    )
