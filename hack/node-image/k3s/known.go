package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
)

// What the real k3s knows, of versions 1.24 to 1.36. Anything else ends it, and so it ends here: what is misspelt must not be found out by others.
var (
	onServers = words(`advertise-address advertise-port agent-token agent-token-file bind-address cluster-cidr cluster-dns cluster-domain
		cluster-reset-restore-path datastore-cafile datastore-certfile datastore-endpoint datastore-keyfile default-local-storage-path disable
		egress-selector-mode etcd-arg etcd-s3-access-key etcd-s3-bucket etcd-s3-bucket-lookup-type etcd-s3-config-secret etcd-s3-endpoint
		etcd-s3-endpoint-ca etcd-s3-folder etcd-s3-proxy etcd-s3-region etcd-s3-retention etcd-s3-secret-key etcd-s3-session-token etcd-s3-timeout
		etcd-snapshot-dir etcd-snapshot-name etcd-snapshot-reconcile-interval etcd-snapshot-retention etcd-snapshot-schedule-cron flannel-backend
		helm-job-image https-listen-port kine-tls-endpoint kube-apiserver-arg kube-cloud-controller-arg kube-cloud-controller-manager-arg
		kube-controller-arg kube-controller-manager-arg kube-scheduler-arg secrets-encryption-provider service-cidr service-node-port-range
		servicelb-namespace system-default-registry tls-san write-kubeconfig write-kubeconfig-group write-kubeconfig-mode o`)
	serverSwitches = words(`cluster-init cluster-reset datastore-embedded disable-agent disable-apiserver disable-cloud-controller
		disable-controller-manager disable-etcd disable-helm-controller disable-kube-proxy disable-network-policy disable-scheduler
		embedded-registry enable-pprof etcd-disable-snapshots etcd-expose-metrics etcd-s3 etcd-s3-insecure etcd-s3-skip-ssl-verify
		etcd-snapshot-compress flannel-external-ip flannel-ipv6-masq kine-tls multi-cluster-cidr secrets-encryption supervisor-metrics
		tls-san-security`)
	onAll = words(`airgap-extra-registry cluster-secret config c container-runtime-endpoint data-dir d default-runtime flannel-cni-conf
		flannel-conf flannel-iface image-credential-provider-bin-dir image-credential-provider-config image-service-endpoint kube-proxy-arg
		kubelet-arg lb-server-port log l node-external-dns node-external-ip node-internal-dns node-ip i node-label node-name node-taint
		nonroot-devices pause-image private-registry resolv-conf server s snapshotter token t token-file v vmodule vpn-auth vpn-auth-file`)
	allSwitches = words(`alsologtostderr debug disable-apiserver-lb disable-default-registry-endpoint disable-selinux docker enable-pprof
		no-flannel prefer-bundled-bin protect-kernel-defaults rootless selinux with-node-id`)
	variables = words(`AGENT_TOKEN AGENT_TOKEN_FILE CLUSTER_INIT CLUSTER_RESET CLUSTER_SECRET CONFIG_FILE DATASTORE_CAFILE DATASTORE_CERTFILE
		DATASTORE_ENDPOINT DATASTORE_KEYFILE DATA_DIR DEBUG KUBECONFIG_GROUP KUBECONFIG_MODE KUBECONFIG_OUTPUT LB_SERVER_PORT NODE_NAME
		PREFER_BUNDLED_BIN RESOLV_CONF SELINUX SYSTEM_DEFAULT_REGISTRY TOKEN TOKEN_FILE URL VPN_AUTH VPN_AUTH_FILE`)
)

const configPath = "/etc/rancher/k3s/config.yaml"

func words(text string) map[string]bool {
	all := map[string]bool{}
	for _, word := range strings.Fields(text) {
		all[word] = true
	}
	return all
}

// isSwitch says whether a flag takes no value; an error where there is no such flag.
func isSwitch(role, flag string) (bool, error) {
	name := strings.TrimLeft(flag, "-")
	switch {
	case allSwitches[name] || role == "server" && serverSwitches[name]:
		return true, nil
	case onAll[name] || role == "server" && onServers[name]:
		return false, nil
	}
	return false, fmt.Errorf("flag provided but not defined: -%s", name)
}

// checkEnvironment refuses what looks as if it were for k3s and isn't.
func checkEnvironment() error {
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if own, found := strings.CutPrefix(name, "K3S_"); found && !variables[own] {
			return fmt.Errorf("k3s knows no environment variable %s", name)
		}
	}
	return nil
}

// configured is what the configuration file asks for, as arguments. It has keys with a value each, or with a list of them.
func configured(role string) ([]string, error) {
	file, err := os.Open(configPath)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	defer file.Close()
	var all []string
	key, quotes := "", "\"'"
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), " #")
		text := strings.TrimSpace(line)
		if text == "" || text == "---" || strings.HasPrefix(text, "#") {
			continue
		}
		if item, found := strings.CutPrefix(text, "- "); found && key != "" {
			all = append(all, "--"+key+"="+strings.Trim(item, quotes))
			continue
		}
		name, value, found := strings.Cut(text, ":")
		if !found || strings.HasPrefix(line, " ") {
			return nil, fmt.Errorf("%s: a line that isn't a key with a value or a list: %s", configPath, text)
		}
		key = strings.TrimSuffix(name, "+")
		if _, err := isSwitch(role, key); err != nil {
			return nil, fmt.Errorf("%s: %w", configPath, err)
		}
		if value = strings.Trim(strings.TrimSpace(value), quotes); value != "" {
			all = append(all, "--"+key+"="+value)
		}
	}
	return all, nil
}
