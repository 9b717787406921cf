"""The consumer broken on purpose: the tests, and the faults of the campaign, that have to see it. Pure data.

`broken.py` carries it out. Where code moves, its mutation moves with it: `test_mutations.py` fails when one no longer
fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kit.breaking import Edit, Mutation

_CONSUMER = "images/consumer/pulse_consumer"
_WRITER = f"{_CONSUMER}/writer.py"
_OFFSETS = f"{_CONSUMER}/offsets.py"
_STATEMENTS = f"{_CONSUMER}/statements.py"
_SQLSTATE = "core/pulse/sqlstate.py"

_FAILPOINTS = (
    "tests/integration/test_failpoints.py"
    "::test_a_consumer_dies_at_its_failpoint_and_the_next_one_stores_everything_once"
)
_OWNERSHIP = "tests/integration/test_ownership.py"
_FENCED = f"{_OWNERSHIP}::test_a_former_owner_is_fenced_and_leaves_no_row"
_OUTAGES = "tests/integration/test_outages.py"
_MALFORMED = "tests/integration/test_malformed.py"
_CORPUS = f"{_MALFORMED}::test_every_document_of_the_corpus_ends_in_the_events_or_in_the_dead_letters"
_VERDICTS = "core/tests/test_policy.py::test_every_kind_of_failure_has_its_verdict"


@dataclass(frozen=True, slots=True)
class BrokenPromise:
    """A mutation, and the campaign that sees it: after these faults it says so (a pattern). None: it cannot see it."""

    mutation: Mutation
    faults: tuple[str, ...] = ()
    says: str = ""


_COMPARED = "    and held.epoch = moved.epoch and held.next_offset = moved.first_offset\n"

BROKEN_PROMISES: Sequence[BrokenPromise] = (
    BrokenPromise(
        Mutation(
            "offsets-before-events",
            "the stored offsets are committed in a transaction before that of the events, as a Kafka commit would be",
            (
                Edit(
                    _WRITER,
                    "            connection = self.connection()\n"
                    "            with connection.transaction(), connection.cursor() as cursor:\n"
                    "                written = self._write(",
                    "            connection = self.connection()\n"
                    "            moves = {number: (part.epoch, part.first, part.next)"
                    " for number, part in batch.parts.items()}\n"
                    "            with connection.transaction(), connection.cursor() as cursor:\n"
                    "                offsets.advance(cursor, self._source, moves)\n"
                    "            with connection.transaction(), connection.cursor() as cursor:\n"
                    "                written = self._write(",
                ),
                Edit(
                    _WRITER,
                    "        offsets.advance(cursor, self._source, moves)\n        written.next",
                    "        written.next",
                ),
            ),
            (f"{_FAILPOINTS}[copied]", f"{_FAILPOINTS}[inserted]", f"{_FAILPOINTS}[accounted]"),
        ),
        ("killed-at-copied",),
        r"events: [1-9]\d* are missing",
    ),
    BrokenPromise(
        Mutation(
            "offsets-after-events",
            "the ledger and the stored offsets follow in a transaction after that of the events",
            (
                Edit(
                    _WRITER,
                    "                written = self._write(connection, cursor, batch)\n"
                    "                failpoints.passed(Edge.ACCOUNTED)\n",
                    "                written = self._write(connection, cursor, batch)\n"
                    "            failpoints.passed(Edge.ACCOUNTED)\n"
                    "            with connection.transaction(), connection.cursor() as cursor:\n"
                    "                self._account(cursor, batch, written)\n",
                ),
                Edit(
                    _WRITER,
                    "        self._account(cursor, batch, written)\n        return written\n",
                    "        return written\n",
                ),
            ),
            (f"{_FAILPOINTS}[accounted]",),
        ),
        ("killed-at-accounted",),
        "rows by the ledger",
    ),
    BrokenPromise(
        Mutation(
            "epoch-not-compared",
            "a batch moves the stored offset when it starts there, whoever the owner is",
            (Edit(_OFFSETS, "held.epoch = moved.epoch and ", ""),),
            (f"{_FENCED}[20-10]",),
        ),
    ),
    BrokenPromise(
        Mutation(
            "only-forward",
            "a batch moves the stored offset when it ends ahead of it, a rule that looks sufficient",
            (Edit(_OFFSETS, _COMPARED, "    and held.next_offset < moved.next_offset\n"),),
            (f"{_FENCED}[0-50]", f"{_FENCED}[20-10]"),
        ),
        ("offsets-reset",),
        "partitions went on where they were after a reset",
    ),
    BrokenPromise(
        Mutation(
            "no-fencing",
            "a batch moves the stored offset wherever it stands",
            (Edit(_OFFSETS, _COMPARED, ""),),
            (f"{_FENCED}[0-10]", f"{_FENCED}[0-50]", f"{_FENCED}[20-10]"),
        ),
        ("offsets-reset",),
        "partitions went on where they were after a reset",
    ),
    BrokenPromise(
        Mutation(
            "no-ledger",
            "the first batch of a partition has no row in raw.batches",
            (
                Edit(
                    _WRITER,
                    "for partition, part in batch.parts.items()],\n        )\n        offsets.advance",
                    "for partition, part in batch.parts.items() if part.first],\n        )\n        offsets.advance",
                ),
            ),
            (f"{_FAILPOINTS}[committed]",),
        ),
        ("database-cut",),
        r"partition \d: a batch starts at \d+, the one before ended at 0",
    ),
    BrokenPromise(
        Mutation(
            "copies-dropped",
            "a dead letter is in the table and on no topic",
            (Edit(_WRITER, "        self._deliver(letters)\n", ""),),
            (_CORPUS, f"{_OUTAGES}::test_a_dlq_that_takes_nothing_holds_the_offsets_back"),
        ),
        ("malformed-flood",),
        r"copies on the DLQ topic: [1-9]\d* are missing",
    ),
    BrokenPromise(
        Mutation(
            "failed-delivery-ignored",
            "a dead letter whose copy the DLQ topic refuses is taken for delivered",
            (
                Edit(
                    _WRITER,
                    "        self._deliver(letters)\n",
                    "        try:\n            self._deliver(letters)\n        except Exception:\n            pass\n",
                ),
            ),
            (f"{_OUTAGES}::test_a_dlq_that_takes_nothing_holds_the_offsets_back",),
        ),
        ("dlq-too-small",),
        "no delivery to the DLQ topic failed",
    ),
    BrokenPromise(
        Mutation(
            "dead-letters-not-kept",
            "a dead letter is on the topic and in no table",
            (Edit(_WRITER, "        failpoints.passed(Edge.BURIED)\n", "        return\n"),),
            (_CORPUS,),
        ),
        ("malformed-flood",),
        r"dead letters: [1-9]\d* are missing",
    ),
    BrokenPromise(
        Mutation(
            "conflict-is-repeat",
            "an id that comes back with other content counts as the same event",
            (Edit(_STATEMENTS, "held.fingerprint = stage.fingerprint as repeats", "true as repeats"),),
            (f"{_OWNERSHIP}::test_the_same_id_with_other_content_is_kept_beside_the_first",),
        ),
        ("database-cut",),
        r"conflicts: [1-9]\d* are missing",
    ),
    BrokenPromise(
        Mutation(
            "ids-by-chance",
            "a record without an id gets another one whenever it is read",
            (
                Edit(
                    "core/pulse/ids.py",
                    "    digest = blake2b(digest_size=10)\n",
                    '    digest = blake2b(__import__("os").urandom(8), digest_size=10)\n',
                ),
            ),
            (
                "tests/integration/test_replay.py::test_a_killed_consumer_that_reads_everything_again_stores_nothing_twice_and_loses_nothing",
            ),
        ),
        ("offsets-reset",),
        r"events: [1-9]\d* are missing",
    ),
    BrokenPromise(
        Mutation(
            "no-bisecting",
            "one row that the database refuses takes its whole batch to the dead letters",
            (
                Edit(
                    f"{_CONSUMER}/isolate.py",
                    "            if len(chunk) == 1:\n                refused.append((chunk[0], why))\n",
                    "            if chunk:\n                refused += [(item, why) for item in chunk]\n",
                ),
            ),
            (f"{_MALFORMED}::test_what_the_database_alone_refuses_is_found_and_the_rest_of_its_batch_is_stored",),
        ),
        ("database-cut",),
        r"events: [1-9]\d* are missing",
    ),
    BrokenPromise(
        Mutation(
            "outage-is-data",
            "a lost connection and a server that shuts down are verdicts on the record",
            (
                Edit(_SQLSTATE, '"08": RETRY', '"08": REJECT'),
                Edit(_SQLSTATE, '"57P01": RETRY', '"57P01": REJECT'),
                Edit(_SQLSTATE, '"57P02": RETRY', '"57P02": REJECT'),
                Edit("core/pulse/adapters/postgres.py", "else Verdict.RETRY", "else Verdict.REJECT"),
            ),
            (f"{_VERDICTS}[08006-Verdict.RETRY]", f"{_VERDICTS}[57P01-Verdict.RETRY]"),
        ),
    ),
    BrokenPromise(
        Mutation(
            "full-disk-is-data",
            "a disk that is full is a verdict on the record",
            (Edit(_SQLSTATE, '"53100": STOP', '"53100": REJECT'),),
            (f"{_VERDICTS}[53100-Verdict.STOP]",),
        ),
        ("disk-full",),
        "the full disk was not noticed",
    ),
    BrokenPromise(
        Mutation(
            "retention-jumped-over",
            "a stored offset that lies before the log moves to its beginning without a word",
            (Edit(_OFFSETS, "    if next_offset < log.low:\n", "    if log.low < 0:\n"),),
            (f"{_OUTAGES}::test_an_offset_outside_the_log_is_not_jumped_over[0-retention removed]",),
        ),
    ),
    BrokenPromise(
        Mutation(
            "topic-not-looked-at",
            "a topic that was deleted and created again is read on from the old offset",
            (
                Edit(
                    f"{_CONSUMER}/subscription.py",
                    "    if kafka.topic_id(client, source.topic, _TOPIC_ID_SECONDS) != source.topic_id:\n",
                    '    if source.topic_id == b"":\n',
                ),
            ),
            (
                f"{_OUTAGES}::test_a_topic_created_again_under_a_running_consumer_is_not_read_on_from_the_old_offset[consumer-30]",
            ),
        ),
    ),
)
