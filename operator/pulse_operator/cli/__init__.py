"""What people type: `pulse render | diff | status | suspend | resume`, and the same words behind `kubectl pulse`."""
