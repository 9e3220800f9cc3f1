package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	dataDir          = "/var/lib/rancher/k3s"
	tlsDir           = dataDir + "/server/tls"
	manifestsDir     = dataDir + "/server/manifests"
	agentDir         = dataDir + "/agent"
	containerdLog    = dataDir + "/agent/containerd/containerd.log"
	containerdSocket = "/run/k3s/containerd/containerd.sock"
	adminConfig      = "/etc/rancher/k3s/k3s.yaml"
	local            = "https://127.0.0.1:6443"
	dnsImage         = "docker.io/rancher/mirrored-coredns-coredns:1.14.1"
)

// node is one server or agent.
type node struct {
	options
	role string
	ca   *authority
}

func newNode(role string, args []string) (*node, error) {
	options, err := parse(role, args)
	if err != nil {
		return nil, err
	}
	n := &node{options: options, role: role}
	if n.token == "" {
		n.token = "insecure"
	}
	if !flannelBackends[n.flannelBackend] {
		return nil, fmt.Errorf("--flannel-backend=%s isn't among what this node image has: vxlan, host-gw and none", n.flannelBackend)
	}
	if role == "agent" && n.server == "" {
		return nil, fmt.Errorf("an agent needs K3S_URL or --server")
	}
	return n, prepare()
}

func (n *node) start() error {
	go serveImages()
	supervisor.keep("containerd", "-c", "/etc/containerd/config.toml")
	if n.role == "agent" {
		return n.joinCluster(n.server)
	}
	if err := n.controlPlane(); err != nil {
		return err
	}
	return n.joinCluster(local)
}

// controlPlane starts the datastore, the API server and what works through it.
func (n *node) controlPlane() error {
	if err := n.inherit(); err != nil {
		return err
	}
	store, err := n.datastore()
	if err != nil {
		return err
	}
	if err := n.tested(); err != nil {
		return err
	}
	if err := n.reconcile(); err != nil {
		return err
	}
	if err := n.certificates(); err != nil {
		return err
	}
	if err := n.save(); err != nil {
		return err
	}
	go n.supervise()
	supervisor.keep("kube-apiserver", n.apiserverFlags(store)...)
	say("info", "Running kube-apiserver")
	say("info", "Containerd is now running")
	os.Setenv("KUBECONFIG", adminConfig)
	until(50*time.Millisecond, func() error {
		_, err := get(local+"/readyz", "admin")
		return err
	})
	say("info", "k3s is up and running")
	elect := fmt.Sprintf("--leader-elect=%t", n.clustered())
	supervisor.keep("kube-controller-manager", append([]string{
		"--kubeconfig=" + tlsDir + "/controller.kubeconfig", "--authentication-kubeconfig=" + tlsDir + "/controller.kubeconfig",
		"--authorization-kubeconfig=" + tlsDir + "/controller.kubeconfig", "--cluster-signing-cert-file=" + tlsDir + "/signing-ca.crt",
		"--cluster-signing-key-file=" + tlsDir + "/server-ca.key", "--root-ca-file=" + tlsDir + "/server-ca.crt",
		"--service-account-private-key-file=" + tlsDir + "/sa.key", "--use-service-account-credentials", "--allocate-node-cidrs",
		"--cluster-cidr=" + n.clusterCIDR, "--service-cluster-ip-range=" + n.serviceCIDR, elect,
	}, flags(n.controllerArgs)...)...)
	supervisor.keep("kube-scheduler", append([]string{
		"--kubeconfig=" + tlsDir + "/scheduler.kubeconfig", "--authentication-kubeconfig=" + tlsDir + "/scheduler.kubeconfig",
		"--authorization-kubeconfig=" + tlsDir + "/scheduler.kubeconfig", elect,
	}, flags(n.schedulerArgs)...)...)
	go n.deploy()
	if !n.disabled["coredns"] {
		go fetchImage(dnsImage)
	}
	if n.clustered() {
		go n.watchNodes()
	}
	if !n.disabled["servicelb"] {
		go n.balance()
	}
	go forgetNodes()
	go n.showRole()
	return n.admitted(ask)
}

