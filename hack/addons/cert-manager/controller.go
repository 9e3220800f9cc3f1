package main

import (
	"context"
	"fmt"
	"net"
	"os"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/utils/clock"

	config "github.com/cert-manager/cert-manager/internal/apis/config/controller"
	"github.com/cert-manager/cert-manager/pkg/acme/accounts"
	cm "github.com/cert-manager/cert-manager/pkg/controller"
	"github.com/cert-manager/cert-manager/pkg/healthz"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/acme"
	"github.com/cert-manager/cert-manager/pkg/issuer/acme/dns/util"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/ca"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/selfsigned"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/vault"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/venafi"
	"github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/cert-manager/cert-manager/pkg/metrics"
)

// controller issues and renews certificates.
func controller(ctx context.Context, arguments []string) error {
	c, err := controllerConfig(arguments)
	if err != nil {
		return err
	}
	options, err := controllerOptions(ctx, c)
	if err != nil {
		return err
	}
	factory, err := cm.NewContextFactory(ctx, options)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	if err := serveMetrics(ctx, group, options.Metrics, c.MetricsListenAddress); err != nil {
		return err
	}
	health := healthz.NewServer(c.LeaderElectionConfig.HealthzTimeout)
	listener, err := net.Listen("tcp", c.HealthzListenAddress)
	if err != nil {
		return err
	}
	group.Go(func() error { return health.Start(ctx, listener) })
	group.Go(func() error {
		if !c.LeaderElectionConfig.Enabled {
			return control(ctx, factory, c)
		}
		return elected(ctx, factory, c, health.LeaderHealthzAdaptor)
	})
	return group.Wait()
}

func serveMetrics(ctx context.Context, group *errgroup.Group, metrics *metrics.Metrics, address string) error {
	if address == "0" {
		return nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := metrics.NewServer(listener)
	context.AfterFunc(ctx, func() { server.Close() })
	group.Go(func() error {
		if err := server.Serve(listener); ctx.Err() == nil {
			return err
		}
		return nil
	})
	return nil
}

// elected runs the controllers while this replica leads, and ends when it doesn't any more.
func elected(ctx context.Context, factory *cm.ContextFactory, c *config.ControllerConfiguration, watchdog *leaderelection.HealthzAdaptor) error {
	built, err := factory.Build("leader-election")
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	election := c.LeaderElectionConfig
	lock, err := resourcelock.New(resourcelock.LeasesResourceLock, election.Namespace, "cert-manager-controller",
		built.Client.CoreV1(), built.Client.CoordinationV1(),
		resourcelock.ResourceLockConfig{Identity: host + "-external-cert-manager-controller", EventRecorder: built.Recorder})
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock:            lock,
		LeaseDuration:   election.LeaseDuration,
		RenewDeadline:   election.RenewDeadline,
		RetryPeriod:     election.RetryPeriod,
		ReleaseOnCancel: true,
		WatchDog:        watchdog,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) { ended <- control(ctx, factory, c) },
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return err
	}
	leading, resign := context.WithCancel(ctx)
	defer resign()
	stopped := make(chan struct{})
	go func() {
		elector.Run(leading)
		close(stopped)
	}()
	select {
	case err := <-ended:
		resign()
		<-stopped
		return err
	case <-stopped:
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("the lease %s/cert-manager-controller was lost", election.Namespace)
	}
}

