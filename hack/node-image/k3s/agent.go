package main

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// get asks the API server with one of the server's own client certificates.
func get(url, name string) error {
	cert, err := tls.LoadX509KeyPair(tlsDir+"/"+name+".crt", tlsDir+"/"+name+".key")
	if err != nil {
		return err
	}
	_, err = fetch(url, "", &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{cert}})
	return err
}

// fetch doesn't check the server's certificate: a node learns the authority by this very call, holding the token.
func fetch(url, token string, config *tls.Config) ([]byte, error) {
	return call(http.MethodGet, url, token, config)
}

func call(method, url, token string, config *tls.Config) ([]byte, error) {
	client := http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
	request, err := http.NewRequest(method, url, nil)
	if err != nil {
		return nil, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s %.200s", url, answer.Status, body)
	}
	return body, err
}

type join struct {
	Data map[string]string `json:"data"`
}

// joinCluster starts kubelet, kube-proxy and the routes to other nodes' pods.
func (n *node) joinCluster(url string) error {
	facts := join{}
	if n.role == "server" {
		facts.Data = map[string]string{"ca.crt": string(n.ca.pem), "dns": n.clusterDNS, "cidr": n.clusterCIDR}
	} else {
		until(200*time.Millisecond, func() error {
			body, err := fetch(url+"/api/v1/namespaces/kube-public/configmaps/k3s-join", n.token, &tls.Config{InsecureSkipVerify: true})
			if err != nil {
				return err
			}
			return json.Unmarshal(body, &facts)
		})
	}
	ca := base64.StdEncoding.EncodeToString([]byte(facts.Data["ca.crt"]))
	if known, err := os.ReadFile(agentDir + "/ca.crt"); err == nil && string(known) != facts.Data["ca.crt"] {
		// kubelet gets new credentials, from an authority that is still trusted when others no longer are.
		for _, old := range []string{"/kubelet.kubeconfig", "/pki"} {
			if err := os.RemoveAll(agentDir + old); err != nil {
				return err
			}
		}
	}
	if err := os.WriteFile(agentDir+"/ca.crt", []byte(facts.Data["ca.crt"]), 0o644); err != nil {
		return err
	}
	token := fmt.Sprintf("token: %q", n.token)
	for _, name := range []string{"bootstrap", "proxy"} {
		if err := writeKubeconfig(agentDir+"/"+name+".kubeconfig", url, ca, token); err != nil {
			return err
		}
	}
	go n.importImages(url)
	config, err := os.ReadFile("/etc/kubelet.yaml")
	if err != nil {
		return err
	}
	text := strings.ReplaceAll(string(config), "%{CLUSTER_DNS}%", facts.Data["dns"])
	if err := os.WriteFile("/run/k3s/kubelet.yaml", []byte(text), 0o644); err != nil {
		return err
	}
	supervisor.keep("kubelet", n.kubeletFlags()...)
	until(100*time.Millisecond, func() error {
		_, err := fetch(url+"/api/v1/nodes/"+n.name, n.token, &tls.Config{InsecureSkipVerify: true})
		return err
	})
	say("info", "Successfully registered node "+n.name)
	n.routes(url, func() {
		// As on EKS, where it is a pod: after the node is Ready.
		until(100*time.Millisecond, func() error { return n.ready(url) })
		supervisor.keep("kube-proxy", "--kubeconfig="+agentDir+"/proxy.kubeconfig", "--cluster-cidr="+facts.Data["cidr"],
			"--hostname-override="+n.name, "--conntrack-max-per-core=0", "--healthz-bind-address=127.0.0.1:10256")
	})
	return nil
}

func (n *node) kubeletFlags() []string {
	all := []string{
		"--config=/run/k3s/kubelet.yaml", "--bootstrap-kubeconfig=" + agentDir + "/bootstrap.kubeconfig",
		"--kubeconfig=" + agentDir + "/kubelet.kubeconfig", "--cert-dir=" + agentDir + "/pki", "--hostname-override=" + n.name,
		"--node-ip=" + n.ip,
	}
	if len(n.labels) > 0 {
		all = append(all, "--node-labels="+strings.Join(n.labels, ","))
	}
	if len(n.taints) > 0 {
		all = append(all, "--register-with-taints="+strings.Join(n.taints, ","))
	}
	return append(all, flags(n.kubeletArgs)...)
}

// importImages makes images known that nobody could pull. An agent takes the large one a while after it is Ready: nodes
// that start side by side would else wait for each other's imports, and CoreDNS is mostly on the server.
func (n *node) importImages(url string) {
	load := func(name string) {
		until(200*time.Millisecond, func() error {
			return exec.Command("ctr", "-a", containerdSocket, "-n", "k8s.io", "images", "import", "/opt/images/"+name+".tar").Run()
		})
	}
	load("base")
	if n.role != "server" {
		until(500*time.Millisecond, func() error { return n.ready(url) })
		time.Sleep(8 * time.Second)
	}
	load("coredns")
}

// ready is nil when the node's own Ready condition is True.
func (n *node) ready(url string) error {
	own := struct {
		Status struct {
			Conditions []struct{ Type, Status string }
		}
	}{}
	body, err := fetch(url+"/api/v1/nodes/"+n.name, n.token, &tls.Config{InsecureSkipVerify: true})
	if err == nil {
		err = json.Unmarshal(body, &own)
	}
	if err != nil {
		return err
	}
	for _, c := range own.Status.Conditions {
		if c.Type == "Ready" && c.Status == "True" {
			return nil
		}
	}
	return fmt.Errorf("node %s is not Ready", n.name)
}

type nodeList struct {
	Items []struct {
		Metadata struct{ Name string }
		Spec     struct{ PodCIDR string }
		Status   struct {
			Addresses []struct{ Type, Address string }
		}
	}
}

// routes keeps the way to other nodes' pods, and the bridge for this node's own. A node may read no other Node
// object with its own credentials, so those of kube-proxy serve. linked is called once, when the bridge is there.
func (n *node) routes(url string, linked func()) {
	var once sync.Once
	for pause := 200 * time.Millisecond; ; time.Sleep(pause) {
		nodes := nodeList{}
		body, err := fetch(url+"/api/v1/nodes", n.token, &tls.Config{InsecureSkipVerify: true})
		if err != nil || json.Unmarshal(body, &nodes) != nil {
			continue
		}
		for _, other := range nodes.Items {
			cidr := other.Spec.PodCIDR
			if cidr == "" {
				continue
			}
			if other.Metadata.Name == n.name {
				n.bridge(cidr)
				once.Do(func() { go linked() })
				pause = 2 * time.Second
				continue
			}
			for _, a := range other.Status.Addresses {
				if a.Type == "InternalIP" {
					_ = exec.Command("ip", "route", "replace", cidr, "via", a.Address).Run()
				}
			}
		}
	}
}

// bridge writes the CNI configuration in place: containerd doesn't notice a file that is moved there.
func (n *node) bridge(cidr string) {
	const path = "/etc/cni/net.d/10-bridge.conflist"
	text := fmt.Sprintf(`{"cniVersion":"0.4.0","name":"k8s","plugins":[{"type":"bridge","bridge":"cni0","isGateway":true,"ipMasq":true,"hairpinMode":true,"ipam":{"type":"host-local","ranges":[[{"subnet":%q}]],"routes":[{"dst":"0.0.0.0/0"}]}},{"type":"portmap","capabilities":{"portMappings":true}}]}`, cidr)
	if old, err := os.ReadFile(path); err == nil && string(old) == text {
		return
	}
	_ = os.WriteFile(path, []byte(text), 0o644)
}
