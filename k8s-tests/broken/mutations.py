"""What is broken on purpose, and the test that has to see it. Pure data; `__main__.py` carries it out.

Each is a mistake that somebody could make in good faith. Where code moves, its mutation moves with it:
`test_mutations.py` fails when one no longer fits.
"""

from __future__ import annotations

from collections.abc import Sequence

from kit.breaking import Edit, Mutation

WRITER = "images/consumer/pulse_consumer/writer.py"
CONSUMER = "operator/pulse_operator/render/consumer.py"
PUBLISH = "operator/pulse_operator/publish.py"
STORY = "k8s-tests/e2e/test_install.py"

MUTATIONS: Sequence[Mutation] = (
    Mutation(
        "commit-before-write",
        "the consumer commits its offsets and then, in another transaction a second later, writes the rows",
        (
            Edit(
                WRITER,
                "            connection = self.connection()\n"
                "            with connection.transaction(), connection.cursor() as cursor:\n"
                "                written = self._write(",
                "            connection = self.connection()\n"
                "            moves = {partition: (part.epoch, part.first, part.next)"
                " for partition, part in batch.parts.items()}\n"
                "            with connection.transaction(), connection.cursor() as cursor:\n"
                "                offsets.advance(cursor, self._source, moves)\n"
                '            __import__("time").sleep(1)\n'  # a busy database; without it one kill seldom falls between
                "            with connection.transaction(), connection.cursor() as cursor:\n"
                "                written = self._write(",
            ),
            Edit(
                WRITER,
                "        offsets.advance(cursor, self._source, moves)\n        written.next",
                "        written.next",
            ),
        ),
        ("test_a_backlog_brings_consumers_and_one_that_is_killed_loses_nothing",),
    ),
    Mutation(
        "dead-letters-dropped",
        "the consumer puts no copy of a dead letter on the topic",
        (Edit(WRITER, "        self._deliver(letters)\n", ""),),
        ("test_records_that_are_no_events_are_kept_and_hold_nothing_up",),
    ),
    Mutation(
        "dead-letters-not-kept",
        "the consumer keeps a dead letter in no table",
        (Edit(WRITER, "        self._bury(cursor, written.dead)\n", ""),),
        ("test_records_that_are_no_events_are_kept_and_hold_nothing_up",),
    ),
    Mutation(
        "replicas-ignored",
        "the operator runs one consumer whatever the autoscaler says",
        (Edit(CONSUMER, "else inputs.decision.replicas", "else min(1, inputs.decision.replicas)"),),
        ("test_a_backlog_brings_consumers_and_one_that_is_killed_loses_nothing",),
    ),
    Mutation(
        "rotation-ignored",
        "the operator leaves pods alone when a password changes",
        (Edit(CONSUMER, "{CREDENTIALS_ANNOTATION: told.fingerprint}", '{CREDENTIALS_ANNOTATION: "same"}'),),
        ("test_a_password_that_is_changed_reaches_database_and_pods",),
    ),
    Mutation(
        "finalizer-kept",
        "the operator never takes its finalizer off",
        (Edit(PUBLISH, "[name for name in pipeline.finalizers if name != FINALIZER]", "[*pipeline.finalizers]"),),
        ("test_a_deleted_pipeline_leaves_what_holds_data",),
    ),
)
