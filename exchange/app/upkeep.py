"""What keeps a hub's storage in order, on its host and beside the running hub."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property

from exchange.app.build import SystemClock, open_tables
from exchange.flow import fsck
from exchange.flow.agree import AgreementBook
from exchange.flow.compact import Compacted, Compactor
from exchange.flow.deadline import deadline_of
from exchange.flow.entry import record_of
from exchange.flow.mirror import Wanted, wanted_mirrors
from exchange.flow.mirrored import Mirrored, digests_of, mirrored
from exchange.flow.registry import ContractRegistry
from exchange.home import HubDirectory
from exchange.ports import Alarm, ObjectStore
from exchange.settings import Settings, load_settings
from exchange.store import open_ledger, open_objects, open_replica
from exchange.store.sql import SqlLedgerStore


@dataclass(frozen=True)
class Upkeep:
    """A hub's stores, opened for somebody who looks after them."""

    home: HubDirectory
    settings: Settings
    ledger: SqlLedgerStore
    objects: ObjectStore

    def check(
        self,
        sweep: bool = False,
        grace: timedelta = fsck.GRACE,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> fsck.Report:
        """Everything again; with `sweep`, what neither the ledger nor an agreement in force needs is removed."""
        report = fsck.check(
            self.ledger,
            self.objects,
            self.home.log_verifiers(),
            record_of,
            sweep=sweep,
            grace=grace,
            kept=self._kept(),
            progress=progress,
        )
        with self._compactor() as compactor:
            return replace(report, problems=(*report.problems, *compactor.problems(sweep)))

    def compact(self) -> Sequence[Compacted]:
        """Small batches of every dataset into segments; what became of those that have enough."""
        with self._compactor() as compactor:
            return list(compactor.every())

    @contextmanager
    def _compactor(self) -> Iterator[Compactor]:
        """One at a time on this machine; what one that was killed had begun to write goes."""
        spool = self.home.state / "compact"
        spool.mkdir(parents=True, exist_ok=True)
        with open(spool / "lock", "wb") as lock, closing(open_tables(self.home)) as engine:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for path in spool.glob("*.parquet"):
                path.unlink()
            yield Compactor(
                self.ledger,
                self.objects,
                self.ledger.segments(),
                engine,
                ContractRegistry(self.ledger),
                SystemClock(),
                self.settings.compact,
                spool,
            )

    def mirrors(self) -> Sequence[Mirrored]:
        """Every dataset that agreements in force let this hub mirror, and what of it is missing."""
        found: list[Mirrored] = []
        for hub, wanted in self._wanted.items():
            with closing(open_replica(self.settings.store, self.home.state, hub)) as copy:
                found += mirrored(copy, self.objects, wanted)
        return found

    def alarms(self) -> Sequence[Alarm]:
        """What peers have shown that cannot be."""
        return self.ledger.federation().alarms()

    @cached_property
    def _wanted(self) -> dict[str, Collection[Wanted]]:
        """By peer: what agreements in force let be mirrored."""
        settings = self.settings.agreement
        known = AgreementBook(self.ledger, deadline_of(settings), settings.refresh_seconds).every()
        peers = sorted({each.terms.provider.jurisdiction for each in known})
        own, clock = self.settings.hub.jurisdiction, SystemClock()
        found = {peer: wanted_mirrors(known, own, peer, clock) for peer in peers if peer != own}
        return {peer: wanted for peer, wanted in found.items() if wanted}

    def _kept(self) -> Iterator[str]:
        yield from (digest for each in self.ledger.segments().every() for digest in each.objects)
        for hub, wanted in self._wanted.items():
            with closing(open_replica(self.settings.store, self.home.state, hub)) as copy:
                yield from digests_of(copy, wanted)


@contextmanager
def opened(home: HubDirectory) -> Iterator[Upkeep]:
    """The hub in a directory; raises as its settings and stores do."""
    settings = load_settings(home.settings)
    with (
        closing(open_ledger(settings.store, home.state)) as ledger,
        closing(open_objects(settings.store, home.state)) as objects,
    ):
        yield Upkeep(home, settings, ledger, objects)
