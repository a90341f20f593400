"""A new contract version before those who read an older one under an agreement, on one hub."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from exchange.agreement.move import Act
from exchange.cli.contracts import app
from exchange.client import Client
from exchange.client.agreement import move_agreement, propose_terms
from exchange.client.search import compare_contract
from exchange.errors import IncompatibleContractError
from exchange.v1 import catalog_pb2
from tests.contracts import column, contract_text, key
from tests.e2e.test_exchange import register
from tests.hubs import Site

pytestmark = pytest.mark.e2e
DATASET = "500000/ecology/gauge"
READER = "500000/water"
KEYS = (key("section", "string", 1), key("at", "timestamp", 2))
LEVEL, COUNT, NOTE = column("level", "number"), column("count", "integer"), column("note", "string")


def version(number: str, *columns: dict[str, object], compatibility: str = "full") -> bytes:
    return contract_text(
        [*KEYS, *columns], version=number, sharing="conditional", compatibility=compatibility
    )


@pytest.fixture(scope="module")
def owner(site: Site) -> Iterator[Client]:
    with site.client() as client:
        register(client, version("1.0.0", LEVEL, COUNT))
        yield client


@pytest.fixture(scope="module")
def reader(site: Site, owner: Client) -> Iterator[Client]:
    with site.client(site.water) as client:
        yield client


@pytest.fixture(scope="module")
def agreement(owner: Client, reader: Client) -> str:
    """In force, on 1.0.0, about the keys and `level`; then 1.1.0 comes, which may drop columns, and drops `count`."""
    until = datetime.now(UTC) + timedelta(days=30)
    asked = propose_terms(
        reader, DATASET, READER, purpose="联合研判", until=until, columns=["section", "at", "level"]
    )
    for side in (owner, reader, owner):
        move_agreement(side, asked.agreement.id)
    register(owner, version("1.1.0", LEVEL, NOTE, compatibility="backward"))
    return asked.agreement.id


def kinds(found: catalog_pb2.ContractConsumer) -> list[str]:
    return [item.kind for item in found.breaks]


def test_what_is_not_granted_concerns_nobody(owner: Client, agreement: str) -> None:
    found = compare_contract(owner, version("1.2.0", LEVEL, NOTE))
    assert (found.against, found.allowed) == ("gauge@1.1.0", True)
    [consumer] = found.consumers
    assert (consumer.agency, consumer.agreement) == (READER, agreement)
    assert (consumer.contract, consumer.level) == (
        "gauge@1.0.0",
        catalog_pb2.COMPATIBILITY_LEVEL_FULL,
    )
    assert kinds(consumer) == []


def test_a_consumer_of_an_older_version_is_named_and_holds_it_up(
    owner: Client, reader: Client, agreement: str
) -> None:
    # 1.2.0 lets go of `level`, as its own compatibility allows; nothing of 1.2.0 is missing in 1.3.0
    dropped = compare_contract(owner, version("1.2.0", NOTE, compatibility="backward"))
    assert dropped.allowed
    assert kinds(dropped.consumers[0]) == ["column_removed"]
    register(owner, version("1.2.0", NOTE, compatibility="backward"))
    third = version("1.3.0", NOTE, COUNT)
    found = compare_contract(owner, third)
    assert (found.level, found.allowed) == (catalog_pb2.COMPATIBILITY_LEVEL_FULL, False)
    assert kinds(found.consumers[0]) == ["column_removed"]
    with pytest.raises(IncompatibleContractError) as refused:
        register(owner, third)
    assert all(word in refused.value.message for word in (READER, "gauge@1.0.0", agreement))
    assert [(item.field, item.rule) for item in refused.value.violations] == [("level", "column_removed")]


def test_a_new_major_version_is_taken_and_names_whom_it_reaches(
    site: Site, owner: Client, agreement: str, tmp_path: Path
) -> None:
    second = tmp_path / "2.yaml"
    second.write_bytes(version("2.0.0", NOTE))
    run = CliRunner().invoke(app, ["diff", str(second), "--home", str(site.ecology)], env={"COLUMNS": "100"})
    assert run.exit_code == 0
    assert "500000/water" in run.output
    assert "level · column_removed" in run.output
    registered = register(owner, second.read_bytes()).compatibility
    assert [each.agreement for each in registered.consumers] == [agreement]
    assert registered.allowed


def test_others_see_their_own_agreements_and_ended_ones_count_no_more(
    site: Site, owner: Client, reader: Client, agreement: str
) -> None:
    text = version("3.0.0", NOTE)
    assert len(compare_contract(reader, text).consumers) == 1
    with site.client(site.hub.enroll("agriculture")) as stranger:
        assert list(compare_contract(stranger, text).consumers) == []
    move_agreement(owner, agreement, Act.SUSPEND)
    assert len(compare_contract(owner, text).consumers) == 1
    move_agreement(owner, agreement, Act.TERMINATE)
    assert list(compare_contract(owner, text).consumers) == []
