package main

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	config "github.com/cert-manager/cert-manager/internal/apis/config/controller"
	"github.com/cert-manager/cert-manager/internal/apis/config/controller/scheme"
	defaults "github.com/cert-manager/cert-manager/internal/apis/config/controller/v1alpha1"
	"github.com/cert-manager/cert-manager/internal/apis/config/controller/validation"
	"github.com/cert-manager/cert-manager/internal/controller/feature"
	"github.com/cert-manager/cert-manager/pkg/apis/config/controller/v1alpha1"
	gateways "github.com/cert-manager/cert-manager/pkg/controller/certificate-shim/gateways"
	"github.com/cert-manager/cert-manager/pkg/controller/configfile"
	"github.com/cert-manager/cert-manager/pkg/logs"
	features "github.com/cert-manager/cert-manager/pkg/util/feature"
)

func controllerConfig(arguments []string) (*config.ControllerConfiguration, error) {
	c := &config.ControllerConfiguration{}
	if err := setDefaults(scheme.NewSchemeAndCodecs, &v1alpha1.ControllerConfiguration{}, c); err != nil {
		return nil, err
	}
	file := configfile.New()
	return c, program{
		name:     "controller",
		add:      func(flags *pflag.FlagSet) { controllerFlags(flags, c) },
		file:     file,
		fromFile: func() { *c = *file.Config },
		validate: func() field.ErrorList { return validation.ValidateControllerConfiguration(c, nil) },
		gates:    &c.FeatureGates,
		logging:  &c.Logging,
		metrics:  &c.MetricsTLSConfig,
	}.configure(arguments)
}

func controllerFlags(flags *pflag.FlagSet, c *config.ControllerConfiguration) {
	http, dns, ingress := &c.ACMEHTTP01Config, &c.ACMEDNS01Config, &c.IngressShimConfig
	each(flags.StringVar, map[string]*string{
		"acme-http01-solver-image":                   &http.SolverImage,
		"acme-http01-solver-resource-limits-cpu":     &http.SolverResourceLimitsCPU,
		"acme-http01-solver-resource-limits-memory":  &http.SolverResourceLimitsMemory,
		"acme-http01-solver-resource-request-cpu":    &http.SolverResourceRequestCPU,
		"acme-http01-solver-resource-request-memory": &http.SolverResourceRequestMemory,
		"cluster-resource-namespace":                 &c.ClusterResourceNamespace,
		"default-issuer-group":                       &ingress.DefaultIssuerGroup,
		"default-issuer-kind":                        &ingress.DefaultIssuerKind,
		"default-issuer-name":                        &ingress.DefaultIssuerName,
		"internal-healthz-listen-address":            &c.HealthzListenAddress,
		"kubeconfig":                                 &c.KubeConfig,
		"master":                                     &c.APIServerHost,
		"metrics-listen-address":                     &c.MetricsListenAddress,
		"namespace":                                  &c.Namespace,
	})
	each(flags.StringSliceVar, map[string]*[]string{
		"acme-http01-solver-nameservers": &http.SolverNameservers,
		"auto-certificate-annotations":   &ingress.DefaultAutoCertificateAnnotations,
		"controllers":                    &c.Controllers,
		"copied-annotation-prefixes":     &c.CopiedAnnotationPrefixes,
		"dns01-recursive-nameservers":    &dns.RecursiveNameservers,
		"extra-certificate-annotations":  &ingress.ExtraCertificateAnnotations,
	})
	each(flags.BoolVar, map[string]*bool{
		"acme-http01-solver-run-as-non-root": &http.SolverRunAsNonRoot,
		"cluster-issuer-ambient-credentials": &c.ClusterIssuerAmbientCredentials,
		"dns01-recursive-nameservers-only":   &dns.RecursiveNameserversOnly,
		"enable-certificate-owner-ref":       &c.EnableCertificateOwnerRef,
		"enable-gateway-api":                 &c.EnableGatewayAPI,
		"issuer-ambient-credentials":         &c.IssuerAmbientCredentials,
	})
	each(flags.IntVar, map[string]*int{
		"concurrent-workers":        &c.NumberOfConcurrentWorkers,
		"kube-api-burst":            &c.KubernetesAPIBurst,
		"max-concurrent-challenges": &c.MaxConcurrentChallenges,
	})
	flags.Float32Var(&c.KubernetesAPIQPS, "kube-api-qps", c.KubernetesAPIQPS, "")
	flags.DurationVar(&dns.CheckRetryPeriod, "dns01-check-retry-period", dns.CheckRetryPeriod, "")
	election := &c.LeaderElectionConfig
	flags.DurationVar(&election.HealthzTimeout, "internal-healthz-leader-election-timeout", election.HealthzTimeout, "")
	electionFlags(flags, &election.LeaderElectionConfig)
	gateFlag(flags, &c.FeatureGates)
	logs.AddFlags(&c.Logging, flags)
}

// enabled are the names of the controllers that are to run.
func enabled(c *config.ControllerConfiguration) sets.Set[string] {
	run := sets.New[string]()
	// Names to leave out alone leave them out of the usual ones.
	if !slices.ContainsFunc(c.Controllers, func(name string) bool { return !strings.HasPrefix(name, "-") }) {
		run.Insert(defaults.DefaultEnabledControllers...)
	}
	for _, name := range c.Controllers {
		if name == "*" {
			run.Insert(defaults.DefaultEnabledControllers...)
		} else if !strings.HasPrefix(name, "-") {
			run.Insert(name)
		}
	}
	if features.DefaultFeatureGate.Enabled(feature.ExperimentalCertificateSigningRequestControllers) {
		run.Insert(defaults.ExperimentalCertificateSigningRequestControllers...)
	}
	if c.EnableGatewayAPI && features.DefaultFeatureGate.Enabled(feature.ExperimentalGatewayAPISupport) {
		run.Insert(gateways.ControllerName)
	}
	for _, name := range c.Controllers {
		if left, out := strings.CutPrefix(name, "-"); out {
			run.Delete(left)
		}
	}
	if c.Namespace != "" {
		run.Delete(defaults.ClusterScopedControllers...)
	}
	return run
}
