"""How the users and roles of a pipeline log in: read from Secrets into plain values, or the verdict that says why not.

Pure. Whether a value is right is for the broker and the database to say; here it is only there or not.
"""

from __future__ import annotations

from pulse_operator.credentials.collector import write_keys
from pulse_operator.credentials.database import database_access, metabase_access
from pulse_operator.credentials.kafka import kafka_access

__all__ = ["database_access", "kafka_access", "metabase_access", "write_keys"]
