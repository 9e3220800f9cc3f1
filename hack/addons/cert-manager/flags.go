package main

import (
	"errors"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/component-base/cli/flag"
	logsapi "k8s.io/component-base/logs/api/v1"

	"github.com/cert-manager/cert-manager/internal/apis/config/shared"
	"github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/cert-manager/cert-manager/pkg/util/configfile"
	"github.com/cert-manager/cert-manager/pkg/util/feature"
)

// program is how one is configured: by flags, which win over a file.
type program struct {
	name string
	// add adds the flags, which write into the configuration.
	add func(*pflag.FlagSet)
	// file is what a file is read into, and fromFile makes it the configuration.
	file     configfile.ConfigFile
	fromFile func()
	validate func() field.ErrorList
	gates    *map[string]bool
	logging  *logsapi.LoggingConfiguration
	// metrics is how they should be served, where only plain HTTP can be.
	metrics *shared.TLSConfig
}

func (p program) configure(arguments []string) error {
	var path string
	parse := func() error {
		flags := pflag.NewFlagSet(p.name, pflag.ContinueOnError)
		flags.StringVar(&path, "config", "", "file with the configuration")
		p.add(flags)
		return flags.Parse(arguments)
	}
	if err := parse(); err != nil {
		return err
	}
	if path != "" {
		loader, err := configfile.NewConfigurationFSLoader(nil, path)
		if err != nil {
			return err
		}
		if err := loader.Load(p.file); err != nil {
			return err
		}
		p.fromFile()
		if err := parse(); err != nil {
			return err
		}
	}
	if errs := p.validate(); len(errs) > 0 {
		return errs.ToAggregate()
	}
	if tls := p.metrics; tls != nil && (tls.FilesystemConfigProvided() || tls.DynamicConfigProvided()) {
		return errors.New("this build can't serve metrics with TLS")
	}
	if err := logs.ValidateAndApply(p.logging); err != nil {
		return err
	}
	return feature.DefaultMutableFeatureGate.SetFromMap(*p.gates)
}

// setDefaults makes config what a file that says nothing means.
func setDefaults(kinds func(...serializer.CodecFactoryOptionsMutator) (*runtime.Scheme, *serializer.CodecFactory, error), empty, config runtime.Object) error {
	scheme, _, err := kinds()
	if err != nil {
		return err
	}
	scheme.Default(empty)
	return scheme.Convert(empty, config, nil)
}

// each adds the flags of one type, which have the present values as defaults.
func each[T any](add func(into *T, name string, value T, usage string), flags map[string]*T) {
	for name, into := range flags {
		add(into, name, *into, "")
	}
}

// electionFlags are those that programs with several replicas have.
func electionFlags(flags *pflag.FlagSet, election *shared.LeaderElectionConfig) {
	flags.BoolVar(&election.Enabled, "leader-elect", election.Enabled, "let one of several replicas work")
	flags.StringVar(&election.Namespace, "leader-election-namespace", election.Namespace, "namespace of the lease")
	flags.DurationVar(&election.LeaseDuration, "leader-election-lease-duration", election.LeaseDuration, "how long the lease is valid")
	flags.DurationVar(&election.RenewDeadline, "leader-election-renew-deadline", election.RenewDeadline, "how long renewal is tried")
	flags.DurationVar(&election.RetryPeriod, "leader-election-retry-period", election.RetryPeriod, "pause between tries")
}

func gateFlag(flags *pflag.FlagSet, gates *map[string]bool) {
	flags.Var(flag.NewMapStringBool(gates), "feature-gates", "features to set, NAME=true or NAME=false")
}
