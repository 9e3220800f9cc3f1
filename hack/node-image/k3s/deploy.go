package main

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const bundledDir = "/opt/manifests"

// essential is what nodes and pods can't do without: applied before the server says that it is set up.
var essential = []string{"rbac", "coredns"}

// deploy applies the manifests, and again whenever one of them changes, as k3s's deploy controller does.
func (n *node) deploy() {
	applied := map[string]time.Time{}
	until(200*time.Millisecond, n.publish)
	n.stage(essential)
	apply(applied)
	say("info", "Cluster dns configmap has been set successfully")
	go n.charts()
	settled()
	n.stage(others())
	for {
		apply(applied)
		time.Sleep(time.Second)
	}
}

// settled waits, but not for long, until names resolve: what else there is would hold that up.
func settled() {
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
		dns, err := get(local+"/apis/apps/v1/namespaces/kube-system/deployments/coredns", "admin")
		if err != nil || bytes.Contains(dns, []byte(`"availableReplicas":`)) {
			return
		}
	}
}

// others names the manifests of the node image that aren't essential. Those are written once: k3d has changed them since.
func others() []string {
	paths, _ := filepath.Glob(bundledDir + "/*.yaml")
	names := make([]string, 0, len(paths))
	for _, path := range paths {
		if name := strings.TrimSuffix(filepath.Base(path), ".yaml"); !slices.Contains(essential, name) {
			names = append(names, name)
		}
	}
	return names
}

// stage writes manifests where they are applied from, and takes away what of them was disabled since the last start.
func (n *node) stage(names []string) {
	for _, name := range names {
		target := filepath.Join(manifestsDir, name+".yaml")
		_, missing := os.Stat(target)
		if n.disabled[name] {
			if missing == nil && exec.Command("kubectl", "delete", "--ignore-not-found", "-f", target).Run() == nil {
				_ = os.Remove(target)
			}
			continue
		}
		text, err := os.ReadFile(filepath.Join(bundledDir, name+".yaml"))
		// Anew at each start, whatever somebody wrote there.
		if err == nil {
			text := strings.ReplaceAll(string(text), "%{CLUSTER_DNS}%", n.clusterDNS)
			_ = os.WriteFile(target, []byte(text), 0o600)
		}
	}
}

// apply applies the manifests that are new or have changed.
func apply(applied map[string]time.Time) {
	changed, arguments := map[string]time.Time{}, []string{"apply"}
	for _, path := range manifests() {
		info, err := os.Stat(path)
		if err != nil || applied[path].Equal(info.ModTime()) {
			continue
		}
		changed[path] = info.ModTime()
		arguments = append(arguments, "-f", path)
	}
	if len(changed) == 0 {
		return
	}
	// All at once; one by one where something of it is refused.
	if exec.Command("kubectl", arguments...).Run() == nil {
		maps.Copy(applied, changed)
		return
	}
	for path, at := range changed {
		if exec.Command("kubectl", "apply", "-f", path).Run() == nil {
			applied[path] = at
		}
	}
}

func manifests() []string {
	yaml, _ := filepath.Glob(manifestsDir + "/*.yaml")
	yml, _ := filepath.Glob(manifestsDir + "/*.yml")
	return append(yaml, yml...)
}

func kubectlApply(text string) error {
	command := exec.Command("kubectl", "apply", "-f", "-")
	command.Stdin = strings.NewReader(text)
	return command.Run()
}
