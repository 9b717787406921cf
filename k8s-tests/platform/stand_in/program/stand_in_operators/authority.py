"""Tells each Postgres that starts what it is to be: it asks before every start, so that there is no second primary.

The Cluster is read from the API server for every answer: what another thread has seen may be old.
"""

from __future__ import annotations

import socketserver
import threading

from stand_in_operators.failover import Role, role
from stand_in_operators.kubernetes import Kubernetes
from stand_in_operators.objects import POSTGRES_API, folder

PORT = 8000


def serve(kubernetes: Kubernetes) -> None:
    """Answers in threads of its own for as long as the program runs. Asked are lines of namespace, cluster and pod."""

    class Question(socketserver.StreamRequestHandler):
        timeout = 10

        def handle(self) -> None:
            namespace, cluster, pod = self.rfile.readline().decode().split()
            found = kubernetes.found(f"{folder(POSTGRES_API, namespace, 'clusters')}/{cluster}")
            answer = role(found, pod) if found else Role.WAIT
            print(f"{namespace}/{pod} starts: {answer}", flush=True)
            self.wfile.write(f"{answer}\n".encode())

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True

    threading.Thread(target=Server(("", PORT), Question).serve_forever, name="authority", daemon=True).start()
