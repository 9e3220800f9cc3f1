package main

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	passwordFile = "/etc/rancher/node/password"
	// finalizer holds a server's Node object until etcd has no member of it.
	finalizer = "wrangler.cattle.io/managed-etcd-controller"
)

// ask asks the API server as administrator.
func ask(method, path, kind string, body any) ([]byte, error) {
	cert, err := tls.LoadX509KeyPair(tlsDir+"/admin.crt", tlsDir+"/admin.key")
	if err != nil {
		return nil, err
	}
	return send(method, local+path, "", kind, &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{cert}}, body)
}

// send sends a body, if there is one, as JSON.
func send(method, url, token, kind string, config *tls.Config, body any) ([]byte, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	return callAs(method, url, token, kind, config, text)
}

// ingress is a place where a Service of type LoadBalancer is served.
type ingress struct {
	IP string `json:"ip"`
}

// object is what this program wants to know of a Service or a node.
type object struct {
	Metadata struct {
		Name, Namespace   string
		DeletionTimestamp string
		Finalizers        []string
	}
	Spec struct {
		Type, LoadBalancerClass string
		Ports                   []struct {
			Port     int
			Protocol string
		}
	}
	Status struct {
		LoadBalancer struct{ Ingress []ingress }
		Addresses    []struct{ Type, Address string }
		Conditions   []struct{ Type, Status string }
	}
}

type objects struct{ Items []object }

func list(path string) (objects, error) {
	all := objects{}
	text, err := ask(http.MethodGet, path, "", nil)
	if err != nil {
		return all, err
	}
	return all, json.Unmarshal(text, &all)
}

const merge = "application/merge-patch+json"

// balance says where Services of type LoadBalancer are served: on the nodes that are Ready, where their ports are free. k3s has pods
// there; here kube-proxy alone leads what comes to a node's address. Whose class is another one's has none, and k3s empties its status.
func (n *node) balance() {
	for ; ; time.Sleep(2 * time.Second) {
		services, err := list("/api/v1/services")
		if err != nil {
			continue
		}
		nodes, err := list("/api/v1/nodes")
		if err != nil {
			continue
		}
		ready, taken := nodes.ready(), map[string]string{}
		// Whoever is served goes on being served.
		slices.SortStableFunc(services.Items, func(one, other object) int {
			return len(other.Status.LoadBalancer.Ingress) - len(one.Status.LoadBalancer.Ingress)
		})
		for _, s := range services.Items {
			if s.Spec.Type != "LoadBalancer" {
				continue
			}
			var wanted []ingress
			if s.Spec.LoadBalancerClass == "" && s.take(taken) {
				wanted = ready
			}
			if slices.Equal(wanted, s.Status.LoadBalancer.Ingress) {
				continue
			}
			path := fmt.Sprintf("/api/v1/namespaces/%s/services/%s/status", s.Metadata.Namespace, s.Metadata.Name)
			_, _ = ask(http.MethodPatch, path, merge, map[string]any{"status": map[string]any{"loadBalancer": map[string]any{"ingress": wanted}}})
		}
	}
}

// ready lists the addresses of nodes that are Ready.
func (all objects) ready() []ingress {
	var found []ingress
	for _, node := range all.Items {
		isReady := slices.ContainsFunc(node.Status.Conditions, func(c struct{ Type, Status string }) bool {
			return c.Type == "Ready" && c.Status == "True"
		})
		for _, address := range node.Status.Addresses {
			if isReady && address.Type == "InternalIP" {
				found = append(found, ingress{address.Address})
			}
		}
	}
	return found
}

// take has the Service's ports for it alone; false where another one has one of them.
func (s object) take(taken map[string]string) bool {
	name := s.Metadata.Namespace + "/" + s.Metadata.Name
	for _, port := range s.Spec.Ports {
		if other := taken[fmt.Sprint(port.Port, port.Protocol)]; other != "" && other != name {
			return false
		}
	}
	for _, port := range s.Spec.Ports {
		taken[fmt.Sprint(port.Port, port.Protocol)] = name
	}
	return true
}

