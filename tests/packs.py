"""Packs of evidence made by two hubs that cosign each other's checkpoints."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from demo.hub import HubProcess, fixed_ports, introduce
from demo.sample import monitoring_sections, water_quality
from exchange.batch.manifest import Kind
from exchange.client import Client, connect
from exchange.client.evidence import collect_evidence
from exchange.errors import HechuanError
from exchange.evidence.archive import Staged, open_archive, write_archive
from exchange.evidence.manifest import MANIFEST, STATEMENT, PackManifest, list_files, sign_manifest
from exchange.ids import AgencyId
from exchange.ledger import Receipt
from exchange.trust.keys import Signer
from tests.e2e.test_agreement import cases
from tests.e2e.test_two_hubs import READER, agree, eventually

QUALITY = "500000/ecology/water-quality"


@dataclass(frozen=True, slots=True)
class Bench:
    """Two hubs; the owner at the first, the reader at the second, a bystander at the first; what was made there."""

    root: Path
    chongqing: HubProcess
    sichuan: HubProcess
    owner: Path
    reader: Path
    bystander: Path
    batch: str
    sealed: str
    agreement: str

    def card(self, hub: HubProcess) -> Path:
        """A hub's card."""
        return self.root / f"card-{hub.jurisdiction}.json"

    def pack(self, name: str, about: str, home: Path | None = None, **options: object) -> Path:
        """Make a pack."""
        target = self.root / f"{name}.zip"
        with connect(home or self.owner) as client:
            collect_evidence(client, about, target, **options)  # type: ignore[arg-type]
        return target


@contextmanager
def bench(root: Path) -> Iterator[Bench]:
    """Both hubs, a dataset with a bad row and its correction, an agreement across the border."""
    hubs = [HubProcess(root, jurisdiction, fixed_ports()) for jurisdiction in ("500000", "510000")]
    introduce(root, *hubs)
    with ExitStack() as stack:
        chongqing, sichuan = (stack.enter_context(hub) for hub in hubs)
        homes = (chongqing.enroll("ecology"), sichuan.enroll("ecology"), chongqing.enroll("water"))
        owner, reader = (stack.enter_context(connect(home)) for home in homes[:2])
        batch = publish(root, owner)
        path = root / "cases.csv"
        csv.write_csv(pa.Table.from_pylist(list(cases(4))), path)
        sealed = owner.publish("enforcement-case", path).id
        agreement = agree(owner, reader, columns=("case_number", "status"))
        eventually(lambda: "/witness" in Receipt.parse(owner.receipt(sealed)).checkpoint)
        yield Bench(root, chongqing, sichuan, *homes, batch, sealed, agreement)


def contents(pack: Path) -> dict[str, bytes]:
    """Every file of a pack."""
    with open_archive(pack) as archive:
        return {name: archive.read(name) for name in archive.names()}


def archived(parts: Mapping[str, bytes], target: Path) -> Path:
    """Write files as an archive, whatever is in them."""
    with target.open("wb") as file:
        write_archive(file, Staged(dict(parts)))
    return target


def forged(parts: Mapping[str, bytes], key: Signer) -> dict[str, bytes]:
    """The files with a manifest that fits them, signed with a key: what a compiler could do.

    A manifest that cannot be read is signed as it is.
    """
    manifest, agency = parts[MANIFEST], json.loads(parts[MANIFEST])["agency"]
    with suppress(HechuanError):
        known = PackManifest.parse(manifest)
        manifest = replace(known, files=list_files(Staged(dict(parts)))).to_bytes()
    signed = sign_manifest(manifest, AgencyId.parse(agency), datetime.now(UTC), key)
    return {**parts, MANIFEST: manifest, STATEMENT: signed.to_json_bytes()}


def publish(root: Path, owner: Client) -> str:
    """A dataset of two batches; the id of the first, which the hub encoded and in which one row is rejected."""
    owner.publish("monitoring-section", monitoring_sections())
    table = water_quality(18).set_column(
        water_quality(18).column_names.index("value"), "value", pa.array([999.0] * 18)
    )
    path = root / "values.csv"
    csv.write_csv(table, path)
    batch = owner.publish("water-quality", path)
    assert batch.batch.verdict.rejected
    owner.publish("water-quality", water_quality(18), kind=Kind.CORRECTION, corrects=[batch.id])
    return batch.id


__all__ = ["QUALITY", "READER", "Bench", "archived", "bench", "contents", "forged"]
