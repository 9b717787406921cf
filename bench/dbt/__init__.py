"""The transformation on months of events: built anew, and with one more batch, at half the time and at the end."""