func (n *node) certificates() error {
	ca, err := loadAuthority("server-ca")
	if err != nil {
		return err
	}
	n.ca = ca
	// Signs but what the API server shows to the servers behind it, such as metrics-server.
	front, err := loadAuthority("request-header-ca")
	if err != nil {
		return err
	}
	if err := ca.signing(); err != nil {
		return err
	}
	names := append([]string{"127.0.0.1", n.ip, nth(n.serviceCIDR, 1), "localhost", n.name, "kubernetes", "kubernetes.default",
		"kubernetes.default.svc", "kubernetes.default.svc.cluster.local"}, n.tlsSANs...)
	wanted := []struct {
		name, user, group string
		names             []string
		by                *authority
	}{
		{"serving", "k3s", "", names, ca}, {"admin", "system:admin", "system:masters", nil, ca},
		{"controller", "system:kube-controller-manager", "", nil, ca}, {"scheduler", "system:kube-scheduler", "", nil, ca},
		{"client-auth-proxy", "system:auth-proxy", "", nil, front},
		{"client-kubelet", "system:node:" + n.name, "system:nodes", nil, ca},
	}
	var work sync.WaitGroup
	failures := make(chan error, len(wanted)+1)
	for _, w := range wanted {
		work.Add(1)
		go func() { defer work.Done(); failures <- w.by.issue(w.name, w.user, w.group, w.names) }()
	}
	work.Add(1)
	go func() { defer work.Done(); failures <- serviceAccountKey() }()
	work.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			return err
		}
	}
	tokens := fmt.Sprintf("%s,k3s-node,k3s-node,\"system:bootstrappers\"\n", n.token)
	if err := os.WriteFile(tlsDir+"/tokens.csv", []byte(tokens), 0o600); err != nil {
		return err
	}
	for path, name := range map[string]string{
		adminConfig: "admin", tlsDir + "/controller.kubeconfig": "controller", tlsDir + "/scheduler.kubeconfig": "scheduler",
	} {
		if err := ca.kubeconfig(path, local, name); err != nil {
			return err
		}
	}
	if output := os.Getenv("K3S_KUBECONFIG_OUTPUT"); output != "" {
		return ca.kubeconfig(output, local, "admin")
	}
	return nil
}

func (n *node) apiserverFlags(store string) []string {
	own := []string{
		"--etcd-servers=" + store, "--service-cluster-ip-range=" + n.serviceCIDR, "--advertise-address=" + n.ip,
		"--secure-port=6443", "--tls-cert-file=" + tlsDir + "/serving.crt", "--tls-private-key-file=" + tlsDir + "/serving.key",
		"--client-ca-file=" + tlsDir + "/server-ca.crt", "--kubelet-client-certificate=" + tlsDir + "/admin.crt",
		"--kubelet-client-key=" + tlsDir + "/admin.key", "--kubelet-preferred-address-types=InternalIP",
		"--service-account-key-file=" + tlsDir + "/sa.key", "--service-account-signing-key-file=" + tlsDir + "/sa.key",
		"--authorization-mode=Node,RBAC", "--token-auth-file=" + tlsDir + "/tokens.csv", "--allow-privileged=true",
		"--enable-admission-plugins=NodeRestriction", "--enable-aggregator-routing=true",
		"--requestheader-client-ca-file=" + tlsDir + "/request-header-ca.crt", "--requestheader-allowed-names=system:auth-proxy",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-username-headers=X-Remote-User", "--proxy-client-cert-file=" + tlsDir + "/client-auth-proxy.crt",
		"--proxy-client-key-file=" + tlsDir + "/client-auth-proxy.key",
	}
	issuer, configured := false, false
	for _, a := range n.apiserverArgs {
		configured = configured || strings.HasPrefix(a, "authentication-config=")
		issuer = issuer || strings.HasPrefix(a, "service-account-issuer=")
	}
	if !issuer {
		own = append(own, "--service-account-issuer=https://kubernetes.default.svc.cluster.local")
	}
	// k3s leaves it to who gives a configuration to say what nobody in particular may do.
	if !configured {
		own = append(own, "--anonymous-auth=false")
	}
	return append(own, flags(n.apiserverArgs)...)
}

// publish tells agents the authority and the address of the cluster's DNS.
func (n *node) publish() error {
	return kubectlApply(fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"k3s-join","namespace":"kube-public"},"data":{"ca.crt":%q,"dns":%q,"cidr":%q,"flannel":%q}}`,
		string(n.ca.pem), n.clusterDNS, n.clusterCIDR, n.flannelBackend))
}
