package main

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/cert-manager/cert-manager/pkg/issuer/acme/http/solver"
	"github.com/cert-manager/cert-manager/pkg/logs"
)

// acmesolver answers one HTTP01 challenge.
func acmesolver(ctx context.Context, arguments []string) error {
	var challenge solver.HTTP01Solver
	flags := pflag.NewFlagSet("acmesolver", pflag.ContinueOnError)
	flags.IntVar(&challenge.ListenPort, "listen-port", 8089, "port to listen on")
	flags.StringVar(&challenge.Domain, "domain", "", "domain of the challenge")
	flags.StringVar(&challenge.Token, "token", "", "token of the challenge")
	flags.StringVar(&challenge.Key, "key", "", "answer to the challenge")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- challenge.Listen(logs.FromContext(ctx)) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}
