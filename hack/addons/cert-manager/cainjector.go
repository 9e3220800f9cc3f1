package main

import (
	"context"

	"github.com/spf13/pflag"
	core "k8s.io/api/core/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kubernetes "k8s.io/client-go/kubernetes/scheme"
	apiregistration "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	metrics "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	config "github.com/cert-manager/cert-manager/internal/apis/config/cainjector"
	"github.com/cert-manager/cert-manager/internal/apis/config/cainjector/scheme"
	"github.com/cert-manager/cert-manager/internal/apis/config/cainjector/validation"
	_ "github.com/cert-manager/cert-manager/internal/cainjector/feature"
	"github.com/cert-manager/cert-manager/internal/kube"
	"github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/cert-manager/cert-manager/pkg/apis/config/cainjector/v1alpha1"
	"github.com/cert-manager/cert-manager/pkg/cainjector/configfile"
	injection "github.com/cert-manager/cert-manager/pkg/controller/cainjector"
	"github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/cert-manager/cert-manager/pkg/util"
)

// cainjector writes CA certificates into webhooks, API services and custom resource definitions.
func cainjector(ctx context.Context, arguments []string) error {
	config, err := cainjectorConfig(arguments)
	if err != nil {
		return err
	}
	log := logs.FromContext(ctx)
	ctrl.SetLogger(log)
	connection, err := kube.BuildClientConfig("", config.KubeConfig)
	if err != nil {
		return err
	}
	kinds := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{kubernetes.AddToScheme, v1.AddToScheme, apiextensions.AddToScheme, apiregistration.AddToScheme} {
		if err := add(kinds); err != nil {
			return err
		}
	}
	var namespaces map[string]cache.Config
	if config.Namespace != "" {
		namespaces = map[string]cache.Config{config.Namespace: {}}
	}
	election := config.LeaderElectionConfig
	manager, err := ctrl.NewManager(util.RestConfigWithUserAgent(connection, "cainjector"), ctrl.Options{
		Scheme:                        kinds,
		Logger:                        log,
		Cache:                         cache.Options{DefaultNamespaces: namespaces},
		Client:                        client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&core.Secret{}}}},
		LeaderElection:                election.Enabled,
		LeaderElectionNamespace:       election.Namespace,
		LeaderElectionID:              "cert-manager-cainjector-leader-election",
		LeaderElectionReleaseOnCancel: true,
		LeaseDuration:                 &election.LeaseDuration,
		RenewDeadline:                 &election.RenewDeadline,
		RetryPeriod:                   &election.RetryPeriod,
		Metrics:                       metrics.Options{BindAddress: config.MetricsListenAddress},
	})
	if err != nil {
		return err
	}
	err = injection.RegisterAllInjectors(ctx, manager, injection.SetupOptions{
		Namespace:                    config.Namespace,
		EnableCertificatesDataSource: config.EnableDataSourceConfig.Certificates,
		EnabledReconcilersFor: map[string]bool{
			injection.MutatingWebhookConfigurationName:   config.EnableInjectableConfig.MutatingWebhookConfigurations,
			injection.ValidatingWebhookConfigurationName: config.EnableInjectableConfig.ValidatingWebhookConfigurations,
			injection.APIServiceName:                     config.EnableInjectableConfig.APIServices,
			injection.CustomResourceDefinitionName:       config.EnableInjectableConfig.CustomResourceDefinitions,
		},
	})
	if err != nil {
		return err
	}
	return manager.Start(ctx)
}

func cainjectorConfig(arguments []string) (*config.CAInjectorConfiguration, error) {
	c := &config.CAInjectorConfiguration{}
	if err := setDefaults(scheme.NewSchemeAndCodecs, &v1alpha1.CAInjectorConfiguration{}, c); err != nil {
		return nil, err
	}
	add := func(flags *pflag.FlagSet) {
		flags.StringVar(&c.KubeConfig, "kubeconfig", c.KubeConfig, "file that says how to reach the cluster")
		flags.StringVar(&c.Namespace, "namespace", c.Namespace, "the only namespace to look at")
		flags.StringVar(&c.MetricsListenAddress, "metrics-listen-address", c.MetricsListenAddress, "address of the metrics; 0 is none")
		flags.BoolVar(&c.EnableDataSourceConfig.Certificates, "enable-certificates-data-source", c.EnableDataSourceConfig.Certificates, "take CAs of Certificates")
		inject := &c.EnableInjectableConfig
		flags.BoolVar(&inject.ValidatingWebhookConfigurations, "enable-validatingwebhookconfigurations-injectable", inject.ValidatingWebhookConfigurations, "write into these")
		flags.BoolVar(&inject.MutatingWebhookConfigurations, "enable-mutatingwebhookconfigurations-injectable", inject.MutatingWebhookConfigurations, "write into these")
		flags.BoolVar(&inject.CustomResourceDefinitions, "enable-customresourcedefinitions-injectable", inject.CustomResourceDefinitions, "write into these")
		flags.BoolVar(&inject.APIServices, "enable-apiservices-injectable", inject.APIServices, "write into these")
		electionFlags(flags, &c.LeaderElectionConfig)
		gateFlag(flags, &c.FeatureGates)
		logs.AddFlags(&c.Logging, flags)
	}
	file := configfile.New()
	return c, program{
		name:     "cainjector",
		add:      add,
		file:     file,
		fromFile: func() { *c = *file.Config },
		validate: func() field.ErrorList { return validation.ValidateCAInjectorConfiguration(c, nil) },
		gates:    &c.FeatureGates,
		logging:  &c.Logging,
		metrics:  &c.MetricsTLSConfig,
	}.configure(arguments)
}
