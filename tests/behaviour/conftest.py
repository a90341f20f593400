"""Every driver of a port is a parameter; PostgreSQL and S3 are real servers and never skipped."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import boto3
import psycopg
import pytest

from exchange.settings import Store
from exchange.store import open_ledger, open_objects
from exchange.store.posix import PosixObjectStore
from exchange.store.s3 import S3ObjectStore
from exchange.store.sql import SqlLedgerStore
from tests.behaviour.server import ACCESS_KEY, SECRET_KEY, postgresql, seaweedfs

ObjectDriver = PosixObjectStore | S3ObjectStore
OpenLedger = Callable[[], SqlLedgerStore]

LEDGERS = [pytest.param("sqlite"), pytest.param("postgresql", marks=pytest.mark.postgres)]
OBJECTS = [pytest.param("posix"), pytest.param("s3", marks=pytest.mark.s3)]


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgresql(tmp_path_factory.mktemp("postgresql")) as url:
        yield url


@pytest.fixture(scope="session")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`s3://…` with an endpoint; the credentials are in the environment, where a hub looks for them."""
    with pytest.MonkeyPatch.context() as patch, seaweedfs(tmp_path_factory.mktemp("s3")) as (endpoint, _):
        patch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
        client.create_bucket(Bucket="hechuan")
        client.close()
        yield f"s3://hechuan/{{prefix}}?endpoint={endpoint}&region=us-east-1"


@pytest.fixture
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of its own; the parameter names the driver."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    server: str = request.getfixturevalue("postgresql_server")
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return server.replace("/postgres?", f"/{name}?")


@pytest.fixture
def open_store(ledger_url: str, tmp_path: Path) -> Iterator[OpenLedger]:
    """Opens the same database again and again, as several processes would; limits short enough for tests."""
    settings = Store(ledger=ledger_url, sequence_wait_seconds=10.0, sequence_hold_seconds=1.0)
    with ExitStack() as stack:

        def opened() -> SqlLedgerStore:
            store = open_ledger(settings, tmp_path)
            stack.callback(store.close)
            return store

        yield opened


@pytest.fixture
def ledger(open_store: OpenLedger) -> SqlLedgerStore:
    return open_store()


@pytest.fixture
def open_object_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], ObjectDriver]]:
    """Opens the same objects again and again; the parameter names the driver."""
    objects = ""
    if request.param == "s3":
        objects = request.getfixturevalue("bucket").format(prefix=uuid.uuid4().hex)
    with ExitStack() as stack:

        def opened() -> ObjectDriver:
            store = open_objects(Store(objects=objects, cache_bytes=1 << 20), tmp_path / "objects")
            stack.callback(store.close)
            return store

        yield opened


@pytest.fixture
def objects(open_object_store: Callable[[], ObjectDriver]) -> ObjectDriver:
    return open_object_store()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that reaches for a driver runs once with each."""
    if "ledger_url" in metafunc.fixturenames:
        metafunc.parametrize("ledger_url", LEDGERS, indirect=True)
    if "open_object_store" in metafunc.fixturenames:
        metafunc.parametrize("open_object_store", OBJECTS, indirect=True)
