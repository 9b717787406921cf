"""The collector broken on purpose, and the tests that have to see it. Pure data.

`broken.py` carries it out. Where code moves, its mutation moves with it: `test_mutations.py` fails when one no longer
fits.
"""

from __future__ import annotations

from collections.abc import Sequence

from kit.breaking import Edit, Mutation

_CODE = "images/collector/pulse_collector"
_UNIT = "images/collector/tests"
_TESTS = "tests/integration/collector"
_ACCESS, _REFUSALS, _HOSTILE = (
    f"{_TESTS}/test_access.py",
    f"{_TESTS}/test_refusals.py",
    f"{_TESTS}/test_hostile_clients.py",
)
_ORIGINS = f"{_ACCESS}::test_pages_of_listed_origins_may_send_and_read_the_answer_and_others_may_not"
_LIMITS = f"{_REFUSALS}::test_every_limit_has_its_status_and_nothing_of_the_request_is_stored"
_SLOW = f"{_HOSTILE}::test_a_client_that_is_slow_on_purpose_is_hung_up_on_and_holds_nobody_up"
_ENDS = f"{_TESTS}/test_stops.py::test_an_end_in_the_middle_of_load_loses_nothing_that_was_answered_202"
_BUFFER = f"{_TESTS}/test_buffer.py"


def _mistake(name: str, means: str, file: str, old: str, new: str, *catches: str) -> Mutation:
    return Mutation(name, means, (Edit(f"{_CODE}/{file}", old, new),), catches)


