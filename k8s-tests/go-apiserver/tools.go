//go:build tools

// Package tools pins the Kubernetes programs that the tests build: an API server of a real version, and nothing beside it.
package tools

import _ "k8s.io/kubernetes/cmd/kube-apiserver"
