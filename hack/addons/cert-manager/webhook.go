package main

import (
	"context"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/cert-manager/cert-manager/internal/apis/config/webhook/validation"
	_ "github.com/cert-manager/cert-manager/internal/webhook/feature"

	cmwebhook "github.com/cert-manager/cert-manager/internal/webhook"
	"github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/cert-manager/cert-manager/pkg/webhook/configfile"
	"github.com/cert-manager/cert-manager/pkg/webhook/options"
)

// webhook defaults and validates what the API server is given.
func webhook(ctx context.Context, arguments []string) error {
	config, err := options.NewWebhookConfiguration()
	if err != nil {
		return err
	}
	file := configfile.New()
	err = program{
		name:     "webhook",
		add:      func(flags *pflag.FlagSet) { options.AddConfigFlags(flags, config) },
		file:     file,
		fromFile: func() { *config = *file.Config },
		validate: func() field.ErrorList { return validation.ValidateWebhookConfiguration(config, nil) },
		gates:    &config.FeatureGates,
		logging:  &config.Logging,
	}.configure(arguments)
	if err != nil {
		return err
	}
	server, err := cmwebhook.NewCertManagerWebhookServer(logs.FromContext(ctx), *config)
	if err != nil {
		return err
	}
	return server.Run(ctx)
}
