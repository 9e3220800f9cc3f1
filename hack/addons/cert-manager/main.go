// The programs of cert-manager, out of its packages, in one: the first argument says which. Nothing of cert-manager's is left out but
// TLS of the controller's and the CA injector's metrics, and profiling.
package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"syscall"

	"github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/cert-manager/cert-manager/pkg/util"
)

var programs = map[string]func(ctx context.Context, arguments []string) error{
	"acmesolver":      acmesolver,
	"cainjector":      cainjector,
	"controller":      controller,
	"startupapicheck": startupapicheck,
	"webhook":         webhook,
}

func main() {
	var program func(context.Context, []string) error
	if len(os.Args) > 1 {
		program = programs[os.Args[1]]
	}
	if program == nil {
		fmt.Fprintln(os.Stderr, "the first argument is one of", slices.Sorted(maps.Keys(programs)))
		os.Exit(2)
	}
	util.AppVersion = version()
	logs.InitLogs()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	err := program(logs.NewContext(ctx, logs.Log, os.Args[1]), os.Args[2:])
	logs.FlushLogs()
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// version is that of cert-manager's module.
func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == "github.com/cert-manager/cert-manager" {
			return module.Version
		}
	}
	return "unknown"
}
