package main

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

const (
	etcdData = dataDir + "/server/db/etcd"
	etcdURL  = "http://127.0.0.1:2379"
	// supervisorPort is where servers hand each other what they share.
	supervisorPort = "9345"
)

var errDuplicate = errors.New("duplicate node name found, please use a unique name for this node")

// clustered says whether there may be more servers than this one.
func (n *node) clustered() bool { return n.clusterInit || n.server != "" }

// peer is where other members find this one's etcd: by its address, which is its identity for as long as it lives.
func (n *node) peer() string { return "https://" + n.ip + ":2380" }

// member is the name of this server in etcd: its node's, and something that a server made anew doesn't have.
func (n *node) member() (string, error) {
	path := etcdData + "/name"
	text, err := os.ReadFile(path)
	if err == nil {
		return string(text), nil
	}
	random := make([]byte, 4)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	name := n.name + "-" + hex.EncodeToString(random)
	if err := os.MkdirAll(etcdData, 0o700); err != nil {
		return "", err
	}
	return name, os.WriteFile(path, []byte(name), 0o600)
}

// nodeOf is the node of a member of this name.
func nodeOf(member string) string {
	if i := strings.LastIndex(member, "-"); i > 1 {
		return member[:i]
	}
	return member
}

// etcdFlags joins the etcd of the server that is named by K3S_URL, unless that was done before.
func (n *node) etcdFlags() ([]string, error) {
	name, err := n.member()
	if err != nil {
		return nil, err
	}
	if err := n.peerCertificate(); err != nil {
		return nil, err
	}
	members, state := name+"="+n.peer(), "new"
	if _, err := os.Stat(etcdData + "/member"); err != nil && n.server != "" {
		state = "existing"
		if members, err = n.join(name); err != nil {
			return nil, err
		}
	}
	ca := tlsDir + "/etcd-ca.crt"
	return []string{
		"--name", name, "--data-dir", etcdData, "--listen-client-urls", etcdURL, "--advertise-client-urls", etcdURL,
		"--listen-peer-urls", n.peer() + ",https://127.0.0.1:2380", "--initial-advertise-peer-urls", n.peer(),
		"--initial-cluster", members, "--initial-cluster-state", state, "--unsafe-no-fsync", "--log-level", "warn",
		"--peer-cert-file=" + tlsDir + "/etcd-peer.crt", "--peer-key-file=" + tlsDir + "/etcd-peer.key", "--peer-client-cert-auth",
		"--peer-trusted-ca-file=" + ca,
	}, nil
}

// peerCertificate is of an authority that is etcd's alone.
func (n *node) peerCertificate() error {
	ca, err := loadAuthority("etcd-ca")
	if err != nil {
		return err
	}
	return ca.issue("etcd-peer", "etcd-peer", "", []string{n.ip, "127.0.0.1", "localhost", n.name})
}

// join makes this server a member; who the members are. A server whose node has a member already can't be one.
func (n *node) join(name string) (string, error) {
	query := url.Values{"name": {name}, "peer": {n.peer()}, "node": {n.name}}
	for {
		text, err := n.ask(http.MethodPost, "/join?"+query.Encode(), nil)
		if err == nil {
			return string(text), nil
		}
		if strings.Contains(err.Error(), errDuplicate.Error()) {
			_ = os.Remove(etcdData + "/name")
			return "", fmt.Errorf("etcd cluster join failed: %w", errDuplicate)
		}
		say("info", "Waiting to join: "+err.Error())
		time.Sleep(500 * time.Millisecond)
	}
}

// tested waits until this server is a member by exactly its name and its present address.
func (n *node) tested() error {
	name, err := n.member()
	if err != nil || !n.clustered() {
		return err
	}
	for pause := 200 * time.Millisecond; ; time.Sleep(pause) {
		known := members{}
		if err := etcd("cluster/member/list", map[string]any{}, &known); err != nil {
			continue
		}
		var found []string
		for _, m := range known.Members {
			for _, at := range m.PeerURLs {
				if m.Name == name && at == n.peer() {
					return nil
				}
				found = append(found, m.Name+"="+at)
			}
		}
		say("error", fmt.Sprintf("Failed to test etcd connection: this server is a not a member of the etcd cluster. Found %v, expect: %s=%s", found, name, n.peer()))
		pause = 5 * time.Second
	}
}

