"""Amounts and connection strings, rule by rule."""

from __future__ import annotations

import pytest

from pulse_operator.render.dsn import jdbc, lacking, parts, place, secured
from pulse_operator.render.quantity import canonical

CA = "/etc/pulse/credentials/postgres-ca.crt"

# k8s-tests/operator/test_render.py asks a real API server.
QUANTITIES = {
    "0": "0",
    "0Mi": "0",
    "1": "1",
    "1000m": "1",
    "0.5": "500m",
    "1.5": "1500m",
    "0.0001": "100u",
    "250m": "250m",
    "2000m": "2",
    "1500m": "1500m",
    "1024Mi": "1Gi",
    "1536Mi": "1536Mi",
    "1.5Gi": "1536Mi",
    "0.5Ki": "512",
    "0.1Gi": "107374182400m",
    "1024Gi": "1Ti",
    "512Ki": "512Ki",
    "2048": "2048",
    "128000000": "128M",
    "1k": "1k",
    "1000k": "1M",
    "1.25G": "1250M",
    "007": "7",
    "100.0m": "100m",
    "0.0000000001": "1n",
    "0.000000000001Ki": "2n",
    "0.9765625Ki": "1k",
}


@pytest.mark.parametrize("text", QUANTITIES)
def test_an_amount_is_written_as_the_api_server_stores_it(text: str) -> None:
    assert canonical(text) == QUANTITIES[text]
    assert canonical(canonical(text)) == canonical(text)


@pytest.mark.parametrize(
    ("dsn", "becomes"),
    [
        ("postgresql://u:p@h/d", f"postgresql://u:p@h/d?sslmode=verify-full&sslrootcert={CA}"),
        ("postgresql://h/d?sslmode=require", f"postgresql://h/d?sslmode=require&sslrootcert={CA}"),
        ("postgres://h/d?sslmode=disable&sslrootcert=/mine", "postgres://h/d?sslmode=disable&sslrootcert=/mine"),
        ("host=h dbname=d", f"host=h dbname=d sslmode=verify-full sslrootcert={CA}"),
        ("host=h password='sslmode=x sslrootcert=y'", None),
    ],
)
def test_a_ca_is_named_unless_the_connection_string_says_how(dsn: str, becomes: str | None) -> None:
    assert secured(dsn, CA) == (becomes or f"{dsn} sslmode=verify-full sslrootcert={CA}")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("postgresql://u:p@h:5432/d", "postgresql://v:q@h:5432/d"),
        ("postgresql://u:p%40x@h/d?sslmode=require", "postgresql://h/d?password=q&user=v"),
        ("host=h dbname=d password='a b' user=u", "user=v dbname=d password=host=x host=h"),
        ("host=h password='host=other'", "password = 'it\\'s' host = h"),
    ],
)
def test_who_asks_does_not_change_the_place(one: str, other: str) -> None:
    assert place(one) == place(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("postgresql://u:p@h/d", "postgresql://u:p@h/e"),
        ("postgresql://u:p@h/d", "postgresql://u:p@i/d"),
        ("postgresql://h1,h2/d", "postgresql://h1,h3/d"),
        ("postgresql:///d?host=a", "postgresql:///d?host=b"),
        ("host=h dbname=d", "host=h dbname=e"),
        ("host=h port=1", "host=h port=2"),
    ],
)
def test_another_database_is_another_place(one: str, other: str) -> None:
    assert place(one) != place(other)


@pytest.mark.parametrize(
    ("dsn", "url"),
    [
        ("postgresql://u:p%40%2Fs@h/d", "h:5432/d"),
        ("postgres://u:p%40%2Fs@h:6432/d?sslmode=require&connect_timeout=3", "h:6432/d?sslmode=require"),
        ("postgresql://u:p%40%2Fs@[::1]:6432/d", "[::1]:6432/d"),
        ("postgresql://u:p%40%2Fs@[::1]/d", "[::1]:5432/d"),
        (f"host=h user=u dbname=d password='p@/s' sslrootcert={CA}", f"h:5432/d?sslrootcert={CA}"),
        (r"host=h port=1 user=u dbname='d e' password=p@/s", "h:1/d%20e"),
    ],
)
def test_java_asks_the_same_place_as_the_same_user(dsn: str, url: str) -> None:
    made = jdbc(dsn)
    assert made.url == f"jdbc:postgresql://{url}"
    assert (made.user, made.password) == ("u", "p@/s")


@pytest.mark.parametrize(
    ("dsn", "lacks"),
    [
        ("postgresql://u:p@h/d", ""),
        ("postgresql://u:p@h/", "dbname"),
        ("postgresql://u:p@/d", "host"),
        ("postgresql://:p@h/d", "user"),
        ("postgresql://u@h/d", "password"),
        ("host=h user=u dbname=d", "password"),
        ("service=shop", "host"),
        ("", "host"),
        (r"host=h user=u dbname=d password='it\'s'", ""),
    ],
)
def test_what_a_connection_string_does_not_say_is_named(dsn: str, lacks: str) -> None:
    assert lacking(parts(dsn)) == lacks


def test_quotes_and_backslashes_are_read_as_libpq_reads_them() -> None:
    assert parts(r"password='it\'s \\ so' host=a\ b".replace(r"a\ b", "ab"))["password"] == r"it's \ so"
