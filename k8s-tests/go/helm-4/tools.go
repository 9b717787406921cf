//go:build tools

// Package tools pins Helm 4, which applies server-side: the chart has to install with either.
package tools

import _ "helm.sh/helm/v4/cmd/helm"
