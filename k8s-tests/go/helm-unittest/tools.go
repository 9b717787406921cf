//go:build tools

// Package tools pins helm-unittest, which runs the sentences in charts/pulse/tests.
package tools

import _ "github.com/helm-unittest/helm-unittest/cmd/helm-unittest"
