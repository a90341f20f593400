"""Compensation by the formulas of the shipped contracts; amounts worked out by hand beside them."""

from __future__ import annotations

import pytest

from exchange.contract.load import load_contract, shipped_contracts
from exchange.errors import InvalidInputError, MalformedError
from exchange.report.compensation.count import Basis, by_class, by_index, by_shares
from exchange.report.compensation.terms import ClassChange, Index, Shares, read_terms

CONTRACTS = {contract.ref.name: contract for contract in map(load_contract, shipped_contracts())}
MILLION = 1e6


def formula(name: str) -> object:
    return read_terms(CONTRACTS[f"compensation-{name}"]).formula


@pytest.mark.parametrize(
    ("level", "target", "last_year", "yuan", "basis"),
    [
        (2, 3, 3, MILLION, Basis.BETTER),  # II, asked for III, was III: downstream pays
        (3, 3, 3, 0.0, Basis.SAME),
        (3, 3, 2, -MILLION, Basis.WORSE),  # still III, but was II: upstream pays
        (4, 3, 5, -MILLION, Basis.MISSED),  # better than last year's V, yet off its target
        (0, 3, 3, 0.0, Basis.UNKNOWN),
        (3, None, 3, 0.0, Basis.UNKNOWN),
        (3, 3, 0, 0.0, Basis.UNKNOWN),
    ],
)
def test_chongqing_pays_by_class(
    level: int, target: int | None, last_year: int, yuan: float, basis: Basis
) -> None:
    terms = formula("chongqing")
    assert isinstance(terms, ClassChange)
    found = by_class(terms, level, target, last_year)
    assert (found.yuan, found.basis) == (yuan, basis)


def test_the_xinan_index() -> None:
    terms = formula("xinan")
    assert isinstance(terms, Index)
    base = {"w01019": 2.0, "w21003": 0.2, "w21001": 1.0, "w21011": 0.04}
    # 0.85 · ¼ · (1.8/2.0 + 0.22/0.2 + 1.2/1.0 + 0.04/0.04) = 0.2125 · (0.9 + 1.1 + 1.2 + 1.0) = 0.8925: downstream pays
    found = by_index(terms, {"w01019": 1.8, "w21003": 0.22, "w21001": 1.2, "w21011": 0.04}, base)
    assert found.index == pytest.approx(0.8925)
    assert found.yuan == 100 * MILLION
    # 0.2125 · (1 + 1 + 2 + 1) = 1.0625 > 1: upstream pays
    found = by_index(terms, {**base, "w21001": 2.0}, base)
    assert found.index == pytest.approx(1.0625)
    assert found.yuan == -100 * MILLION
    # exactly 1 is still within
    assert by_index(terms, dict.fromkeys(base, 1.0), dict.fromkeys(base, 0.85)).yuan == 100 * MILLION
    with pytest.raises(InvalidInputError, match="w21001"):
        by_index(terms, {"w01019": 1.8}, base)


def test_the_chishui_fund() -> None:
    terms = formula("chishui")
    assert isinstance(terms, Shares)
    whole = dict.fromkeys(("清水铺", "鲢鱼溪", "茅台镇上游"), 0.0)
    # 200 million: paid in 1:5:4 (20, 100, 80), allotted 3:4:3 (60, 80, 60)
    found = by_shares(terms, whole)
    assert {party: round(account.net / MILLION, 6) for party, account in found.items()} == {
        "510000": -20.0,
        "520000": -20.0,
        "530000": 40.0,
    }
    # one item of three is missed at 清水铺: Yunnan loses a third of its 60, 10 to each of the others
    found = by_shares(terms, {**whole, "清水铺": 1 / 3})
    assert found["530000"].lost == pytest.approx(20 * MILLION)
    assert [found[party].gained for party in ("510000", "520000")] == pytest.approx([10 * MILLION] * 2)
    # all are missed at 茅台镇上游: half of half of 80 and of 60 stays in the fund
    found = by_shares(terms, {**whole, "茅台镇上游": 1.0})
    assert (found["520000"].lost, found["510000"].lost) == pytest.approx((20 * MILLION, 15 * MILLION))
    assert sum(account.gained for account in found.values()) == 0
    with pytest.raises(InvalidInputError, match="鲢鱼溪"):
        by_shares(terms, {"清水铺": 0.0, "茅台镇上游": 0.0})


def test_a_contract_without_a_formula_is_refused() -> None:
    with pytest.raises(MalformedError, match="compensation"):
        read_terms(CONTRACTS["boundary-comparison"])
