package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/k3s-io/helm-controller/pkg/app"
	"github.com/k3s-io/helm-controller/pkg/crds"
	"sigs.k8s.io/yaml"
)

const (
	// The image that k3s's helm-controller runs helm in.
	klipperHelm = "rancher/klipper-helm:v0.10.0"
	// No limits: those of the controller's own are more than most nodes have, which cgroup v1 refuses.
	jobResources   = `{"requests": {"cpu": "100m", "memory": "10M"}}`
	helmController = "helm-controller"
)

// runHelmController is k3s's own controller for HelmChart and HelmChartConfig, in a process of its own.
func runHelmController(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	err := app.New().RunContext(ctx, args)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// charts makes the kinds known, and starts the controller once there is something for it to do.
func (n *node) charts() {
	if n.disableHelm {
		return
	}
	until(time.Second, kinds)
	until(2*time.Second, func() error {
		for _, kind := range []string{"helmcharts", "helmchartconfigs"} {
			list, err := get(local+"/apis/helm.cattle.io/v1/"+kind+"?limit=1", "admin")
			if err != nil {
				return err
			}
			if !strings.Contains(string(list), `"items":[]`) {
				return nil
			}
		}
		return errors.New("no charts yet")
	})
	supervisor.keep(helmController, "--kubeconfig="+adminConfig, "--node-name="+n.name, "--default-job-image="+klipperHelm,
		"--controller-name="+helmController, "--job-cluster-role=cluster-admin", "--job-resources="+jobResources)
}

// kinds applies the definitions that the controller brings.
func kinds() error {
	all, err := crds.List()
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, one := range all {
		definition, err := yaml.Marshal(one)
		if err != nil {
			return err
		}
		text.WriteString("---\n" + string(definition))
	}
	return kubectlApply(text.String())
}

// called says by which name this program was started.
func called() string { return filepath.Base(os.Args[0]) }
