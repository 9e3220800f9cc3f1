module k3eks/addons/charts

go 1.24.0

// Modules that have the charts of addons in them. Nothing is built of these.
require (
	github.com/cert-manager/cert-manager v1.18.2
	k3eks/addons/metrics-server-3.12.2 v0.8.0
	sigs.k8s.io/metrics-server v0.9.0
)

// Another version of a module has a name of its own here. Chart 3.12.2, which is for metrics-server 0.7.2, came after that.
replace k3eks/addons/metrics-server-3.12.2 => sigs.k8s.io/metrics-server v0.8.0
