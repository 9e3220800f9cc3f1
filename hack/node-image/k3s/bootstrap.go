package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	bootstrapKey = "/bootstrap/k3s"
	// bootstrapFile stands for that key where the datastore belongs to one server alone.
	bootstrapFile = dataDir + "/server/db/bootstrap.json"
	// skew is how much newer than the datastore's a file on disk may be.
	skew = 3
)

// shared is what all servers of a cluster have in common, and what the datastore keeps.
var shared = []string{
	"server-ca.crt", "server-ca.key", "request-header-ca.crt", "request-header-ca.key", "etcd-ca.crt", "etcd-ca.key", "sa.key",
}

// kept is a file as the datastore has it.
type kept struct {
	Timestamp time.Time
	Content   []byte
}

// onDisk reads those of the shared files that are in a folder, with the times at which they were changed.
func onDisk(folder string) (map[string]kept, error) {
	all := map[string]kept{}
	for _, name := range shared {
		path := filepath.Join(folder, name)
		info, err := os.Stat(path)
		if os.IsNotExist(err) {
			continue
		} else if err != nil {
			return nil, err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		all[name] = kept{info.ModTime(), content}
	}
	return all, nil
}

func toDisk(files map[string]kept) error {
	for name, file := range files {
		if err := os.WriteFile(filepath.Join(tlsDir, name), file.Content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// stored is what the datastore has; nil where it has nothing yet.
func (n *node) stored() (map[string]kept, error) {
	files := map[string]kept{}
	if !n.clustered() {
		text, err := os.ReadFile(bootstrapFile)
		if os.IsNotExist(err) {
			return nil, nil
		} else if err != nil {
			return nil, err
		}
		return files, json.Unmarshal(text, &files)
	}
	answer := struct{ Kvs []struct{ Value []byte } }{}
	if err := etcd("kv/range", map[string]any{"key": base64.StdEncoding.EncodeToString([]byte(bootstrapKey))}, &answer); err != nil {
		return nil, err
	}
	if len(answer.Kvs) == 0 {
		return nil, nil
	}
	return files, json.Unmarshal(answer.Kvs[0].Value, &files)
}

func (n *node) store(files map[string]kept) error {
	text, err := json.Marshal(files)
	if err != nil {
		return err
	}
	if !n.clustered() {
		if err := os.MkdirAll(filepath.Dir(bootstrapFile), 0o700); err != nil {
			return err
		}
		return os.WriteFile(bootstrapFile, text, 0o600)
	}
	b := base64.StdEncoding.EncodeToString
	return etcd("kv/put", map[string]any{"key": b([]byte(bootstrapKey)), "value": b(text)}, nil)
}

// remembered is what the server that this one joined has, or else the datastore.
func (n *node) remembered() (map[string]kept, error) {
	if n.server != "" {
		files := map[string]kept{}
		text, err := n.ask(http.MethodGet, "/bootstrap", nil)
		if err == nil {
			err = json.Unmarshal(text, &files)
		}
		if err == nil {
			return files, nil
		}
		say("warning", "Unable to reconcile with remote datastore: "+err.Error())
	}
	return n.stored()
}

// reconcile brings the files on disk to what is remembered. One that is newer there ends the server.
func (n *node) reconcile() error {
	files, err := n.remembered()
	if err != nil || files == nil {
		return err
	}
	now, err := onDisk(tlsDir)
	if err != nil {
		return err
	}
	var newer []string
	update := false
	for name, file := range files {
		mine, exists := now[name]
		if exists && bytes.Equal(mine.Content, file.Content) {
			continue
		}
		if exists && mine.Timestamp.Unix()-file.Timestamp.Unix() >= skew {
			newer = append(newer, filepath.Join(tlsDir, name))
			continue
		}
		say("warning", "Datastore newer than "+filepath.Join(tlsDir, name))
		update = true
	}
	if len(newer) > 0 {
		return fmt.Errorf("%s newer than datastore and could cause a cluster outage. Remove the file(s) from disk and restart to be recreated from datastore.", strings.Join(newer, ", "))
	}
	if update {
		say("warning", "Updating bootstrap data on disk from datastore")
		return toDisk(files)
	}
	return nil
}

// save gives the datastore what the first start made.
func (n *node) save() error {
	if files, err := n.stored(); err != nil || files != nil {
		return err
	}
	files, err := onDisk(tlsDir)
	if err != nil {
		return err
	}
	return n.store(files)
}

// inherit gets the authorities and the keys of the cluster that is joined.
func (n *node) inherit() error {
	if _, err := os.Stat(tlsDir + "/server-ca.key"); err == nil || n.server == "" {
		return nil
	}
	files := map[string]kept{}
	until(500*time.Millisecond, func() error {
		text, err := n.ask(http.MethodGet, "/bootstrap", nil)
		if err != nil {
			say("info", "Waiting for the first server: "+err.Error())
			return err
		}
		return json.Unmarshal(text, &files)
	})
	return toDisk(files)
}
