"""Steps of a check that went well, told to people; and whose word it rests on, in the end."""

from __future__ import annotations

from dataclasses import dataclass

from exchange.evidence.facts import PackFacts
from exchange.evidence.keys import KeyBook
from exchange.evidence.proof import Entries
from exchange.evidence.reading import Reading
from exchange.member import witness_name


@dataclass(frozen=True, slots=True)
class Reliance:
    """A hub's key that something in the pack rests on; `given` where the checker has it from elsewhere."""

    hub: str
    use: str
    key: str
    fingerprint: str
    given: bool
    # A cosignature adds to the proof; without a log's key and the key of statements there is none.
    adds: bool


def reliances(facts: PackFacts, book: KeyBook) -> list[Reliance]:
    """Whose word the pack rests on: logs of its receipts, witnesses that cosigned, the signer of its rows."""
    logs = {log.hub for log in facts.logs}
    cosigned = [log.cosigned for log in facts.logs] + [batch.cosigned for batch in facts.batches]
    cosigned += [move.cosigned for move in facts.agreement.moves] if facts.agreement else []
    witnesses = {name for each in cosigned for name, _ in each}
    found: list[Reliance] = []
    for hub in facts.hubs:
        known = book.trust.hubs.get(hub.jurisdiction)
        given = {key for _, key, _ in known.named()} if known else set()
        for use, key, print_ in hub.named():
            adds = use.startswith("witness")
            answered = facts.rows is not None and hub.jurisdiction == facts.manifest.hub
            used = hub.jurisdiction in logs if use.startswith("log") else answered
            if (witness_name(hub.jurisdiction) in witnesses) if adds else used:
                found.append(Reliance(hub.jurisdiction, use, key, print_, key in given, adds))
    return found


def tell_witnesses(reading: Reading, entries: Entries) -> None:
    """Who cosigned."""
    names = sorted({name for log in entries.logs for name, _ in log.cosigned})
    names = sorted({*names, *(name for entry in entries.found.values() for name, _ in entry.cosigned)})
    if names:
        who = ", ".join(names)
        reading.passed("witnesses", f"{who} 见证并副署", f"cosigned by {who}")
    else:
        reading.open("witnesses", "没有其他枢纽副署", "no other hub has cosigned any of these checkpoints")


def tell_facts(reading: Reading, facts: PackFacts) -> None:
    """The steps from signers to agreement."""
    shown = [key for key in facts.keys if key.index is not None]
    reading.passed("signers", f"{len(shown)} 把签名密钥已登记", f"{len(shown)} signing keys are registered")
    for key in facts.keys:
        if key.index is None:
            reading.open(
                "signers", f"{key.key} 的登记未附", f"{key.key} of {key.agency}: registration not shown"
            )
        elif key.revoked_index is not None:
            reading.open(
                "signers",
                f"{key.key} 后于第 {key.revoked_index} 条被吊销",
                f"{key.key} of {key.agency} was revoked later, by entry {key.revoked_index}",
            )
    if facts.contracts:
        reading.passed(
            "contracts", f"{len(facts.contracts)} 份数据合约", f"{len(facts.contracts)} data contracts"
        )
    if facts.batches:
        bad = sum(batch.rejected for batch in facts.batches)
        rows = sum(batch.rows for batch in facts.batches)
        told = f"{len(facts.batches)} batches, {rows:,} rows, {bad:,} rejected: signatures and digests"
        reading.passed("batches", f"{len(facts.batches)} 个批次签名与摘要一致", told)
    for missing in facts.manifest.absent:
        reading.open("absent", f"未附 {missing.what}", f"{missing.what} is not here: {missing.code}")
    if facts.rows:
        told = f"the hub signed {facts.rows.rows:,} rows that stood at size {facts.rows.tree_size}"
        reading.passed("rows", f"枢纽签署了 {facts.rows.rows:,} 行", told)
    if facts.agreement:
        moves, state = len(facts.agreement.moves), facts.agreement.state
        signed = " and ".join(by for by, _ in facts.agreement.signers) or "nobody yet"
        reading.passed(
            "agreement", f"{moves} 步协商，状态 {state}", f"{moves} moves to {state}; signed by {signed}"
        )


def tell_trust(reading: Reading, facts: PackFacts, book: KeyBook) -> None:
    """Which logs the checker knows, and which only the pack does."""
    for log in facts.logs:
        if book.trusts_log(log.hub):
            reading.passed(
                "trust", f"账本 {log.origin} 的公钥由您提供", f"the key of {log.origin} is one you gave"
            )
        else:
            told = (
                f"the key of {log.origin} is only claimed by the pack: compare its fingerprint by telephone"
            )
            reading.open("trust", f"账本 {log.origin} 的公钥仅为包内所称，请电话核对指纹", told)
