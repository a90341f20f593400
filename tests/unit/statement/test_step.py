"""Steps of every kind: what is signed is what is read, and nothing else is read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exchange.accord.move import Act as AccordAct
from exchange.errors import LimitExceededError, MalformedError
from exchange.ids import parse_case
from exchange.settlement.move import Act as SettlementAct
from exchange.statement.step import Step
from exchange.trust.canonical import canonical, parse_canonical
from exchange.trust.envelope import verify
from exchange.trust.keys import SigningKey
from tests import accords, referrals, settlements

STEPS = (
    accords.move(None, AccordAct.PROPOSE, accords.LEFT),
    referrals.first(referrals.make_order()),
    settlements.move(None, SettlementAct.PROPOSE, settlements.LEFT, "0.62"),
)
KINDS = pytest.mark.parametrize("step", STEPS, ids=lambda step: step.TYPE.split(".")[-1])


@KINDS
def test_what_is_signed_is_what_is_read(step: Step) -> None:
    key = SigningKey.generate()
    payload = verify(step.signed(key), step.TYPE, lambda _: key.verify_key)
    read = type(step).parse(payload)
    assert (read, read.digest) == (step, step.digest)


@KINDS
@pytest.mark.parametrize(
    "changed", [{"v": 2}, {"more": 1}, {"by": 1}, {"parties": "500000/water"}, {"previous": "sha256:0"}]
)
def test_another_member_or_another_heading_is_refused(step: Step, changed: dict[str, object]) -> None:
    with pytest.raises(MalformedError):
        type(step).parse(canonical({**parse_canonical(canonical(step.to_json())), **changed}))


@KINDS
def test_a_payload_has_an_end(step: Step) -> None:
    with pytest.raises(LimitExceededError):
        type(step).parse(b" " * (step.MOST + 1))
    long = replace(step, reason="长" * step.MOST)  # type: ignore[type-var]
    with pytest.raises(LimitExceededError):
        long.signed(SigningKey.generate())


def test_the_id_of_a_case_is_half_a_digest() -> None:
    assert parse_case("accord", "0a" * 16) == "0a" * 16
    for wrong in ("", "0A" * 16, "0a" * 15, "0a" * 16 + "\n", "/etc/passwd" + "0" * 21):
        with pytest.raises(MalformedError, match=r"^accord "):
            parse_case("accord", wrong)
