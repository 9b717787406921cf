"""mq-bridge: from the flat topic into raw.events, either by COPY without a conflict clause or by an upsert on event_id.

Runs in an environment of its own (requirements.txt beside it). Words: copy or upsert, brokers, topic, group, URL of the
database, names of the columns with commas.
"""

from __future__ import annotations

import sys
from typing import Any

from mq_bridge import Route


def output(mode: str, url: str, columns: list[str]) -> dict[str, Any]:
    """The endpoint that writes."""
    table: dict[str, Any] = {"url": url, "table": "raw.events", "max_connections": 8}
    if mode == "upsert":
        return {"sqlx": {**table, "columns": "auto", "key": "event_id"}}
    values = ", ".join(f"${{payload:{name}}}" for name in columns)
    query = f"INSERT INTO raw.events ({', '.join(columns)}) VALUES ({values})"
    return {"sqlx": {**table, "insert_query": query, "bulk_copy": True}}


def main() -> None:
    mode, brokers, topic, group, url, columns = sys.argv[1:]
    route = Route.from_config(
        {
            "input": {
                "kafka": {
                    "url": brokers,
                    "topic": topic,
                    "group_id": group,
                    "consumer_options": [["auto.offset.reset", "earliest"], ["fetch.queue.backoff.ms", "5"]],
                }
            },
            "output": output(mode, url, columns.split(",")),
            "concurrency": 4,
            "batch_size": 8192 if mode == "copy" else 2048,
        }
    )
    route.run()


if __name__ == "__main__":
    main()
