// What k3d puts before several servers, where no container registry has its own image: forwards TCP as the configuration
// says that k3d writes into the container, each connection to the first server that answers. As nginx does, it asks for the
// servers' addresses once: when it starts, where one name that nobody knows ends it, and when it reads its configuration again.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
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
	var err error
	if filepath.Base(os.Args[0]) == "nginx" {
		err = control(os.Args[1:])
	} else {
		err = run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "k3d-proxy:", err)
		os.Exit(1)
	}
}

// control is `nginx -s reload`: the configuration is tried here, and read again by the one that runs.
func control(args []string) error {
	if !slices.Equal(args, []string{"-s", "reload"}) {
		return fmt.Errorf("only -s reload is known, not %v", args)
	}
	if _, err := load(); err != nil {
		return err
	}
	return syscall.Kill(1, syscall.SIGHUP)
}

// load reads which port leads to which addresses.
func load() (map[string][]string, error) {
	text, err := os.ReadFile(configPath)
	read := config{}
	if err == nil {
		err = yaml.Unmarshal(text, &read)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", configPath, err)
	}
	all := map[string][]string{}
	for name, hosts := range read.Ports {
		port, protocol, _ := strings.Cut(name, ".")
		if protocol != "tcp" {
			return nil, fmt.Errorf("only TCP is forwarded, not %s", name)
		}
		for _, host := range hosts {
			addresses, err := net.LookupHost(host)
			if err != nil {
				return nil, fmt.Errorf("host not found in upstream %q: %w", host, err)
			}
			all[port] = append(all[port], addresses...)
		}
	}
	return all, nil
}

func run() error {
	stop, again := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	signal.Notify(again, syscall.SIGHUP)
	ports, err := load()
	if err != nil {
		return err
	}
	all := map[string]*backends{}
	for port, hosts := range ports {
		listener, err := net.Listen("tcp", ":"+port)
		if err != nil {
			return err
		}
		all[port] = &backends{hosts: hosts, port: port, failed: map[string]time.Time{}}
		go serve(listener, all[port])
	}
	go watch(again)
	for {
		// k3d waits for these words, which are nginx's.
		fmt.Fprintln(os.Stderr, "start worker processes")
		select {
		case <-stop:
			return nil
		case <-again:
		}
		ports, err := load()
		if err != nil {
			fmt.Fprintln(os.Stderr, "k3d-proxy:", err)
			continue
		}
		for port, servers := range all {
			servers.mu.Lock()
			servers.hosts = ports[port]
			servers.mu.Unlock()
		}
	}
}

// watch has a configuration read that somebody wrote, as confd does.
func watch(again chan<- os.Signal) {
	var last time.Time
	for ; ; time.Sleep(time.Second) {
		info, err := os.Stat(configPath)
		if err != nil || info.ModTime().Equal(last) {
			continue
		}
		if !last.IsZero() {
			again <- syscall.SIGHUP
		}
		last = info.ModTime()
	}
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
	var good, bad []string
	b.mu.Lock()
	first := 0
	if len(b.hosts) > 0 {
		first = int(b.next.Add(1) % uint64(len(b.hosts)))
	}
	for i := range b.hosts {
		host := b.hosts[(first+i)%len(b.hosts)]
		if time.Since(b.failed[host]) < shunned {
			bad = append(bad, host)
		} else {
			good = append(good, host)
		}
	}
	b.mu.Unlock()
	last := error(fmt.Errorf("port %s leads to nobody", b.port))
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
