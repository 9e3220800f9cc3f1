// k3s's command line on upstream Kubernetes components: the entrypoint of the node image that stands in for
// rancher/k3s where no container registry answers. It honours what k3d and k3eks use, and warns of the rest.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	if called() == helmController {
		if err := runHelmController(os.Args); err != nil {
			fmt.Fprintln(os.Stderr, helmController+":", err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: k3s server|agent|certificate|kubectl|ctr|--version")
		os.Exit(2)
	}
	switch os.Args[1] {
	case "--version", "-v":
		fmt.Println("k3s version", version())
	case "kubectl":
		become("/usr/local/bin/kubectl", append([]string{"kubectl"}, os.Args[2:]...))
	case "ctr":
		become("/usr/bin/ctr", append([]string{"ctr", "-a", containerdSocket, "-n", "k8s.io"}, os.Args[2:]...))
	case "certificate":
		if err := certificate(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "k3s certificate:", err)
			os.Exit(1)
		}
	case "server", "agent":
		if err := run(os.Args[1], os.Args[2:]); err != nil {
			say("fatal", err.Error())
			os.Exit(1)
		}
	default:
		fmt.Fprintln(os.Stderr, "k3s: unknown command", os.Args[1])
		os.Exit(2)
	}
}

func become(path string, args []string) {
	err := syscall.Exec(path, args, os.Environ())
	fmt.Fprintln(os.Stderr, "k3s:", path, err)
	os.Exit(1)
}

func run(role string, args []string) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	failed := make(chan error, 1)
	node, err := newNode(role, args)
	if err != nil {
		return err
	}
	say("info", "Starting k3s "+version())
	go func() { failed <- node.start() }()
	for {
		select {
		case <-signals:
			supervisor.stop()
			return nil
		case err := <-failed:
			if err != nil {
				return err
			}
			failed = nil
		}
	}
}

func version() string {
	text, err := os.ReadFile("/etc/k3s-version")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}

// prepare makes the folders and the mount propagation that kubelet wants.
func prepare() error {
	for _, folder := range []string{tlsDir, agentDir, filepath.Dir(containerdLog), manifestsDir, "/run/k3s/containerd", "/etc/rancher/k3s", "/var/log", "/etc/cni/net.d"} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
	}
	return exec.Command("mount", "--make-rshared", "/").Run()
}

// write writes a file and the folders that it is in.
func write(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}
