"""What becomes of the stand-in's Postgres when its primary is killed: no commit that was acknowledged is lost, and
there is never a second primary."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from kind.commands import CommandError
from smoke.place import CLUSTERS, CNPG, HEALTHY, Place

FIRST, SECOND = "pg-1", "pg-2"
SYNCHRONOUS = {"synchronous": {"method": "any", "number": 1, "dataDurability": "required"}}
ROWS = "select count(*), coalesce(max(n), 0) from kept"


def pair(place: Place, postgresql: dict[str, Any]) -> None:
    """A primary and a replica, and a table with a thousand rows."""
    place.make(CNPG, "Cluster", "pg", {"instances": 2, "storage": {"size": "1Gi"}, "postgresql": postgresql})
    place.until("both instances are well", lambda: is_well(place, FIRST))
    place.sql(FIRST, "create table kept (n int)")
    place.sql(FIRST, "insert into kept select generate_series(1, 1000)")


def is_well(place: Place, primary: str) -> bool:
    told = place.status(CLUSTERS, "pg")
    keys = ("phase", "currentPrimary", "targetPrimary", "instances", "readyInstances")
    return [told.get(key) for key in keys] == [HEALTHY, primary, primary, 2, 2]


def behind(place: Place, service: str) -> str:
    """The addresses of the pods behind a Service."""
    slices = ("endpointslices", "-l", f"kubernetes.io/service-name={service}")
    return place.kubectl("get", *slices, "-o", "jsonpath={.items[*].endpoints[*].addresses[*]}")


def address(place: Place, pod: str) -> str:
    return place.kubectl("get", "pod", pod, "-o", "jsonpath={.status.podIP}")


def freeze_replication(place: Place) -> None:
    """From now on nothing of what the primary writes reaches the replica."""
    process = place.sql(SECOND, "select pid from pg_stat_wal_receiver")
    place.kubectl("exec", SECOND, "-c", "postgres", "--", "bash", "-c", f"kill -STOP {process}")


@pytest.mark.parametrize("end", [Place.kill, Place.delete], ids=["killed", "deleted"])
def test_a_replica_takes_over_with_every_commit_and_the_old_primary_follows_it(
    place: Place, end: Callable[[Place, str], None]
) -> None:
    pair(place, SYNCHRONOUS)
    assert (behind(place, "pg-rw"), behind(place, "pg-ro")) == (address(place, FIRST), address(place, SECOND))
    before = place.uid(FIRST)
    place.sql(FIRST, "insert into kept values (1001)")
    end(place, FIRST)

    place.until("the replica has taken over and both are well", lambda: is_well(place, SECOND))
    assert place.uid(FIRST) not in ("", before)
    assert place.sql(SECOND, ROWS) == "1001|1001"
    assert place.sql(FIRST, "select pg_is_in_recovery()") == "t"
    place.sql(SECOND, "insert into kept values (1002)")  # comes back only once the other has it
    place.until("the old primary shows what the new one wrote", lambda: place.sql(FIRST, ROWS) == "1002|1002")
    with pytest.raises(CommandError, match="read-only"):
        place.sql(FIRST, "insert into kept values (1003)")
    assert (behind(place, "pg-rw"), behind(place, "pg-ro")) == (address(place, SECOND), address(place, FIRST))


def test_a_replica_that_is_behind_is_not_promoted(place: Place) -> None:
    pair(place, {})
    freeze_replication(place)
    before = place.uid(FIRST)
    written = place.sql(FIRST, "insert into kept values (1001) returning clock_timestamp()").splitlines()[0]
    # The stand-in looks at the primary once a second, so it has seen the row when it asked two seconds later.
    asked = f"usename = 'postgres' and pid <> pg_backend_pid() and query_start > '{written}'::timestamptz + '2 s'"
    look = f"select 1 from pg_stat_activity where backend_type = 'client backend' and {asked}"  # noqa: S608
    place.until("the stand-in has seen how far the primary is", lambda: place.sql(FIRST, look))
    place.kill(FIRST)
    place.until("the primary is back", lambda: place.uid(FIRST) not in ("", before) and place.sql(FIRST, "select 1"))
    assert place.sql(FIRST, ROWS) == "1001|1001"
    assert place.sql(FIRST, "select pg_is_in_recovery()") == "f"
    told = place.status(CLUSTERS, "pg")
    assert (told["currentPrimary"], told["targetPrimary"]) == (FIRST, FIRST)


def test_a_commit_waits_for_the_replica_if_the_cluster_says_so(place: Place) -> None:
    pair(place, SYNCHRONOUS)
    freeze_replication(place)
    insert = ("psql", "-d", "app", "-c", "insert into kept values (1001)")
    with pytest.raises(CommandError, match="exit code 124"):  # it was ended by the limit
        place.kubectl("exec", FIRST, "-c", "postgres", "--", "timeout", "3", *insert)
    assert place.sql(FIRST, ROWS) == "1000|1000"


def test_a_server_that_dies_in_its_pod_starts_again_with_its_data(place: Place) -> None:
    place.make(CNPG, "Cluster", "pg", {"instances": 1, "storage": {"size": "1Gi"}})
    place.until("it is well", lambda: place.status(CLUSTERS, "pg").get("phase") == HEALTHY)
    begun = "select pg_postmaster_start_time()"
    place.until("its database is there", lambda: place.sql(FIRST, "create table kept as select 7 as n"))
    before = place.sql(FIRST, begun)
    place.kubectl("exec", FIRST, "-c", "postgres", "--", "bash", "-c", "kill -QUIT 1")
    place.until("it has started again", lambda: place.sql(FIRST, begun) > before)
    assert place.sql(FIRST, ROWS) == "1|7"


def test_an_application_finds_its_database_in_the_secret(place: Place) -> None:
    place.make(CNPG, "Cluster", "pg", {"instances": 1, "storage": {"size": "1Gi"}})
    secret = json.loads(
        place.until("the Secret is there", lambda: place.kubectl("get", "secret", "pg-app", "-o", "json"))
    )
    uri = base64.b64decode(secret["data"]["uri"]).decode()
    ask = ("psql", f"{uri}?sslmode=require", "-Atc", "select current_user, current_database()")
    logged_in = place.until("it lets in", lambda: place.kubectl("exec", FIRST, "-c", "postgres", "--", *ask))
    assert logged_in.strip() == "app|app"
