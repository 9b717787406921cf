"""A prepared database for a test, and one for all tests of a module that only read."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from pulse.settings import DatabaseSettings
from pulse_local.services import postgres

from . import warehouse


@pytest.fixture
def raw_dsn(database: DatabaseSettings) -> str:
    """A database with Pulse's tables and nothing in them."""
    warehouse.prepare(database.dsn)
    return database.dsn


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
