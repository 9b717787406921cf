#!/bin/bash
# Hands the images that the node came with to containerd, once.
set -eu
[ -e /var/lib/images-imported ] && exit 0
for _ in $(seq 120); do
    ctr version >/dev/null 2>&1 && break
    sleep 0.5
done
for archive in /kind/images/*.tar; do
    ctr -n k8s.io images import "$archive"
done
touch /var/lib/images-imported
