"""A server that takes nobody but over TLS, as CloudNativePG and managed databases are run: every component gets in.

The roles are those of one pipeline among several, with a password in which every character has a meaning somewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from kit.certificates import Authority
from kit.documents import numbered
from kit.encrypted import encrypted
from kit.pipeline import Pipeline
from psycopg import sql
from psycopg.conninfo import make_conninfo

from pulse.adapters.postgres import connect
from pulse.errors import DatabaseUnavailable, DatabaseWrong
from pulse.names import database_roles, role_prefix
from pulse.plan import Plan
from pulse.settings import DatabaseSettings, LogSettings, MigrateSettings, TransformSettings
from pulse_local import ports
from pulse_local.services import postgres
from pulse_local.services.kafka import Broker

pytestmark = pytest.mark.integration

PASSWORD = "p@ss:w/o?r#d&a=b%20+[x]{{ y }}{% z %}'\"\\ $HOME é1"
PROJECT = Path(__file__).parents[2] / "dbt"
EVENTS = 200


@dataclass(frozen=True)
class Secured:
    """The way to the session's server over TLS, and the file with the CA that it is checked against."""

    server: postgres.Server
    port: int
    ca: Path

    def dsn(self, database: str, user: str, password: str) -> str:
        """The connection string in the form that an operator writes."""
        checks = f"sslmode=verify-full&sslrootcert={quote(str(self.ca))}"
        return f"postgresql://{user}:{quote(password, safe='')}@{ports.HOST}:{self.port}/{database}?{checks}"

    def admin(self, **changes: str) -> str:
        return make_conninfo(self.dsn("postgres", postgres.ADMIN, self.server.password), **changes)


@pytest.fixture(scope="module")
def secured(postgres_server: postgres.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    directory = tmp_path_factory.mktemp("secured")
    authority = Authority(directory / "authority")
    ca = directory / "ca of the cluster.crt"
    ca.write_text(authority.certificate)
    with encrypted(authority.issue("postgres", hosts=[ports.HOST]), postgres_server.port, directory) as port:
        yield Secured(postgres_server, port, ca)


@pytest.fixture
def pipeline(secured: Secured, broker: Broker, topics: Plan, tmp_path: Path) -> Iterator[Pipeline]:
    """A pipeline's database and roles as an operator makes them; nothing is migrated."""
    roles = database_roles(role_prefix(topics.pipeline))
    with psycopg.connect(secured.admin(), autocommit=True) as connection:
        for role in (roles.owner, roles.ingest, roles.transform, roles.reader):
            statement = sql.SQL("create role {} login password {}")
            connection.execute(statement.format(sql.Identifier(role), sql.Literal(PASSWORD)))
        names = [sql.Identifier(name) for name in (roles.transform, roles.owner, topics.pipeline, roles.owner)]
        connection.execute(sql.SQL("grant {} to {}").format(*names[:2]))
        connection.execute(sql.SQL("create database {} owner {}").format(*names[2:]))
    ingest, transform = (secured.dsn(topics.pipeline, role, PASSWORD) for role in (roles.ingest, roles.transform))
    made = Pipeline(
        broker.settings,
        DatabaseSettings(secured.admin(dbname=topics.pipeline)),
        DatabaseSettings(ingest),
        DatabaseSettings(transform),
        topics,
        tmp_path,
    )
    yield made
    made.close()
    with psycopg.connect(secured.admin(), autocommit=True) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(topics.pipeline)))


def test_migrations_consumer_and_dbt_work_by_their_connection_strings_alone(
    secured: Secured, pipeline: Pipeline
) -> None:
    name = pipeline.plan.pipeline
    owner = DatabaseSettings(secured.dsn(name, database_roles(role_prefix(name)).owner, PASSWORD))
    migrate = MigrateSettings(owner, LogSettings("info", "json"), name, role_prefix(name))
    code, said = pipeline.end_of(pipeline.start(["-m", "pulse_consumer", "migrate"], migrate.to_env()))
    assert code == 0, said

    pipeline.produce(numbered(EVENTS))
    pipeline.start_consumer()
    pipeline.wait_until_caught_up()

    transform = TransformSettings(pipeline.transform, LogSettings("info", "json"), str(PROJECT))
    code, said = pipeline.end_of(pipeline.start(["-m", "pulse_transform", "run"], transform.to_env()))
    assert code == 0, said
    assert pipeline.number("select sum(event_count) from marts.fct_sessions") == EVENTS


def test_a_server_that_cannot_prove_who_it_is_gets_no_password(secured: Secured, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger.crt"
    stranger.write_text(Authority(tmp_path / "stranger").certificate)
    with pytest.raises(DatabaseUnavailable, match="certificate verify failed"):
        connect(secured.admin(sslrootcert=str(stranger)), "test")
    with pytest.raises(DatabaseUnavailable, match='does not match host name "localhost"'):
        connect(secured.admin(host="localhost"), "test")


def test_a_missing_file_of_the_ca_is_named(secured: Secured, tmp_path: Path) -> None:
    missing = tmp_path / "none.crt"
    with pytest.raises(DatabaseWrong, match=f'"{missing}" does not exist'):
        connect(secured.admin(sslrootcert=str(missing)), "test")


def test_this_way_leads_nowhere_without_encryption(secured: Secured) -> None:
    with pytest.raises(DatabaseUnavailable, match="server closed the connection"):
        connect(secured.admin(sslmode="disable"), "test")
