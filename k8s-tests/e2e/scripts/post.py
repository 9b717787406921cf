"""Sends one event by HTTP, as a program beside the pipeline does, and prints what it was answered.

Words: the address, a write key, and the event's id.
"""

import json
import sys
import time
import urllib.error
import urllib.request

address, key, event_id = sys.argv[1:]
now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
event = {"event_type": "page_view", "user_id": "by-http", "timestamp": now, "sent_at": now, "event_id": event_id}
headers = {"Content-Type": "application/json", "X-Pulse-Key": key}
request = urllib.request.Request(address, json.dumps(event).encode(), headers)
try:
    with urllib.request.urlopen(request, timeout=20) as answer:
        print(answer.status, answer.read().decode())
except urllib.error.HTTPError as refused:
    print(refused.code, refused.read().decode())
