// What k3d puts before several servers, where no container registry has its own image: forwards TCP as the configuration
// says that k3d writes into the container, each connection to the first server that answers.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"sigs.k8s.io/yaml"
)

const (
	configPath = "/etc/confd/values.yaml"
	patience   = 2 * time.Second
	// A server that didn't answer is asked last for so long.
	shunned = 10 * time.Second
)

type config struct {
	Ports map[string][]string `json:"ports"`
}

// backends take turns.
type backends struct {
	hosts  []string
	port   string
	next   atomic.Uint64
	mu     sync.Mutex
	failed map[string]time.Time
}

func main() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	text, err := os.ReadFile(configPath)
	read := config{}
	if err == nil {
		err = yaml.Unmarshal(text, &read)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "k3d-proxy: reading", configPath+":", err)
		os.Exit(1)
	}
	for name, hosts := range read.Ports {
		port, protocol, _ := strings.Cut(name, ".")
		if protocol != "tcp" {
			fmt.Fprintln(os.Stderr, "k3d-proxy: only TCP is forwarded, not", name)
			continue
		}
		listener, err := net.Listen("tcp", ":"+port)
		if err != nil {
			fmt.Fprintln(os.Stderr, "k3d-proxy:", err)
			os.Exit(1)
		}
		go serve(listener, &backends{hosts: hosts, port: port, failed: map[string]time.Time{}})
	}
	// k3d waits for these words, which are nginx's.
	fmt.Fprintln(os.Stderr, "start worker processes")
	<-stop
}

func serve(listener net.Listener, servers *backends) {
	for {
		client, err := listener.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, "k3d-proxy:", err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		go func() {
			defer client.Close()
			server, err := servers.connect()
			if err != nil {
				fmt.Fprintln(os.Stderr, "k3d-proxy:", err)
				return
			}
			defer server.Close()
			join(client, server)
		}()
	}
}

// join copies both ways until both ends have said all.
func join(client, server net.Conn) {
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		both.Add(1)
		go func() {
			defer both.Done()
			_, _ = io.Copy(way[0], way[1])
			if half, ok := way[0].(*net.TCPConn); ok {
				_ = half.CloseWrite()
			}
		}()
	}
	both.Wait()
}

func (b *backends) connect() (net.Conn, error) {
	first := int(b.next.Add(1) % uint64(len(b.hosts)))
	var good, bad []string
	b.mu.Lock()
	for i := range b.hosts {
		host := b.hosts[(first+i)%len(b.hosts)]
		if time.Since(b.failed[host]) < shunned {
			bad = append(bad, host)
		} else {
			good = append(good, host)
		}
	}
	b.mu.Unlock()
	var last error
	for _, host := range append(good, bad...) {
		connection, err := net.DialTimeout("tcp", net.JoinHostPort(host, b.port), patience)
		b.mu.Lock()
		if err == nil {
			delete(b.failed, host)
			b.mu.Unlock()
			return connection, nil
		}
		b.failed[host] = time.Now()
		b.mu.Unlock()
		last = err
	}
	return nil, last
}
