"""Whether every record of Kafka became what it should, once: the accounts of the consumers, and a count that does not
trust them."""

from __future__ import annotations

from collections import Counter

from e2e.shop import SCRIPTS, Shop

QUIET = {"simulator": {"enabled": False}}


def events(shop: Shop) -> int:
    """How many are stored."""
    return shop.number("select count(*) from raw.events")


def flows(shop: Shop, count: int = 1) -> None:
    """Returns once so many more events are stored than when it was asked."""
    before = events(shop)
    shop.until("drained", f"{count} more events are stored", lambda: events(shop) >= before + count)


def drained(shop: Shop) -> bool:
    """Whether the database has read all that Kafka holds."""
    reached = shop.sql("select partition_id, max(next_offset) from raw.batches group by 1")
    read = {int(partition): int(offset) for partition, offset in reached}
    return all(read.get(partition, 0) == end for partition, end in shop.end_offsets().items())


def account(shop: Shop) -> int:
    """Every record of the topic was read once and became something; how many events there are."""
    shop.until("drained", "every record is read", lambda: drained(shop))
    partitions = shop.sql(
        "select partition_id, min(first_offset), max(next_offset), sum(next_offset - first_offset) "
        "from raw.batches group by 1"
    )
    for partition, first, following, covered in partitions:
        assert (int(first), int(covered)) == (0, int(following)), f"partition {partition} has a gap or an overlap"
    read, inserted, conflict, dead = (
        int(value)
        for value in shop.sql("select sum(read), sum(inserted), sum(conflict), sum(dead) from raw.batches")[0]
    )
    assert shop.number("select sum(inserted + duplicate + conflict + dead) from raw.batches") == read
    assert sum(shop.end_offsets().values()) == read
    assert events(shop) == inserted
    assert shop.number("select count(*) from raw.event_conflicts") == conflict
    assert shop.number("select count(*) from raw.dead_letters") == dead
    return inserted


def rest(shop: Shop) -> int:
    """Nothing is sent any more; how many events there are once all are read."""
    shop.change(QUIET)
    shop.until("gone", "the simulator is gone", lambda: not shop.pods("simulator"))
    return account(shop)


def audit(shop: Shop) -> int:
    """The same, and then id by id: what another reader finds in Kafka is what the tables hold."""
    count = rest(shop)
    dead = {(row[0], row[1]) for row in shop.sql("select partition_id, kafka_offset from raw.dead_letters")}
    sent = [line.split(" ", 2) for line in shop.python("consumer", SCRIPTS / "records.py").splitlines()]
    wanted = {one.lower() for partition, offset, one in sent if (partition, offset) not in dead}
    stored = Counter(row[0] for row in shop.sql("select event_id from raw.events"))
    twice = [one for one, times in stored.items() if times > 1]
    assert not twice, f"{len(twice)} events are stored twice: {twice[:5]}"
    lost, invented = wanted - stored.keys(), stored.keys() - wanted
    assert not lost, f"{len(lost)} events are lost: {sorted(lost)[:5]}"
    assert not invented, f"{len(invented)} events are in no record: {sorted(invented)[:5]}"
    assert len(stored) == count > 0
    return count
