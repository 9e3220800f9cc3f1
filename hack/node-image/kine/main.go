// kine with sqlite: what k3s keeps the state of a single server in, behind etcd's own interface.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/k3s-io/kine/pkg/drivers"
	"github.com/k3s-io/kine/pkg/drivers/generic"
	"github.com/k3s-io/kine/pkg/drivers/sqlite"
	"github.com/k3s-io/kine/pkg/server"
	"google.golang.org/grpc"
)

const (
	// As etcd has it: what one request may hold.
	largestRequest = 2 << 20
	largestAnswer  = 1<<31 - 1
	patience       = time.Second
)

func main() {
	database := flag.String("database", "", "file of the database")
	socket := flag.String("socket", "", "unix socket to listen on")
	flag.Parse()
	if err := run(*database, *socket); err != nil {
		fmt.Fprintln(os.Stderr, "kine:", err)
		os.Exit(1)
	}
}

func run(database, socket string) error {
	signalled, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	// The database outlives the listener: requests under way end first.
	running, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	defer work.Wait()
	defer cancel()
	if err := os.MkdirAll(filepath.Dir(database), 0o700); err != nil {
		return err
	}
	_, backend, err := sqlite.New(running, &work, &drivers.Config{
		DataSourceName:       database + "?" + sqlite.DefaultParams,
		ConnectionPoolConfig: generic.ConnectionPoolConfig{MaxIdle: 20, MaxIdleTime: 2 * time.Minute},
		CompactTimeout:       5 * time.Second, CompactMinRetain: 1000, CompactBatchSize: 1000,
		PollInterval: time.Second, PollBatchSize: 500,
	})
	if err != nil {
		return fmt.Errorf("opening %s: %w", database, err)
	}
	if err := backend.Start(running); err != nil {
		return fmt.Errorf("starting on %s: %w", database, err)
	}
	services := grpc.NewServer(grpc.MaxRecvMsgSize(largestRequest), grpc.MaxSendMsgSize(largestAnswer))
	server.New(backend, "unix", 5*time.Second, "3.6.11").Register(services)
	_ = os.Remove(socket)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	go func() {
		<-signalled.Done()
		defer time.AfterFunc(patience, services.Stop).Stop()
		services.GracefulStop()
	}()
	return services.Serve(listener)
}
