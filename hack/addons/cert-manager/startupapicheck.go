package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/cert-manager/cert-manager/internal/kube"
	"github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/cert-manager/cert-manager/pkg/util/cmapichecker"
)

// startupapicheck waits until the API server takes what belongs to cert-manager.
func startupapicheck(ctx context.Context, arguments []string) error {
	var limit, pause time.Duration
	var kubeconfig, namespace string
	flags := pflag.NewFlagSet("startupapicheck", pflag.ContinueOnError)
	flags.DurationVar(&limit, "wait", 0, "how long to wait; 0 is one try")
	flags.DurationVar(&pause, "interval", time.Second, "pause between tries")
	flags.StringVar(&kubeconfig, "kubeconfig", "", "file that says how to reach the cluster; else it is the pod's own")
	flags.StringVarP(&namespace, "namespace", "n", os.Getenv("POD_NAMESPACE"), "namespace of what is tried")
	flags.CountP("verbose", "v", "accepted, and always so")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if what := fmt.Sprint(flags.Args()); what != "[check api]" {
		return fmt.Errorf("can't do %s, only [check api]", what)
	}
	config, err := kube.BuildClientConfig("", kubeconfig)
	if err != nil {
		return err
	}
	checker, err := cmapichecker.New(config, namespace)
	if err != nil {
		return err
	}
	if limit == 0 {
		return checker.Check(ctx)
	}
	var last error
	err = wait.PollUntilContextTimeout(ctx, pause, limit, true, func(ctx context.Context) (bool, error) {
		if last = checker.Check(ctx); last != nil {
			logs.FromContext(ctx).Info("not ready", "why", last.Error())
		}
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("%w: %w", err, last)
	}
	fmt.Println("The cert-manager API is ready")
	return nil
}
