"""A prepared database for a test, and one for all tests of a module that only read."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg
import pytest
from kit.guardian import Guardian

from pulse.settings import DatabaseSettings
from pulse_local.services import postgres

from . import warehouse
from .exactness import Judge, recordings


@pytest.fixture
def raw_dsn(database: DatabaseSettings) -> str:
    """A database with Pulse's tables and nothing in them."""
    warehouse.prepare(database.dsn)
    return database.dsn


@pytest.fixture
def fresh_dsn(postgres_server: postgres.Server) -> Iterator[str]:
    """Another one like it."""
    with _database(postgres_server) as dsn:
        warehouse.prepare(dsn)
        yield dsn


@pytest.fixture(scope="module")
def module_dsn(postgres_server: postgres.Server) -> Iterator[str]:
    """The same, for a whole module."""
    with _database(postgres_server) as dsn:
        warehouse.prepare(dsn)
        yield dsn


@contextmanager
def _database(server: postgres.Server) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(f"create database {name}".encode())
        yield server.dsn(name)
        connection.execute(f"drop database {name} with (force)".encode())


@pytest.fixture(scope="session")
def judge(guardian: Guardian, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    """Who judges histories cut into runs, on a server for many small tables and with dbt's statements taken down."""
    with warehouse.hasty_server("tests", guardian) as server, _database(server) as dsn:
        warehouse.prepare(dsn)
        with closing(Judge(dsn, recordings(dsn, tmp_path_factory.mktemp("recordings")))) as judge:
            yield judge
