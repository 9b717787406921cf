"""The process that the Kafka clients live in, started and asked by `child`.

It exists because librdkafka ends its process when it asks a broker for a group's commits and that broker is no longer
the group's coordinator (librdkafka issue 5040), as happens whenever brokers restart. The operator must survive that.
"""

from __future__ import annotations

import resource
import signal
import sys
from multiprocessing.connection import Connection

from pulse_operator.lag.accesses import Accesses


def main() -> None:
    """Answers one question after the other until nobody is left to ask."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the operator ends this process by closing the line
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold passwords
    line, accesses = Connection(int(sys.argv[1])), Accesses()
    while True:
        try:
            question, *words = line.recv()
        except EOFError:
            return
        line.send(getattr(accesses, question)(*words))


if __name__ == "__main__":
    main()