// ask asks the supervisor of the server that is joined.
func (n *node) ask(method, path string, body []byte) ([]byte, error) {
	joined, err := url.Parse(n.server)
	if err != nil {
		return nil, err
	}
	return call(method, "https://"+joined.Hostname()+":"+supervisorPort+path, n.token, &tls.Config{InsecureSkipVerify: true}, body)
}

// supervise serves those who join, and `k3s certificate`, to who knows the token.
func (n *node) supervise() {
	checked := func(handle func(*http.Request) ([]byte, error)) http.HandlerFunc {
		return func(answer http.ResponseWriter, request *http.Request) {
			if subtle.ConstantTimeCompare([]byte(request.Header.Get("Authorization")), []byte("Bearer "+n.token)) != 1 {
				http.Error(answer, "not authorized", http.StatusUnauthorized)
				return
			}
			text, err := handle(request)
			if err != nil {
				http.Error(answer, err.Error(), http.StatusServiceUnavailable)
				return
			}
			_, _ = answer.Write(text)
		}
	}
	routes := http.NewServeMux()
	routes.Handle("GET /bootstrap", checked(func(*http.Request) ([]byte, error) {
		files, err := onDisk(tlsDir)
		if err != nil {
			return nil, err
		}
		return json.Marshal(files)
	}))
	routes.Handle("POST /join", checked(func(request *http.Request) ([]byte, error) {
		return admit(request.FormValue("name"), request.FormValue("peer"), request.FormValue("node"))
	}))
	routes.Handle("PUT /cacerts", checked(func(request *http.Request) ([]byte, error) {
		text, err := io.ReadAll(request.Body)
		if err != nil {
			return nil, err
		}
		return nil, n.replace(text, request.FormValue("force") == "true")
	}))
	server := http.Server{Addr: ":" + supervisorPort, Handler: routes, ReadHeaderTimeout: 5 * time.Second}
	say("error", "the supervisor ended: "+server.ListenAndServeTLS(tlsDir+"/serving.crt", tlsDir+"/serving.key").Error())
}

type member struct {
	ID       string   `json:"ID"`
	Name     string   `json:"name"`
	PeerURLs []string `json:"peerURLs"`
}

type members struct {
	Members []member `json:"members"`
}

// admit makes a server a member of etcd; says who the members are.
func admit(name, peer, node string) ([]byte, error) {
	if name == "" || peer == "" || node == "" {
		return nil, errors.New("name, peer and node are needed")
	}
	known := members{}
	if err := etcd("cluster/member/list", map[string]any{}, &known); err != nil {
		return nil, err
	}
	now, there := known, false
	for _, m := range known.Members {
		// One that hasn't started yet has no name; where it has the address of who asks, it is that one.
		there = there || slices.Contains(m.PeerURLs, peer) && (m.Name == "" || m.Name == name)
		if m.Name != name && nodeOf(m.Name) == node {
			return nil, errDuplicate
		}
	}
	if !there {
		now = members{}
		if err := etcd("cluster/member/add", map[string]any{"peerURLs": []string{peer}}, &now); err != nil {
			return nil, err
		}
	}
	var all []string
	for _, m := range now.Members {
		for _, at := range m.PeerURLs {
			if at == peer {
				m.Name = name
			}
			all = append(all, m.Name+"="+at)
		}
	}
	return []byte(strings.Join(all, ",")), nil
}

// expel takes a node's member out of etcd.
func expel(node string) error {
	known := members{}
	if err := etcd("cluster/member/list", map[string]any{}, &known); err != nil {
		return err
	}
	for _, m := range known.Members {
		if nodeOf(m.Name) == node {
			return etcd("cluster/member/remove", map[string]any{"ID": m.ID}, nil)
		}
	}
	return nil
}

// etcd asks this server's own member, through etcd's JSON gateway.
func etcd(what string, request, answer any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Post(etcdURL+"/v3/"+what, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		said := map[string]any{}
		_ = json.NewDecoder(response.Body).Decode(&said)
		return fmt.Errorf("etcd %s: %s: %v", what, response.Status, said["message"])
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(answer)
}
