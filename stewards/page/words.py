"""What the page says, in Chinese and English. Names of the hub's own things are the same in both."""

from __future__ import annotations

from typing import Final

LANGUAGES: Final = ("zh", "en")
WORDS: Final[dict[str, tuple[str, str]]] = {
    "title": ("数据管家", "Stewards"),
    "other": ("English", "中文"),
    "next": ("下一步", "What to do next"),
    "nothing": ("没有待办。", "Nothing to do."),
    "feeds": ("数据集", "Datasets"),
    "quarantine": ("隔离区", "Quarantine"),
    "late": ("已逾期", "late"),
    "fresh": ("及时", "in time"),
    "not_promised": ("未约定频次", "no frequency promised"),
    "dataset": ("数据集", "dataset"),
    "updated": ("最近一批", "last batch"),
    "due": ("应到时间", "due"),
    "freshness": ("时效", "timeliness"),
    "batch": ("批次", "batch"),
    "landed": ("到达", "landed"),
    "rows": ("行数", "rows"),
    "rejected": ("隔离", "rejected"),
    "verdict": ("结论", "verdict"),
    "release": ("放行", "released"),
    "refer": ("提出异议", "to be referred"),
    "waiting": ("待校验", "awaits validation"),
    "quarantined": ("隔离", "quarantined"),
    "pages": ("校验报告", "Data Docs"),
    "batch_page": ("逐行规则", "rules over rows"),
    "window_page": ("跨期度量", "measures over time"),
    "rule": ("规则", "rule"),
    "cell": ("问题单元格", "offending cell"),
    "row": ("行", "row"),
    "reason": ("原因", "reason"),
    "count": ("行数", "rows"),
    "findings": ("发现", "Findings"),
    "first_of": ("仅显示前 {shown} 行，共 {total} 行", "the first {shown} of {total} rows"),
    "no_quarantine": ("没有隔离的批次。", "No batch has rejected rows."),
    "no_rejected": ("本批没有隔离行。", "No row of this batch is rejected."),
    "unreachable": ("枢纽不可达", "the hub cannot be reached"),
    "alerts": ("告警", "Alerts"),
    "deadline": ("运行超时", "a run missed its deadline"),
    "referral_late": ("交办逾期", "a referral is late"),
    "storage": ("存储有误", "storage is damaged"),
    "mirror": ("镜像不全", "a mirror lacks parts"),
    "peer_alarm": ("对方枢纽告警", "a peer has raised an alarm"),
    "back": ("返回", "Back"),
    "no_feeds": (
        "stewards.toml 尚未列出数据集，见 docs/airflow.md。",
        "stewards.toml lists no datasets yet: see docs/airflow.md.",
    ),
    "act_late": ("数据未按约定到达", "has not come in time"),
    "act_quarantine": ("有行被隔离", "has rejected rows"),
    "act_refer": ("结论为提出异议，请审阅后发送", "is to be referred: look, then send"),
    "act_waiting": ("等待校验", "awaits validation"),
    "referrals": ("交办与异议", "Referrals"),
    "title_of": ("事项", "subject"),
    "handler": ("办理方", "handler"),
    "state": ("状态", "state"),
    "until": ("期限", "deadline"),
    "issuer": ("提出方", "issuer"),
    "sent": ("已交办", "sent"),
    "received": ("已签收", "received"),
    "accepted": ("已受理", "accepted"),
    "returned": ("已退回", "returned"),
    "in_work": ("办理中", "in work"),
    "reported": ("已反馈", "reported"),
    "reopened": ("重新办理", "reopened"),
    "days_over": ("逾期 {days} 个工作日", "{days} working days late"),
    "days_more": ("{days} 个工作日", "{days} working days"),
    "to_close": ("待核销", "waits to be closed"),
    "last_day": ("今日到期", "due today"),
    "days_left": ("剩余工作日", "working days left"),
    "object": ("发送数据异议", "Send an objection 数据异议"),
    "comparisons": ("两岸与名单比对", "Comparisons of both sides"),
    "boundary": ("界断面", "boundary"),
    "delivery": ("送达", "delivery"),
    "cases": ("案件移送", "case transfers"),
    "kind": ("类别", "kind"),
    "name": ("名称", "name"),
    "pairs": ("比对数", "compared"),
    "differences": ("不一致", "differences"),
    "unput": ("未提异议", "not put yet"),
    "left": ("甲方", "first side"),
    "right": ("乙方", "second side"),
    "cause": ("原因", "cause"),
    "certain": ("把握", "certainty"),
    "what": ("对象", "what"),
    "item": ("项目", "item"),
    "at": ("时间", "time"),
    "compared_at": ("比对时间", "compared at"),
    "no_differences": ("双方一致。", "Both sides agree."),
    "put_already": ("已就其提出异议", "an objection about it is open"),
    "act_overdue": ("已逾期未办", "is past its deadline"),
    "act_differences": ("有不一致尚未提出异议", "has differences that nobody was asked about"),
    "owner": ("发布方", "publisher"),
    "contract": ("合约", "contract"),
    "severity": ("严重程度", "severity"),
    "seen": ("所见", "seen"),
}


def words_in(language: str) -> dict[str, str]:
    """Every word in one language."""
    at = LANGUAGES.index(language)
    return {name: pair[at] for name, pair in WORDS.items()}


def language_of(asked: str | None, accepted: str) -> str:
    """The language asked for, else the one that the browser prefers; Chinese where it says neither."""
    if asked in LANGUAGES:
        return str(asked)
    for part in accepted.lower().split(","):
        for language in LANGUAGES:
            if part.strip().startswith(language):
                return language
    return LANGUAGES[0]
