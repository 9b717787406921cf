"""`helm test`: the operator says that it is ready, and may read the pipelines of each of its namespaces.

Runs in the operator's image with nothing but Python. Arguments: the address of /readyz, then paths of the API server.
"""
# ruff: noqa: S310, T201 - its addresses come from the chart, and it prints for whoever reads its log

import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ACCOUNT = Path(os.environ.get("TEST_ACCOUNT", "/var/run/secrets/kubernetes.io/serviceaccount"))
PATIENCE_SECONDS = float(os.environ.get("TEST_PATIENCE_SECONDS", "60"))


def answer(request: urllib.request.Request, context: ssl.SSLContext | None = None) -> str:
    """The good answer; asked for until patience ends, as all is still starting just after an install."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(request, timeout=5, context=context) as found:
                return str(found.read(), "utf-8")
        except urllib.error.HTTPError as refused:
            problem = f"{refused.code} {refused.read().decode().strip()}"
        except OSError as failed:
            problem = str(failed)
        if time.monotonic() > deadline:
            sys.exit(f"{request.full_url} does not answer well: {problem}")
        time.sleep(1)


def main(ready: str, *paths: str) -> None:
    """Asks everything once it is there; the first thing that stays away ends the test with a sentence."""
    print(f"{ready}: {answer(urllib.request.Request(ready)).strip()}")
    server = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"
    head = {"Authorization": f"Bearer {(ACCOUNT / 'token').read_text().strip()}"}
    context = ssl.create_default_context(cafile=ACCOUNT / "ca.crt")
    for path in paths:
        found = json.loads(answer(urllib.request.Request(server + path, headers=head), context))
        print(f"{path}: {len(found['items'])} pipelines")


main(*sys.argv[1:])
