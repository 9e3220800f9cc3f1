package main

import (
	"bytes"
	"crypto/subtle"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	etcdData = dataDir + "/server/db/etcd"
	etcdURL  = "http://127.0.0.1:2379"
	// supervisorPort is where servers hand each other what they share.
	supervisorPort = "9345"
)

// shared is what all servers of a cluster have in common.
var shared = []string{"server-ca.crt", "server-ca.key", "request-header-ca.crt", "request-header-ca.key", "sa.key"}

// clustered says whether there may be more servers than this one.
func (n *node) clustered() bool { return n.clusterInit || n.server != "" }

// peer is where other members find this one's etcd. A name: addresses change when a container starts again.
func (n *node) peer() string { return "https://" + n.name + ":2380" }

// etcdFlags joins the etcd of the server that is named by K3S_URL, unless that was done before.
func (n *node) etcdFlags() []string {
	listen, peer, state := "http://127.0.0.1:2380", "http://127.0.0.1:2380", "new"
	members := n.name + "=" + peer
	var secure []string
	if n.clustered() {
		listen, peer = "https://0.0.0.0:2380", n.peer()
		members = n.name + "=" + peer
		ca := tlsDir + "/server-ca.crt"
		secure = []string{
			"--peer-cert-file=" + tlsDir + "/serving.crt", "--peer-key-file=" + tlsDir + "/serving.key",
			"--peer-client-cert-auth", "--peer-trusted-ca-file=" + ca,
		}
	}
	if _, err := os.Stat(etcdData + "/member"); err != nil && n.server != "" {
		state = "existing"
		until(500*time.Millisecond, func() error {
			query := url.Values{"name": {n.name}, "peer": {peer}}
			text, err := n.ask(http.MethodPost, "/join?"+query.Encode())
			if err != nil {
				say("info", "Waiting to join: "+err.Error())
			}
			members = string(text)
			return err
		})
	}
	return append([]string{
		"--name", n.name, "--data-dir", etcdData, "--listen-client-urls", etcdURL, "--advertise-client-urls", etcdURL,
		"--listen-peer-urls", listen, "--initial-advertise-peer-urls", peer, "--initial-cluster", members,
		"--initial-cluster-state", state, "--unsafe-no-fsync", "--log-level", "warn",
	}, secure...)
}

// inherit gets the authority and the keys of the cluster that is joined.
func (n *node) inherit() error {
	if _, err := os.Stat(tlsDir + "/server-ca.key"); err == nil || n.server == "" {
		return nil
	}
	files := map[string]string{}
	until(500*time.Millisecond, func() error {
		text, err := n.ask(http.MethodGet, "/bootstrap")
		if err != nil {
			say("info", "Waiting for the first server: "+err.Error())
			return err
		}
		return json.Unmarshal(text, &files)
	})
	for name, content := range files {
		if err := os.WriteFile(tlsDir+"/"+name, []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// ask asks the supervisor of the server that is joined.
func (n *node) ask(method, path string) ([]byte, error) {
	joined, err := url.Parse(n.server)
	if err != nil {
		return nil, err
	}
	return call(method, "https://"+joined.Hostname()+":"+supervisorPort+path, n.token, &tls.Config{InsecureSkipVerify: true})
}

// supervise serves those who join, to who knows the token.
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
		files := map[string]string{}
		for _, name := range shared {
			text, err := os.ReadFile(tlsDir + "/" + name)
			if err != nil {
				return nil, err
			}
			files[name] = string(text)
		}
		return json.Marshal(files)
	}))
	routes.Handle("POST /join", checked(func(request *http.Request) ([]byte, error) {
		return admit(request.FormValue("name"), request.FormValue("peer"))
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

// admit makes a server a member of etcd, in place of one that had its name; says who the members are.
func admit(name, peer string) ([]byte, error) {
	if name == "" || peer == "" {
		return nil, errors.New("name and peer are needed")
	}
	known := members{}
	if err := etcd("member/list", map[string]any{}, &known); err != nil {
		return nil, err
	}
	for _, m := range known.Members {
		if m.Name == name || len(m.PeerURLs) == 1 && m.PeerURLs[0] == peer {
			if err := etcd("member/remove", map[string]any{"ID": m.ID}, nil); err != nil {
				return nil, err
			}
		}
	}
	now := members{}
	if err := etcd("member/add", map[string]any{"peerURLs": []string{peer}}, &now); err != nil {
		return nil, err
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

// etcd asks this server's own member, through etcd's JSON gateway.
func etcd(what string, request, answer any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Post(etcdURL+"/v3/cluster/"+what, "application/json", bytes.NewReader(body))
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