MUTATIONS: Sequence[Mutation] = (
    _mistake(
        "origin-not-checked",
        "a page of any origin may send",
        "access.py",
        "if origin is not None and origin not in self.origins:",
        'if origin == "":',
        _ORIGINS,
        f"{_UNIT}/test_pure_parts.py::test_an_origin_is_taken_as_it_is_written",
    ),
    _mistake(
        "origin-by-its-beginning",
        "an origin that begins as a listed one does is taken for it",
        "access.py",
        "origin not in self.origins:",
        "not origin.startswith(tuple(self.origins)):",
        _ORIGINS,
    ),
    _mistake(
        "key-not-checked",
        "a key that nobody was given counts as the first one",
        "access.py",
        "name = self.names.get(key)",
        "name = self.names.get(key, next(iter(self.names.values())))",
        f"{_ACCESS}::test_a_key_is_a_header_or_in_the_query",
    ),
    _mistake(
        "only-the-announced-length",
        "a body is as long as its head says, and one that says nothing as long as it likes",
        "bodies.py",
        "            if len(body) + len(chunk) > self._request_bytes:\n",
        "            if len(body) < 0:\n",
        f"{_HOSTILE}::test_a_body_without_end_is_refused_and_fills_no_memory",
    ),
    _mistake(
        "unpacked-first",
        "how long a body is once gzip is undone is looked at after it was undone",
        "unpack.py",
        "machine.decompress(body, most_bytes + 1)",
        "machine.decompress(body)",
        f"{_UNIT}/test_pure_parts.py::test_a_bomb_is_refused_before_it_is_unpacked",
    ),
    _mistake(
        "batch-without-limit",
        "a batch may have ten times as many events",
        "envelope.py",
        "if len(events) > most_events:",
        "if len(events) > 10 * most_events:",
        _LIMITS,
    ),
    _mistake(
        "event-without-limit",
        "an event may be ten times as long",
        "accept.py",
        "if len(raw) > self._event_bytes:",
        "if len(raw) > 10 * self._event_bytes:",
        f"{_UNIT}/test_accept.py::test_an_event_may_be_so_long_and_no_longer",
    ),
    _mistake(
        "held-without-limit",
        "all bodies together may take any memory",
        "bodies.py",
        "if self.held + len(chunk) > self._held_bytes:",
        "if self.held < 0:",
        f"{_REFUSALS}::test_more_bytes_than_may_be_held_are_told_to_come_again",
    ),
    _mistake(
        "connections-without-limit",
        "there may be any number of connections",
        "run.py",
        "            limit_concurrency=settings.connections,\n",
        "",
        f"{_REFUSALS}::test_connections_beyond_the_limit_get_503_and_are_counted",
    ),
    _mistake(
        "rate-not-kept",
        "who has sent too much may send on",
        "collecting.py",
        "        if wait:\n",
        "        if wait > 3_600:\n",
        f"{_TESTS}/test_junk.py::test_junk_of_one_key_is_told_to_wait",
    ),
    _mistake(
        "rejects-without-limit",
        "each rejected event becomes a dead letter, however many there are",
        "collecting.py",
        "self._rejects_rate.granted(sender.account, len(found.rejected), now)",
        "len(found.rejected)",
        f"{_TESTS}/test_accounting.py::test_more_rejected_events_than_one_key_may_have_are_counted_and_not_stored",
    ),
    _mistake(
        "body-without-time",
        "a body may take for ever",
        "bodies.py",
        "async with asyncio.timeout(self._seconds):",
        "async with asyncio.timeout(None):",
        _SLOW,
    ),
    _mistake(
        "head-without-time",
        "a head may take for ever",
        "guard.py",
        "HEAD_SECONDS = 10.0",
        "HEAD_SECONDS = 36_000.0",
        _SLOW,
    ),
    _mistake(
        "head-without-end",
        "a head may be as long as it likes",
        "guard.py",
        "if self._head_bytes > HEAD_BYTES and",
        "if self._head_bytes < 0 and",
        f"{_HOSTILE}::test_a_head_without_end_is_hung_up_on",
    ),
    _mistake(
        "202-before-kafka",
        "the answer does not wait for Kafka's",
        "delivery.py",
        "                await waiting.settled\n",
        "                await asyncio.sleep(0)\n",
        f"{_ENDS}[9]",
        f"{_TESTS}/test_outages.py::test_without_kafka_nothing_is_claimed_and_with_it_again_everything_is_taken",
        f"{_TESTS}/test_kills.py"
        "::test_what_was_answered_202_is_in_postgres_once_though_collector_and_kafka_are_killed_again_and_again",
    ),
    _mistake(
        "no-drain",
        "a collector that is to stop leaves what is under way",
        "run.py",
        "timeout_graceful_shutdown=round(settings.shutdown_grace.total_seconds()),",
        "timeout_graceful_shutdown=0,",
        f"{_TESTS}/test_stops.py::test_a_request_that_is_under_way_is_answered_before_the_end",
    ),
    _mistake(
        "ready-to-the-end",
        "a collector that is about to stop says that it is ready",
        "run.py",
        "        pulse.leaving = True\n",
        "",
        f"{_TESTS}/test_stops.py::test_a_collector_that_is_to_stop_is_unready_first",
    ),
    _mistake(
        "rejected-without-header",
        "a rejected event goes to the topic without a word on why",
        "collecting.py",
        "        records.append(Record(None, one.raw, headers, may_be_left_out=True))\n",
        "        records.append(Record(None, one.raw, None, may_be_left_out=True))\n",
        f"{_TESTS}/test_accounting.py::test_a_rejected_event_is_a_dead_letter_with_its_bytes_and_stops_no_other",
    ),
    _mistake(
        "clock-not-set-right",
        "an event happened when the sender's clock says so",
        "accept.py",
        "            event.timestamp = _corrected(created, sent, received)\n",
        "            _corrected(created, sent, received)\n",
        f"{_UNIT}/test_accept.py::test_a_clock_that_is_wrong_is_set_right[offset1]",
    ),
    _mistake(
        "202-before-the-disk",
        "the answer does not wait until the buffer is written",
        "buffer.py",
        "        await stored\n",
        "        await asyncio.sleep(0)\n",
        f"{_BUFFER}::test_what_was_taken_without_kafka_is_stored_once_though_the_collector_was_killed",
    ),
    _mistake(
        "written-and-not-synced",
        "the buffer is written, and what the disk has of it is left to the system",
        "spool.py",
        "            os.fdatasync(file)\n",
        "",
        f"{_UNIT}/test_spool.py::test_a_write_returns_once_the_disk_has_all_of_it",
    ),
    _mistake(
        "torn-end-believed",
        "a record in the buffer is taken for whole without a look at its checksum",
        "frames.py",
        " or zlib.crc32(body) != checksum:",
        " or checksum < 0:",
        f"{_UNIT}/test_frames.py::test_a_bit_that_flipped_is_no_record",
    ),
    _mistake(
        "ids-behind-the-buffer",
        "an event without an id goes into the buffer without one",
        "run.py",
        "new_id=_new_id if settings.buffer_directory else None",
        "new_id=None",
        f"{_BUFFER}::test_an_event_without_an_id_gets_one_before_it_waits_so_that_a_resend_is_a_duplicate",
    ),
    _mistake(
        "past-the-queue",
        "what comes while events still wait on the disk goes to Kafka before them",
        "buffer.py",
        "        if not self._bytes:\n            try:\n",
        "        if not self._delivery.problem:\n            try:\n",
        f"{_BUFFER}::test_the_events_of_a_sender_keep_their_order",
    ),
    _mistake(
        "never-done-with-the-disk",
        "requests line up on the disk also while its last file is drained",
        "buffer.py",
        "        self._open.clear()\n",
        "",
        f"{_BUFFER}::test_what_was_taken_without_kafka_is_stored_once_though_the_collector_was_killed",
    ),
    _mistake(
        "buffer-without-end",
        "the buffer takes what the disk holds",
        "buffer.py",
        "        if self._bytes + len(data) > self._most_bytes:\n",
        "        if self._most_bytes < 0:\n",
        f"{_BUFFER}::test_a_buffer_that_is_full_says_so_and_is_ready_again_when_kafka_has_it",
    ),
    _mistake(
        "dropped-before-kafka-has-it",
        "a file of the buffer is removed before Kafka has answered for it",
        "buffer.py",
        "        refused = await self._delivered(segment.records)\n",
        "        await self._on_disk(self._spool.drop, segment)\n"
        "        refused = await self._delivered(segment.records)\n"
        "        return\n",
        f"{_BUFFER}::test_what_was_taken_without_kafka_is_stored_once_though_the_collector_was_killed",
    ),
    _mistake(
        "cookie-against-the-signal",
        "Global Privacy Control is not looked at before the cookie is set",
        "cookies.py",
        '        headers.get(b"sec-gpc") != b"1"\n        and headers.get(b"dnt")',
        '        headers.get(b"dnt")',
        f"{_TESTS}/test_cookie.py::test_without_consent_nobody_gets_it",
        f"{_UNIT}/test_cookies.py::test_a_browser_that_says_no_and_a_page_of_another_site_get_none[headers1-False]",
    ),
    _mistake(
        "cookie-unasked",
        "every page gets the cookie, asked for or not",
        "cookies.py",
        "return self.kind != NONE and ASKED in",
        "return self.kind != NONE or ASKED in",
        f"{_TESTS}/test_cookie.py::test_without_consent_nobody_gets_it",
        f"{_UNIT}/test_cookies.py::test_a_page_has_to_ask_for_it[cookie=0-False]",
    ),
)
