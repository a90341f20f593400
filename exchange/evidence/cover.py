"""What the cover page says, section by section, in Chinese and English; `page` and `text` give it its two forms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from exchange.evidence import chain
from exchange.evidence.block import Block, Code, Grid, Prose, Section, cosigned_by, local
from exchange.evidence.facts import BatchFacts, PackFacts, RuleFacts
from exchange.evidence.manifest import About

_DETAILED: Final = 12
SUBJECTS: Final = {
    About.BATCH: ("一个批次", "one batch"),
    About.AGREEMENT: ("一份数据共享协议", "one data-sharing agreement"),
    About.DATASET: ("一个数据集", "one dataset"),
}
_KINDS: Final = {"observation": "观测", "correction": "更正", "retraction": "撤回"}
_PARTS: Final = {"object": "数据文件 object", "source": "原始报送 source", "report": "问题清单 report"}
_ACTS: Final = {
    "request": "申请", "offer": "提议", "accept": "接受", "agree": "提供方签署", "verify": "使用方签署",
    "finalize": "生效", "suspend": "中止", "resume": "恢复", "terminate": "终止",
}  # fmt: skip
_STATES: Final = {
    "requested": "已申请", "offered": "已提议", "accepted": "已接受", "agreed": "提供方已签", "verified": "双方已签",
    "in_force": "生效", "suspended": "中止", "terminated": "终止", "expired": "到期", "lapsed": "逾期失效",
}  # fmt: skip


def sections(facts: PackFacts) -> list[Section]:
    """The whole page; the same facts give the same sections."""
    found = [Section("这是什么 What this is", (*_intro(facts),))]
    if facts.agreement:
        found.append(Section("协议 The agreement", (*_terms(facts),)))
        found.append(Section("协商与签署 Moves and signatures", (*_moves(facts),)))
    if len(facts.batches) > 1:
        found.append(Section("批次 Batches", (*_batches(facts.batches),)))
    found += [
        Section(f"批次 Batch {batch.index}", (*_batch(batch),))
        for batch in facts.batches
        if len(facts.batches) <= _DETAILED
    ]
    if facts.rows:
        found.append(Section("当时有效的数据 Rows that stood", (*_rows(facts),)))
    if facts.contracts:
        found.append(Section("数据合约 Data contracts", (*chain.contracts(facts),)))
    found.append(Section("证明链 The chain of proof", (*chain.chain(facts),)))
    found.append(Section("公钥与指纹 Keys and fingerprints", (*chain.keys(facts),)))
    if facts.manifest.absent:
        found.append(Section("未附内容 What is not here", (*chain.absent(facts),)))
    found.append(Section("如何核验 How to check", (*chain.how(),)))
    return found


def _intro(facts: PackFacts) -> Iterator[Block]:
    manifest, subject = facts.manifest, facts.manifest.subject
    zh, en = SUBJECTS[subject.about]
    yield Prose(
        f"本证据包证明{zh}：谁签署了什么、何时记入枢纽账本、枢纽检查结果如何。无需联网，也无需信任提供者，任何人可凭包内文件"
        "自行核验。本页由软件按已证明的事实生成；时间均为北京时间（UTC+8）。",
        f"This pack proves {en}: who signed what, when a hub entered it in its ledger, and what the hub found."
        " Anybody can check it with the files in it, without a network and without trusting whoever hands it over."
        " This page was written by software from what is proven; all times are those of Asia/Shanghai (UTC+8).",
    )
    rows = [
        ("内容 subject", Code(subject.id)),
        ("枢纽 hub", manifest.hub),
        ("制作单位 put together by", str(manifest.agency)),
        ("制作时间 put together at", local(manifest.created_at)),
        ("软件 software", manifest.software),
    ]
    if subject.tree_size is not None:
        rows.insert(1, ("截至账本 up to ledger size", f"{subject.tree_size:,}"))
    yield Grid((), tuple(rows))


def _terms(facts: PackFacts) -> Iterator[Block]:
    found = facts.agreement
    assert found is not None
    terms = found.terms
    also = [text for text, said in (("可镜像 mirror", terms.mirror), ("可传递 onward", terms.onward)) if said]
    yield Grid(
        (),
        (
            ("协议 agreement", Code(found.terms.agreement)),
            ("状态 state", f"{_STATES[found.state]} {found.state}（{local(facts.manifest.created_at)}）"),
            ("提供方 provider", str(terms.provider)),
            ("使用方 consumer", str(terms.consumer)),
            ("数据集 dataset", f"{terms.dataset} · {terms.contract}"),
            ("列 columns", ", ".join(terms.columns)),
            ("行 rows", Code(terms.row_filter) if terms.row_filter else "全部 all"),
            ("用途 purpose", terms.purpose),
            ("期限 term", f"{local(terms.start)} – {local(terms.until)}"),
            ("另 also", ", ".join(also) or "–"),
            ("条款摘要 digest of terms", Code(terms.digest)),
        ),
    )


def _moves(facts: PackFacts) -> Iterator[Block]:
    found = facts.agreement
    assert found is not None
    yield Grid(
        ("步骤 move", "由 by", "签署 signed at", "记账 recorded at", "条目 entry", "理由 reason"),
        tuple(
            (
                f"{_ACTS[move.act]} {move.act}",
                move.by,
                local(move.at),
                local(move.recorded_at),
                f"{move.index}"
                + (f"（先记于 first at {move.origin[0]} #{move.origin[1]}）" if move.origin else ""),
                move.reason or "–",
            )
            for move in found.moves
        ),
    )
    signers = [(by, Code(key)) for by, key in found.signers]
    if signers:
        yield Prose("双方各自对条款全文的签名：", "Each side's signature over the whole terms:")
        yield Grid(("签署方 side", "密钥 key"), tuple(signers))
    else:
        yield Prose("双方尚未签署条款。", "The sides have not signed the terms.")


def _batches(batches: Sequence[BatchFacts]) -> Iterator[Block]:
    yield Grid(
        (
            "条目 entry",
            "发布方 publisher",
            "类型 kind",
            "记账 recorded at",
            "行 rows",
            "接收 accepted",
            "隔离 rejected",
        ),
        tuple(
            (
                str(batch.index),
                batch.publisher,
                f"{_KINDS[batch.kind]} {batch.kind}",
                local(batch.recorded_at),
                f"{batch.rows:,}",
                f"{batch.accepted:,}",
                f"{batch.rejected:,}",
            )
            for batch in batches
        ),
    )
    total: Counter[str] = Counter()
    rules: dict[str, RuleFacts] = {}
    for batch in batches:
        for count in batch.counts:
            total[count.rule] += count.rows
            rules[count.rule] = count
    if total:
        yield _counts([(rules[rule], rows) for rule, rows in sorted(total.items())])


def _counts(counts: Sequence[tuple[RuleFacts, int]]) -> Grid:
    return Grid(
        ("规则 rule", "级别 severity", "行 rows", "说明 what it says"),
        tuple(
            (rule.rule, rule.severity or "–", f"{rows:,}", f"{rule.zh} {rule.en}") for rule, rows in counts
        ),
    )


def _batch(batch: BatchFacts) -> Iterator[Block]:
    period = f"{local(batch.period[0])} – {local(batch.period[1])}" if batch.period else "–"
    rows = [
        ("批次 batch", Code(batch.id)),
        ("数据集 dataset", f"{batch.dataset} · {batch.contract}"),
        ("发布方签署 publisher signed", f"{batch.publisher} · {local(batch.created_at)}"),
        ("签名密钥 with key", Code(batch.key)),
        ("枢纽记账 hub recorded", f"{local(batch.recorded_at)} · 第 {batch.index} 条 entry {batch.index}"),
        ("其他枢纽副署 cosigned by", cosigned_by(batch.cosigned)),
        ("数据时段 period", period),
        (
            "检查结果 verdict",
            f"{batch.rows:,} 行 rows · 接收 accepted {batch.accepted:,} · 隔离 rejected {batch.rejected:,}",
        ),
    ]
    if batch.sealed:
        rows.append(("加密列 sealed columns", ", ".join(batch.sealed)))
    yield Grid((), tuple(rows))
    if batch.counts:
        yield _counts([(rule, rule.rows) for rule in batch.counts])
    yield Grid(
        ("文件 file", "字节 bytes", "SHA-256", "在包内 in the pack"),
        tuple(
            (
                _PARTS[part.part],
                f"{part.bytes:,}" if part.bytes is not None else "–",
                Code(part.digest.removeprefix("sha256:")),
                f"未附 no: {part.absent}" if part.absent else Code(part.file),
            )
            for part in batch.parts
        ),
    )


def _rows(facts: PackFacts) -> Iterator[Block]:
    found = facts.rows
    assert found is not None
    yield Prose(
        "下列文件是枢纽在所示账本大小时，对本数据集全部可读列、全部有效行的回答，并由枢纽签名。",
        "The file is the hub's answer, signed by it: all readable columns and all rows that stood at that ledger size.",
    )
    yield Grid(
        (),
        (
            ("文件 file", Code(found.file)),
            ("账本大小 ledger size", f"{found.tree_size:,}"),
            ("行 rows", f"{found.rows:,}"),
            ("SHA-256", Code(found.digest.removeprefix("sha256:"))),
            ("枢纽签署 signed by the hub at", local(found.created_at)),
            ("依据协议 under agreement", Code(found.agreement) if found.agreement else "–"),
        ),
    )
