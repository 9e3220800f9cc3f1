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
	var text []byte
	if body != nil {
		if text, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	return callAs(method, local+path, "", kind, &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{cert}}, text)
}

type objects struct {
	Items []struct {
		Metadata struct {
			Name, Namespace   string
			DeletionTimestamp string
			Finalizers        []string
		}
		Spec   struct{ Type string }
		Status struct {
			LoadBalancer struct{ Ingress []any }
		}
	}
}

func list(path string) (objects, error) {
	all := objects{}
	text, err := ask(http.MethodGet, path, "", nil)
	if err != nil {
		return all, err
	}
	return all, json.Unmarshal(text, &all)
}

const merge = "application/merge-patch+json"

// balance empties the status of Services of type LoadBalancer: it is k3s's own balancer that says where they are served, whatever
// their class is, and here it has no pods.
func (n *node) balance() {
	for ; ; time.Sleep(2 * time.Second) {
		all, err := list("/api/v1/services")
		if err != nil {
			continue
		}
		for _, s := range all.Items {
			if s.Spec.Type != "LoadBalancer" || len(s.Status.LoadBalancer.Ingress) == 0 {
				continue
			}
			path := fmt.Sprintf("/api/v1/namespaces/%s/services/%s/status", s.Metadata.Namespace, s.Metadata.Name)
			_, _ = ask(http.MethodPatch, path, merge, map[string]any{"status": map[string]any{"loadBalancer": nil}})
		}
	}
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

func passwordOf(node string) string {
	return "/api/v1/namespaces/kube-system/secrets/" + node + ".node-password.k3s"
}

// admitted waits until this server's node is the one that it was when its name was first seen: until it shows the same password.
func (n *node) admitted() error {
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
	until(2*time.Second, func() error {
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
			err = fmt.Errorf("Node password rejected, duplicate hostname or contents of '%s' may not match server node-passwd entry", passwordFile)
			say("error", err.Error())
		}
		return err
	})
	return nil
}
