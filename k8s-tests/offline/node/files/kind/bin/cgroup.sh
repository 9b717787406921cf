#!/bin/bash
# Makes the control groups that the kubelet is told to use. In version 1 a new cpuset is empty and has to be filled.
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
    mkdir -p /sys/fs/cgroup/kubelet
    exit 0
fi
for controller in /sys/fs/cgroup/*/; do
    for group in kubelet kubelet.slice; do
        mkdir -p "$controller/$group" 2>/dev/null
        if [ -f "$controller/cpuset.cpus" ]; then
            cat "$controller/cpuset.cpus" >"$controller/$group/cpuset.cpus"
            cat "$controller/cpuset.mems" >"$controller/$group/cpuset.mems"
        fi
    done
done
exit 0
