package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const (
	dataDir          = "/var/lib/rancher/k3s"
	tlsDir           = dataDir + "/server/tls"
	manifestsDir     = dataDir + "/server/manifests"
	agentDir         = dataDir + "/agent"
	containerdSocket = "/run/k3s/containerd/containerd.sock"
	adminConfig      = "/etc/rancher/k3s/k3s.yaml"
	local            = "https://127.0.0.1:6443"
)

// node is one server or agent.
type node struct {
	options
	role string
	ca   *authority
}

func newNode(role string, args []string) (*node, error) {
	n := &node{options: parse(args), role: role}
	if n.token == "" {
		n.token = "insecure"
	}
	if role == "agent" && n.server == "" {
		return nil, fmt.Errorf("an agent needs K3S_URL or --server")
	}
	return n, prepare()
}

func (n *node) start() error {
	supervisor.keep("containerd", "-c", "/etc/containerd/config.toml")
	if n.role == "agent" {
		return n.joinCluster(n.server)
	}
	if err := n.controlPlane(); err != nil {
		return err
	}
	return n.joinCluster(local)
}

// controlPlane starts etcd, the API server and what works through it.
func (n *node) controlPlane() error {
	if err := n.inherit(); err != nil {
		return err
	}
	if err := n.certificates(); err != nil {
		return err
	}
	if n.clustered() {
		go n.supervise()
	}
	supervisor.keep("etcd", n.etcdFlags()...)
	supervisor.keep("kube-apiserver", n.apiserverFlags()...)
	say("info", "Running kube-apiserver")
	say("info", "Containerd is now running")
	os.Setenv("KUBECONFIG", adminConfig)
	until(50*time.Millisecond, func() error { return get(local+"/readyz", "admin") })
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
	return nil
}

func (n *node) certificates() error {
	ca, err := loadAuthority()
	if err != nil {
		return err
	}
	n.ca = ca
	if err := ca.signing(); err != nil {
		return err
	}
	names := append([]string{"127.0.0.1", n.ip, nth(n.serviceCIDR, 1), "localhost", n.name, "kubernetes", "kubernetes.default",
		"kubernetes.default.svc", "kubernetes.default.svc.cluster.local"}, n.tlsSANs...)
	wanted := []struct {
		name, user, group string
		names             []string
	}{
		{"serving", "k3s", "", names}, {"admin", "system:admin", "system:masters", nil},
		{"controller", "system:kube-controller-manager", "", nil}, {"scheduler", "system:kube-scheduler", "", nil},
	}
	var work sync.WaitGroup
	failures := make(chan error, len(wanted)+1)
	for _, w := range wanted {
		work.Add(1)
		go func() { defer work.Done(); failures <- ca.issue(w.name, w.user, w.group, w.names) }()
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

func (n *node) apiserverFlags() []string {
	own := []string{
		"--etcd-servers=http://127.0.0.1:2379", "--service-cluster-ip-range=" + n.serviceCIDR, "--advertise-address=" + n.ip,
		"--secure-port=6443", "--tls-cert-file=" + tlsDir + "/serving.crt", "--tls-private-key-file=" + tlsDir + "/serving.key",
		"--client-ca-file=" + tlsDir + "/server-ca.crt", "--kubelet-client-certificate=" + tlsDir + "/admin.crt",
		"--kubelet-client-key=" + tlsDir + "/admin.key", "--kubelet-preferred-address-types=InternalIP",
		"--service-account-key-file=" + tlsDir + "/sa.key", "--service-account-signing-key-file=" + tlsDir + "/sa.key",
		"--authorization-mode=Node,RBAC", "--token-auth-file=" + tlsDir + "/tokens.csv", "--allow-privileged=true",
		"--enable-admission-plugins=NodeRestriction",
	}
	issuer := false
	for _, a := range n.apiserverArgs {
		issuer = issuer || strings.HasPrefix(a, "service-account-issuer=")
	}
	if !issuer {
		own = append(own, "--service-account-issuer=https://kubernetes.default.svc.cluster.local")
	}
	return append(own, flags(n.apiserverArgs)...)
}

// deploy applies the manifests, and again whenever one of them changes, as k3s's deploy controller does.
func (n *node) deploy() {
	bundled, _ := filepath.Glob("/opt/manifests/*.yaml")
	for _, path := range bundled {
		if n.disabled[strings.TrimSuffix(filepath.Base(path), ".yaml")] {
			continue
		}
		text, err := os.ReadFile(path)
		target := filepath.Join(manifestsDir, filepath.Base(path))
		if _, exists := os.Stat(target); err == nil && exists != nil {
			text := strings.ReplaceAll(string(text), "%{CLUSTER_DNS}%", n.clusterDNS)
			_ = os.WriteFile(target, []byte(text), 0o600)
		}
	}
	applied := map[string]time.Time{}
	until(200*time.Millisecond, n.publish)
	for first := true; ; first = false {
		for _, path := range manifests() {
			info, err := os.Stat(path)
			if err != nil || applied[path].Equal(info.ModTime()) {
				continue
			}
			if exec.Command("kubectl", "apply", "-f", path).Run() == nil {
				applied[path] = info.ModTime()
			}
		}
		if first {
			say("info", "Cluster dns configmap has been set successfully")
		}
		time.Sleep(time.Second)
	}
}

func manifests() []string {
	yaml, _ := filepath.Glob(manifestsDir + "/*.yaml")
	yml, _ := filepath.Glob(manifestsDir + "/*.yml")
	return append(yaml, yml...)
}

// publish tells agents the authority and the address of the cluster's DNS.
func (n *node) publish() error {
	text := fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"k3s-join","namespace":"kube-public"},"data":{"ca.crt":%q,"dns":%q,"cidr":%q}}`,
		string(n.ca.pem), n.clusterDNS, n.clusterCIDR)
	command := exec.Command("kubectl", "apply", "-f", "-")
	command.Stdin = strings.NewReader(text)
	return command.Run()
}