// watchNodes takes what a server's node leaves behind, when its Node object is deleted: its member of etcd and its password.
func (n *node) watchNodes() {
	for ; ; time.Sleep(time.Second) {
		known := members{}
		all, err := list("/api/v1/nodes")
		if err == nil {
			err = etcd("cluster/member/list", map[string]any{}, &known)
		}
		if err != nil {
			continue
		}
		for _, item := range all.Items {
			m := item.Metadata
			path := "/api/v1/nodes/" + m.Name
			held := slices.Contains(m.Finalizers, finalizer)
			servers := slices.ContainsFunc(known.Members, func(other member) bool { return nodeOf(other.Name) == m.Name })
			switch {
			case m.DeletionTimestamp == "" && !held && servers:
				_, _ = ask(http.MethodPatch, path, merge, map[string]any{"metadata": map[string]any{"finalizers": append(m.Finalizers, finalizer)}})
			case m.DeletionTimestamp != "" && held:
				if err := expel(m.Name); err != nil {
					say("error", "removing the member of "+m.Name+": "+err.Error())
					continue
				}
				_, _ = ask(http.MethodDelete, passwordOf(m.Name), "", nil)
				rest := slices.DeleteFunc(m.Finalizers, func(one string) bool { return one == finalizer })
				_, _ = ask(http.MethodPatch, path, merge, map[string]any{"metadata": map[string]any{"finalizers": rest}})
			}
		}
	}
}

// showRole has kubectl say what this node is, once it has registered.
func (n *node) showRole() {
	labels := map[string]string{"node-role.kubernetes.io/control-plane": "true"}
	if n.clustered() {
		labels["node-role.kubernetes.io/etcd"] = "true"
	}
	until(time.Second, func() error {
		_, err := ask(http.MethodPatch, "/api/v1/nodes/"+n.name, merge, map[string]any{"metadata": map[string]any{"labels": labels}})
		return err
	})
}

func passwordOf(node string) string {
	return "/api/v1/namespaces/kube-system/secrets/" + node + ".node-password.k3s"
}

// forgetNodes takes away the passwords of nodes whose Node objects are deleted: their names may be another's then.
func forgetNodes() {
	known := map[string]bool{}
	for ; ; time.Sleep(time.Second) {
		all, err := list("/api/v1/nodes")
		if err != nil {
			continue
		}
		now := map[string]bool{}
		for _, item := range all.Items {
			now[item.Metadata.Name] = true
		}
		for name := range known {
			if !now[name] {
				_, _ = ask(http.MethodDelete, passwordOf(name), "", nil)
			}
		}
		known = now
	}
}

// asker asks the API server as somebody.
type asker func(method, path, kind string, body any) ([]byte, error)

// byToken asks as a node that joins.
func (n *node) byToken(url string) asker {
	return func(method, path, kind string, body any) ([]byte, error) {
		return send(method, url+path, n.token, kind, &tls.Config{InsecureSkipVerify: true}, body)
	}
}

// admitted waits until this node is the one that it was when its name was first seen: until it shows the same password.
func (n *node) admitted(ask asker) error {
	password, err := os.ReadFile(passwordFile)
	if err != nil {
		random := make([]byte, 16)
		if _, err := rand.Read(random); err != nil {
			return err
		}
		password = []byte(hex.EncodeToString(random) + "\n")
		if err := os.MkdirAll(filepath.Dir(passwordFile), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(passwordFile, password, 0o600); err != nil {
			return err
		}
	}
	digest := sha256.Sum256(append([]byte(n.name+"\x00"), password...))
	hash := hex.EncodeToString(digest[:])
	until(200*time.Millisecond, func() error {
		text, err := ask(http.MethodGet, passwordOf(n.name), "", nil)
		if err != nil {
			secret := map[string]any{
				"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": n.name + ".node-password.k3s"}, "stringData": map[string]any{"hash": hash},
			}
			_, err = ask(http.MethodPost, "/api/v1/namespaces/kube-system/secrets", "application/json", secret)
			return err
		}
		known := struct{ Data struct{ Hash []byte } }{}
		if err := json.Unmarshal(text, &known); err != nil {
			return err
		}
		if string(known.Data.Hash) != hash {
			err = fmt.Errorf("Node password rejected, duplicate hostname or contents of '%s' may not match server node-passwd entry, try enabling a unique node name with the --with-node-id flag", passwordFile)
			say("error", err.Error())
			time.Sleep(2 * time.Second)
		}
		return err
	})
	return nil
}
