"""Prints what the live page answers to each path: status and body.

Runs in a pod beside it, with nothing but Python: `page.py ADDRESS TOKEN PATH…`; an empty token is none.
"""

import json
import sys
import urllib.error
import urllib.request

address, token, *paths = sys.argv[1:]
said = {}
for path in paths:
    head = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(address + path, headers=head), timeout=60) as answer:
            said[path] = [answer.status, answer.read().decode()]
    except urllib.error.HTTPError as refused:
        said[path] = [refused.code, refused.read().decode()]
print(json.dumps(said))
