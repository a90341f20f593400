"""The second half of a cover page: why it can be believed, under whose keys, what is missing, how to check it."""

from __future__ import annotations

from collections.abc import Iterator

from exchange.evidence.block import Block, Code, Command, Grid, Prose, cosigned_by, local
from exchange.evidence.facts import PackFacts


def contracts(facts: PackFacts) -> Iterator[Block]:
    """The contract versions that batches were checked against."""
    yield Grid(
        ("合约 contract", "名称 title", "登记 registered by", "条目 entry", "SHA-256"),
        tuple(
            (
                each.ref,
                f"{each.title_zh} {each.title_en}",
                f"{each.registered_by}{'' if each.signed else '（随软件 shipped）'} · {local(each.recorded_at)}",
                str(each.index),
                Code(each.digest.removeprefix("sha256:")),
            )
            for each in facts.contracts
        ),
    )


def chain(facts: PackFacts) -> Iterator[Block]:
    """From what was signed to what others cosigned."""
    yield Prose(
        "签名的内容 → 账本条目 → 回执 → 检查点（账本签名）→ 最新检查点（一致性证明）→ 其他枢纽副署。"
        "改动任何一个字节，链条即断。",
        "What was signed → ledger entry → receipt → checkpoint (signed by the log) → newest checkpoint (consistency"
        " proof) → cosignatures of other hubs. Change one byte anywhere and the chain breaks.",
    )
    yield Prose(
        "签署时间出自签署方时钟，记账时间出自枢纽时钟，副署时间出自另一枢纽时钟；"
        "此后账本不可能再被改写而不被发现。",
        "Times of signing are by the signer's clock, of recording by the hub's, of cosigning by another hub's: after"
        " that nobody could rewrite the ledger unnoticed.",
    )
    for log in facts.logs:
        yield Grid(
            (),
            (
                ("账本 log", Code(log.origin)),
                ("最新检查点 newest checkpoint", f"{log.size:,} 条 entries"),
                ("根哈希 root hash", Code(log.root)),
                ("账本签名算法 signed with", ", ".join(log.algorithms)),
                ("副署 cosigned by", cosigned_by(log.cosigned)),
                ("回执 receipts", f"{log.receipts}，经 by {log.links} 个检查点 checkpoints"),
            ),
        )


def keys(facts: PackFacts) -> Iterator[Block]:
    """Keys to compare, and keys that are registered."""
    yield Prose(
        "枢纽公钥仅为本包所称。请另经可靠渠道（如电话）与该枢纽核对指纹，并在右栏记录；机构密钥由枢纽账本登记。",
        "The hubs' keys are only claimed by this pack. Compare the fingerprints with the hub over another channel,"
        " such as the telephone, and note it on the right. Agencies' keys are registered in the hub's ledger.",
    )
    rows: list[tuple[str, ...]] = []
    for hub in facts.hubs:
        if hub.card:
            rows.append((hub.jurisdiction, "名片 card", Code(hub.card), "□"))
        rows += [(hub.jurisdiction, use, Code(print_), "□") for use, _, print_ in hub.named()]
    yield Grid(("枢纽 hub", "用途 use", "指纹 fingerprint", "已核对 compared"), tuple(rows))
    yield Grid(
        ("机构 agency", "密钥 signing key", "登记 registered", "吊销 revoked"),
        tuple(
            (
                key.agency,
                Code(key.key),
                f"{key.hub} #{key.index} · {local(key.recorded_at)}"
                if key.index is not None
                else "未附 not shown",
                f"#{key.revoked_index} · {local(key.revoked_at)}" if key.revoked_index is not None else "–",
            )
            for key in facts.keys
        ),
    )


def absent(facts: PackFacts) -> Iterator[Block]:
    """What is not in the pack."""
    yield Prose(
        "制作单位无权读取或无法取得下列内容；账本中有其摘要，取得后仍可核对。",
        "The agency that put the pack together may not read these, or could not get them. The ledger has their digests:"
        " who has them can still hold them against those.",
    )
    yield Grid(
        ("内容 what", "代码 code", "原因 reason"),
        tuple((Code(item.what), Code(item.code), item.reason) for item in facts.manifest.absent),
    )


def how() -> Iterator[Block]:
    """How to check the pack."""
    yield Prose(
        "用本软件（可信的公钥另行取得；没有时软件会列出须电话核对的指纹）：",
        "With this software (trusted keys come from elsewhere; without them it names the fingerprints to compare):",
    )
    yield Command(("hechuan verify pack.zip --card hub-card.json",))
    yield Prose(
        "用通用工具：本包是未压缩的 ZIP。逐一比对 manifest.json 所列 SHA-256；其余步骤见 VERIFY.md，任何 RFC 6962、C2SP"
        " signed-note、DSSE 实现均可完成。",
        "With standard tools: the pack is an uncompressed ZIP. Compare the SHA-256 of each file with manifest.json;"
        " VERIFY.md tells the other steps, for any implementation of RFC 6962, C2SP signed-note and DSSE.",
    )
    yield Command(
        (
            "unzip pack.zip -d pack && cd pack",
            """python3 -c 'import json; files = json.load(open("manifest.json"))["files"]; """
            """print(*(f["digest"][7:] + "  " + f["name"] for f in files), sep="\\n")' | sha256sum -c""",
        )
    )
    yield Prose(
        "本包不能证明账本中没有别的条目（例如未附的更正）；完整性可向枢纽或其见证方核实。",
        "The pack cannot show that nothing else is in the ledger, such as a correction that is not here: for that,"
        " ask the hub or its witnesses.",
    )
