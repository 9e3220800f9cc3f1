package main

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// get asks the API server with one of the server's own client certificates.
func get(url, name string) ([]byte, error) {
	cert, err := tls.LoadX509KeyPair(tlsDir+"/"+name+".crt", tlsDir+"/"+name+".key")
	if err != nil {
		return nil, err
	}
	return fetch(url, "", &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{cert}})
}

// fetch doesn't check the server's certificate: a node learns the authority by this very call, holding the token.
func fetch(url, token string, config *tls.Config) ([]byte, error) {
	return call(http.MethodGet, url, token, config, nil)
}

func call(method, url, token string, config *tls.Config, body []byte) ([]byte, error) {
	return callAs(method, url, token, "", config, body)
}

func callAs(method, url, token, kind string, config *tls.Config, sent []byte) ([]byte, error) {
	client := http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
	request, err := http.NewRequest(method, url, bytes.NewReader(sent))
	if err != nil {
		return nil, err
	}
	if kind != "" {
		request.Header.Set("Content-Type", kind)
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
	if err == nil && answer.StatusCode/100 != 2 {
		err = fmt.Errorf("%s: %s %.200s", url, answer.Status, body)
	}
	return body, err
}

const kubeletConfig = agentDir + "/kubelet.kubeconfig"

type join struct {
	Data map[string]string `json:"data"`
}

// joinCluster starts kubelet, kube-proxy and the network to other nodes' pods.
func (n *node) joinCluster(url string) error {
	facts := join{}
	if n.role == "server" {
		facts.Data = map[string]string{"ca.crt": string(n.ca.pem), "dns": n.clusterDNS, "cidr": n.clusterCIDR, "flannel": n.flannelBackend}
	} else {
		until(200*time.Millisecond, func() error {
			body, err := fetch(url+"/api/v1/namespaces/kube-public/configmaps/k3s-join", n.token, &tls.Config{InsecureSkipVerify: true})
			if err != nil {
				return err
			}
			return json.Unmarshal(body, &facts)
		})
		if err := n.admitted(n.byToken(url)); err != nil {
			return err
		}
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
	config, err := os.ReadFile("/etc/kubelet.yaml")
	if err != nil {
		return err
	}
	text := strings.ReplaceAll(string(config), "%{CLUSTER_DNS}%", facts.Data["dns"])
	if err := os.WriteFile("/run/k3s/kubelet.yaml", []byte(text), 0o644); err != nil {
		return err
	}
	if n.role == "server" {
		// It need not ask for a certificate, and wait until a controller signs it.
		if err := n.ca.kubeconfig(kubeletConfig, url, "client-kubelet"); err != nil {
			return err
		}
	}
	supervisor.keep("kubelet", n.kubeletFlags()...)
	until(100*time.Millisecond, func() error {
		_, err := fetch(url+"/api/v1/nodes/"+n.name, n.token, &tls.Config{InsecureSkipVerify: true})
		return err
	})
	say("info", "Successfully registered node "+n.name)
	n.podNetwork(url, facts.Data["cidr"], facts.Data["flannel"], func() {
		// As on EKS, where it is a pod: after the node is Ready.
		until(100*time.Millisecond, func() error { return n.ready(url) })
		supervisor.keep("kube-proxy", "--kubeconfig="+agentDir+"/proxy.kubeconfig", "--cluster-cidr="+facts.Data["cidr"],
			"--hostname-override="+n.name, "--conntrack-max-per-core=0", "--healthz-bind-address=127.0.0.1:10256")
	})
	return nil
}

func (n *node) kubeletFlags() []string {
	all := []string{
		"--config=/run/k3s/kubelet.yaml", "--kubeconfig=" + kubeletConfig, "--cert-dir=" + agentDir + "/pki",
		"--hostname-override=" + n.name, "--node-ip=" + n.ip,
	}
	if n.role != "server" {
		all = append(all, "--bootstrap-kubeconfig="+agentDir+"/bootstrap.kubeconfig")
	}
	if len(n.labels) > 0 {
		all = append(all, "--node-labels="+strings.Join(n.labels, ","))
	}
	if len(n.taints) > 0 {
		all = append(all, "--register-with-taints="+strings.Join(n.taints, ","))
	}
	return append(all, flags(n.kubeletArgs)...)
}

// ownNode is what this program wants to know of its Node object.
type ownNode struct {
	Spec   struct{ PodCIDR string }
	Status struct {
		Conditions []struct{ Type, Status string }
	}
}

func (n *node) own(url string) (ownNode, error) {
	own := ownNode{}
	body, err := fetch(url+"/api/v1/nodes/"+n.name, n.token, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return own, err
	}
	return own, json.Unmarshal(body, &own)
}

// ready is nil when the node's own Ready condition is True.
func (n *node) ready(url string) error {
	own, err := n.own(url)
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