// control runs the controllers until the context ends or one of them fails.
func control(ctx context.Context, factory *cm.ContextFactory, c *config.ControllerConfiguration) error {
	group, ctx := errgroup.WithContext(ctx)
	shared, err := factory.Build()
	if err != nil {
		return err
	}
	run := enabled(c)
	for name, construct := range cm.Known() {
		if !run.Has(name) {
			continue
		}
		made, err := construct(factory)
		if err != nil {
			return fmt.Errorf("controller %s: %w", name, err)
		}
		group.Go(func() error {
			if err := made.Run(c.NumberOfConcurrentWorkers, ctx); err != nil {
				return fmt.Errorf("controller %s: %w", name, err)
			}
			return nil
		})
	}
	logs.FromContext(ctx).Info("the controllers run", "controllers", run.UnsortedList())
	shared.SharedInformerFactory.Start(ctx.Done())
	shared.KubeSharedInformerFactory.Start(ctx.Done())
	shared.HTTP01ResourceMetadataInformersFactory.Start(ctx.Done())
	if shared.GatewaySolverEnabled {
		shared.GWShared.Start(ctx.Done())
	}
	return group.Wait()
}

func controllerOptions(ctx context.Context, c *config.ControllerConfiguration) (cm.ContextOptions, error) {
	http, dns, ingress := c.ACMEHTTP01Config, c.ACMEDNS01Config, c.IngressShimConfig
	nameservers := dns.RecursiveNameservers
	if len(nameservers) == 0 {
		nameservers = util.RecursiveNameservers
	}
	options := cm.ContextOptions{
		APIServerHost:      c.APIServerHost,
		Kubeconfig:         c.KubeConfig,
		KubernetesAPIQPS:   c.KubernetesAPIQPS,
		KubernetesAPIBurst: c.KubernetesAPIBurst,
		Namespace:          c.Namespace,
		Clock:              clock.RealClock{},
		Metrics:            metrics.New(logs.FromContext(ctx), clock.RealClock{}),
		ACMEOptions: cm.ACMEOptions{
			HTTP01SolverImage:            http.SolverImage,
			ACMEHTTP01SolverRunAsNonRoot: http.SolverRunAsNonRoot,
			HTTP01SolverNameservers:      http.SolverNameservers,
			DNS01Nameservers:             nameservers,
			DNS01CheckRetryPeriod:        dns.CheckRetryPeriod,
			DNS01CheckAuthoritative:      !dns.RecursiveNameserversOnly,
			AccountRegistry:              accounts.NewDefaultRegistry(),
		},
		SchedulerOptions: cm.SchedulerOptions{MaxConcurrentChallenges: c.MaxConcurrentChallenges},
		IssuerOptions: cm.IssuerOptions{
			ClusterIssuerAmbientCredentials: c.ClusterIssuerAmbientCredentials,
			IssuerAmbientCredentials:        c.IssuerAmbientCredentials,
			ClusterResourceNamespace:        c.ClusterResourceNamespace,
		},
		IngressShimOptions: cm.IngressShimOptions{
			DefaultIssuerName:                 ingress.DefaultIssuerName,
			DefaultIssuerKind:                 ingress.DefaultIssuerKind,
			DefaultIssuerGroup:                ingress.DefaultIssuerGroup,
			DefaultAutoCertificateAnnotations: ingress.DefaultAutoCertificateAnnotations,
			ExtraCertificateAnnotations:       ingress.ExtraCertificateAnnotations,
		},
		CertificateOptions: cm.CertificateOptions{
			EnableOwnerRef:           c.EnableCertificateOwnerRef,
			CopiedAnnotationPrefixes: c.CopiedAnnotationPrefixes,
		},
		ConfigOptions: cm.ConfigOptions{EnableGatewayAPI: c.EnableGatewayAPI},
	}
	for into, text := range map[*resource.Quantity]string{
		&options.HTTP01SolverResourceRequestCPU:    http.SolverResourceRequestCPU,
		&options.HTTP01SolverResourceRequestMemory: http.SolverResourceRequestMemory,
		&options.HTTP01SolverResourceLimitsCPU:     http.SolverResourceLimitsCPU,
		&options.HTTP01SolverResourceLimitsMemory:  http.SolverResourceLimitsMemory,
	} {
		quantity, err := resource.ParseQuantity(text)
		if err != nil {
			return options, fmt.Errorf("resources of the HTTP01 solver: %q: %w", text, err)
		}
		*into = quantity
	}
	return options, nil
}
