module k3eks/addons/charts

go 1.24.0

// Modules that have the charts of addons in them. Nothing is built of these.
require (
	github.com/cert-manager/cert-manager v1.18.2
	sigs.k8s.io/metrics-server v0.9.0
)
