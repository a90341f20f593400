"""ExchangeService: batches in, rows out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import replace
from typing import Any

import grpc

from exchange import wire
from exchange.batch.manifest import MediaType
from exchange.errors import MalformedError, UnavailableError
from exchange.flow.append import Appended, Outcome, receipt_of
from exchange.flow.grant import Asker, Grant, Granter
from exchange.flow.part import FetchedPart, envelope_of, read_part
from exchange.flow.publish import Admitted, Publisher
from exchange.flow.query import Answer, Question, Reader, TextCondition, Trailer
from exchange.flow.registry import ContractRegistry
from exchange.flow.witness import Notary
from exchange.ids import DatasetId, parse_case, parse_digest
from exchange.ports import BatchRecord, EntryKind, LedgerStore, ObjectStore, WitnessStore
from exchange.serve.caller import Gate
from exchange.serve.feed import Feed
from exchange.serve.route import Router
from exchange.serve.slots import Slots
from exchange.serve.status import answers, status_of, streams
from exchange.serve.thread import in_thread
from exchange.settings import Limit
from exchange.v1 import common_pb2, exchange_pb2, exchange_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]
_CHUNK = 1 << 20
_SPOOL_STEP = 4 << 20


class ExchangeServicer(exchange_pb2_grpc.ExchangeServiceServicer):
    """Thin: identity, conversion, threads; the work is in exchange.flow."""

    def __init__(
        self,
        gate: Gate,
        publisher: Publisher,
        reader: Reader,
        ledger: LedgerStore,
        objects: ObjectStore,
        contracts: ContractRegistry,
        feed: Feed,
        granter: Granter,
        router: Router,
        notary: Notary,
        witnesses: WitnessStore,
        limit: Limit,
    ) -> None:
        self._gate = gate
        self._publisher = publisher
        self._reader = reader
        self._ledger = ledger
        self._objects = objects
        self._contracts = contracts
        self._feed = feed
        self._granter = granter
        self._router = router
        self._notary = notary
        self._witnesses = witnesses
        self._limit = limit
        self._publishes = Slots(limit.concurrent_publishes, "publishes")
        self._large = asyncio.Semaphore(limit.large_publishes)
        self._queries = Slots(limit.concurrent_queries, "queries")
        self._watches = Slots(limit.concurrent_watches, "watches")

    @answers
    async def Publish(
        self, request_iterator: AsyncIterator[exchange_pb2.PublishRequest], context: Context
    ) -> exchange_pb2.PublishResponse:
        caller = self._gate.agency(context)
        with self._publishes:
            first = await _next(context, self._limit.stall_seconds)
            if first is None or not first.envelope:
                raise MalformedError("the first message of Publish carries the manifest's envelope")
            admitted = self._publisher.admit(caller, first.envelope)
            if admitted.known:
                return self._published(admitted.known)
            appended = await self._receive(admitted, first.data, context)
        if first.witnesses:
            appended = await asyncio.to_thread(self._witnessed, appended, first.witnesses)
        return self._published(appended)

    @answers
    async def PublishMany(
        self, request: exchange_pb2.PublishManyRequest, context: Context
    ) -> exchange_pb2.PublishManyResponse:
        caller = self._gate.agency(context)
        batches = [(each.envelope, each.data) for each in request.batches]
        with self._publishes:
            taken = await asyncio.to_thread(self._publisher.take_all, caller, batches)
            outcomes = await asyncio.wrap_future(taken)
        return exchange_pb2.PublishManyResponse(outcomes=[self._outcome(each) for each in outcomes])

    def _outcome(self, outcome: Outcome) -> exchange_pb2.PublishOutcome:
        if isinstance(outcome, Exception):
            return exchange_pb2.PublishOutcome(refused=status_of(outcome).SerializeToString())
        return exchange_pb2.PublishOutcome(published=self._published(outcome))

    def _witnessed(self, appended: Appended, witnesses: int) -> Appended:
        """The same with a receipt that so many peers have cosigned, or as many as did within the limit."""
        size = appended.record.index + 1
        self._notary.wait(size, witnesses, self._limit.witness_seconds)
        return replace(appended, receipt=receipt_of(self._ledger, size - 1, self._witnesses))

    async def _receive(self, admitted: Admitted, data: bytes, context: Context) -> Appended:
        intake = self._publisher.intake(admitted)
        try:
            pending, size = [data], len(data)
            while (message := await _next(context, self._limit.stall_seconds)) is not None:
                if message.envelope:
                    raise MalformedError("only the first message of Publish carries an envelope")
                pending.append(message.data)
                size += len(message.data)
                if size >= _SPOOL_STEP:
                    await asyncio.to_thread(intake.write, b"".join(pending))
                    pending, size = [], 0
            intake.write(b"".join(pending))
            self._gate.agency(context)  # an upload may take longer than its sender counts
            if intake.small and admitted.manifest.media_type is MediaType.PARQUET:
                return await asyncio.wrap_future(self._publisher.finish(admitted, intake))
            async with self._large:
                future = await asyncio.to_thread(self._publisher.finish, admitted, intake)
                return await asyncio.wrap_future(future)
        finally:
            intake.close()

    def _published(self, appended: Appended) -> exchange_pb2.PublishResponse:
        record = appended.record
        assert isinstance(record, BatchRecord)
        return exchange_pb2.PublishResponse(
            batch=wire.batch(record, self._contracts.get(record.contract)),
            receipt=appended.receipt,
            duplicate=appended.duplicate,
        )

    @streams
    async def Query(
        self, request: exchange_pb2.QueryRequest, context: Context
    ) -> AsyncIterator[exchange_pb2.QueryResponse]:
        asker = self._gate.asker(context, request.on_behalf_of)
        question = self._question(request)
        with self._queries:
            reader = await asyncio.to_thread(self._router.reader, asker, question.dataset)
            if reader is None:
                async for response in in_thread(self._router.through(asker, question.dataset, request)):
                    yield response
                return
            answer = await asyncio.to_thread(reader.query, asker, question)
            yield exchange_pb2.QueryResponse(header=_header(answer, question))
            async for part in self._gate.while_welcome(context, in_thread(answer.stream)):
                if isinstance(part, Trailer):
                    trailer = common_pb2.StreamTrailer(envelope=part.envelope)
                    yield exchange_pb2.QueryResponse(trailer=trailer)
                else:
                    yield exchange_pb2.QueryResponse(data=part)

    def _question(self, request: exchange_pb2.QueryRequest) -> Question:
        return Question(
            dataset=DatasetId.parse(request.dataset),
            encoding=wire.encoding(request.encoding),
            columns=tuple(request.columns),
            conditions=tuple(
                TextCondition(item.column, wire.operator(item.operator), tuple(item.values))
                for item in request.filters
            ),
            moment=wire.moment(request.as_of),
            history=request.history,
            limit=request.limit or None,
            offset=request.offset,
            contract=wire.contract_or_none(request.contract),
            agreement=parse_case("agreement", request.agreement) if request.agreement else "",
        )

    @streams
    async def Quarantine(
        self, request: exchange_pb2.QuarantineRequest, context: Context
    ) -> AsyncIterator[exchange_pb2.QuarantineResponse]:
        caller = self._gate.agency(context)
        question = Question(
            dataset=DatasetId.parse(request.dataset),
            encoding=wire.encoding(request.encoding),
            moment=wire.moment(request.as_of),
        )
        batch = parse_digest(request.batch) if request.batch else None
        with self._queries:
            answer = await asyncio.to_thread(
                self._reader.quarantine, caller, question, batch, request.corrected
            )
            yield exchange_pb2.QuarantineResponse(header=_header(answer, question))
            async for part in self._gate.while_welcome(context, in_thread(answer.stream)):
                if isinstance(part, Trailer):
                    trailer = common_pb2.StreamTrailer(envelope=part.envelope)
                    yield exchange_pb2.QuarantineResponse(trailer=trailer)
                else:
                    yield exchange_pb2.QuarantineResponse(data=part)

    @streams
    async def Watch(
        self, request: exchange_pb2.WatchRequest, context: Context
    ) -> AsyncIterator[exchange_pb2.WatchResponse]:
        asker = Asker(self._gate.agency(context))
        wanted = {DatasetId.parse(text) for text in request.datasets}
        grants = await asyncio.to_thread(self._watched, asker, wanted)
        with self._watches:
            async for entries, size in self._feed.follow(request.start):
                self._gate.agency(context)
                for grant in grants:
                    grant.still()
                for entry, record in entries:
                    if entry.kind is EntryKind.BATCH and isinstance(record, BatchRecord):
                        if not wanted or record.dataset in wanted:
                            yield exchange_pb2.WatchResponse(batch=wire.batch(record, None))
                    elif not wanted:
                        yield exchange_pb2.WatchResponse(entry=wire.entry(entry))
                yield exchange_pb2.WatchResponse(heartbeat=size)

    def _watched(self, asker: Asker, datasets: Iterable[DatasetId]) -> list[Grant]:
        """Leave to watch datasets by name: as much as it takes to read any column of them."""
        return [
            self._granter.grant(asker, each, self._contracts.newest(each.contract), ()) for each in datasets
        ]

    @streams
    async def Fetch(
        self, request: exchange_pb2.FetchRequest, context: Context
    ) -> AsyncIterator[exchange_pb2.FetchResponse]:
        asker = self._gate.asker(context, request.on_behalf_of)
        batch_id = parse_digest(request.batch)
        part = wire.fetch_part(request.part)
        fetched, header = await asyncio.to_thread(self._open_part, asker, batch_id, part)
        yield exchange_pb2.FetchResponse(header=header)
        with self._queries:
            chunks = in_thread(self._delivered(fetched, request.offset))
            async for chunk in self._gate.while_welcome(context, chunks):
                yield exchange_pb2.FetchResponse(data=chunk)

    def _open_part(
        self, asker: Asker, batch_id: str, part: str
    ) -> tuple[FetchedPart, exchange_pb2.FetchHeader]:
        found = read_part(self._ledger, self._objects, self._contracts, self._granter, asker, batch_id, part)
        return found, exchange_pb2.FetchHeader(
            batch=wire.batch(found.record, self._contracts.get(found.record.contract)),
            envelope=envelope_of(self._ledger, found.record),
            receipt=receipt_of(self._ledger, found.record.index),
            digest=found.digest,
            bytes=found.size,
        )

    def _delivered(self, found: FetchedPart, offset: int) -> Iterator[bytes]:
        record = found.record
        with self._granter.recorded(
            found.grant, record.dataset, "fetch", record.index + 1, found.digest
        ) as tally:
            for chunk in self._objects.chunks(found.digest, offset, _CHUNK):
                found.grant.check()
                tally.bytes += len(chunk)
                yield chunk
            tally.rows = record.rows

    @answers
    async def ListBatches(
        self, request: exchange_pb2.ListBatchesRequest, context: Context
    ) -> exchange_pb2.ListBatchesResponse:
        caller = self._gate.agency(context)
        dataset = wire.dataset_or_none(request.dataset)
        size = min(request.page_size or 100, self._limit.page)
        before = int(request.page_token) if request.page_token.isdecimal() else 1 << 62
        publisher = caller if dataset is None else None
        copy = await asyncio.to_thread(self._router.copy_of, dataset) if dataset else None
        ledger, contracts = (copy.ledger, copy.contracts) if copy else (self._ledger, self._contracts)
        found = await asyncio.to_thread(ledger.newest_batches, dataset, publisher, before, size)
        return exchange_pb2.ListBatchesResponse(
            batches=[wire.batch(record, contracts.get(record.contract)) for record in found],
            next_page_token=str(found[-1].index) if len(found) == size else "",
        )


async def _next(context: Context, seconds: float) -> exchange_pb2.PublishRequest | None:
    """The next message of a client stream, None at its end; a stalled sender is cut off."""
    try:
        async with asyncio.timeout(seconds):
            message = await context.read()
    except TimeoutError:
        raise UnavailableError(f"no data for {seconds} seconds") from None
    return None if message is grpc.aio.EOF else message


def _header(answer: Answer, question: Question) -> common_pb2.StreamHeader:
    return common_pb2.StreamHeader(
        tree_size=answer.tree_size,
        encoding=wire.encoding_number(question.encoding),
        contract=str(answer.contract.ref),
        columns=answer.columns,
    )
