package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// supervisor runs the components and starts those anew that end.
var supervisor = &processes{}

type processes struct {
	mu      sync.Mutex
	running []*exec.Cmd
	stopped bool
}

// keep runs a component for as long as the node lives.
func (p *processes) keep(name string, args ...string) {
	go func() {
		for pause := 200 * time.Millisecond; ; pause = min(pause*2, 5*time.Second) {
			if !p.once(name, args) {
				return
			}
			say("warning", name+" ended; starting it again")
			time.Sleep(pause)
		}
	}()
}

// once runs a component until it ends; false where the node is going down.
func (p *processes) once(name string, args []string) bool {
	command := exec.Command(name, args...)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	// As k3s has it: all parts speak here, containerd into a file.
	if name == "containerd" {
		file, err := os.OpenFile(containerdLog, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			say("error", err.Error())
			return true
		}
		defer file.Close()
		command.Stdout, command.Stderr = file, file
	}
	p.mu.Lock()
	if p.stopped {
		p.mu.Unlock()
		return false
	}
	err := command.Start()
	if err == nil {
		p.running = append(p.running, command)
	}
	p.mu.Unlock()
	if err != nil {
		say("error", name+": "+err.Error())
		return true
	}
	_ = command.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.stopped
}

// stop ends all components, the API server before what it needs, so that clients are sent away and don't wait; etcd gets the
// time to close its files.
func (p *processes) stop() {
	p.mu.Lock()
	p.stopped = true
	running := p.running
	p.mu.Unlock()
	first := func(command *exec.Cmd) bool { return filepath.Base(command.Path) == "kube-apiserver" }
	end(running, first, time.Second)
	end(running, func(*exec.Cmd) bool { return true }, 2*time.Second)
	os.Exit(0)
}

// end asks those that are meant to end, and waits for them.
func end(running []*exec.Cmd, meant func(*exec.Cmd) bool, patience time.Duration) {
	deadline := time.Now().Add(patience)
	for _, command := range running {
		if meant(command) {
			_ = command.Process.Signal(syscall.SIGTERM)
		}
	}
	for _, command := range running {
		for meant(command) && command.ProcessState == nil && time.Now().Before(deadline) && command.Process.Signal(syscall.Signal(0)) == nil {
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// say prints a line in k3s's own form: k3d waits for some of them.
func say(level, message string) {
	fmt.Printf("time=%q level=%s msg=%q\n", time.Now().Format(time.RFC3339), level, message)
}

// until repeats a try until it works.
func until(pause time.Duration, try func() error) {
	for try() != nil {
		time.Sleep(pause)
	}
}
