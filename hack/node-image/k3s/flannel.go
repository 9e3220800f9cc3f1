package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/flannel-io/flannel/pkg/backend"
	// The backends that k3s knows and that need nothing but the kernel.
	_ "github.com/flannel-io/flannel/pkg/backend/hostgw"
	_ "github.com/flannel-io/flannel/pkg/backend/vxlan"
	"github.com/flannel-io/flannel/pkg/ip"
	"github.com/flannel-io/flannel/pkg/subnet"
	"github.com/flannel-io/flannel/pkg/subnet/kube"
	"github.com/flannel-io/flannel/pkg/trafficmngr/iptables"
)

const (
	flannelConfig = agentDir + "/etc/flannel/net-conf.json"
	subnetFile    = "/run/flannel/subnet.env"
	// What vxlan puts around each packet.
	vxlanOverhead = 50
	// Seconds between two looks at the rules for masquerading.
	resync = 60
)

// flannelBackends has what may follow --flannel-backend; the last is for clusters that bring a network of their own.
var flannelBackends = map[string]bool{"vxlan": true, "host-gw": true, "none": true}

// flannel is the network between this node's pods and those of other nodes, for as long as the node lives.
func (n *node) flannel(cidr, kind string) error {
	config, err := json.Marshal(map[string]any{"Network": cidr, "EnableIPv4": true, "Backend": map[string]string{"Type": kind}})
	if err != nil {
		return err
	}
	if err := write(flannelConfig, config); err != nil {
		return err
	}
	// flannel asks the environment which node this is.
	if err := os.Setenv("NODE_NAME", n.name); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	subnets, err := kube.NewSubnetManager(ctx, "", agentDir+"/proxy.kubeconfig", "flannel.alpha.coreos.com", flannelConfig, false)
	if err != nil {
		return err
	}
	network, err := subnets.GetNetworkConfig(ctx)
	if err != nil {
		return err
	}
	leased, err := n.lease(ctx, subnets, network)
	if err != nil {
		return err
	}
	rules := &iptables.IPTablesManager{}
	if err := rules.Init(ctx); err != nil {
		return err
	}
	before, noIPv6 := ip.IP4Net{}, ip.IP6Net{}
	err = rules.SetupAndEnsureMasqRules(ctx, network.Network, before, before, noIPv6, noIPv6, noIPv6, leased.Lease(), resync, false)
	if err != nil {
		return err
	}
	rules.SetupAndEnsureForwardRules(ctx, network.Network, noIPv6, resync)
	if err := subnets.HandleSubnetFile(subnetFile, network, true, leased.Lease().Subnet, noIPv6, leased.MTU()); err != nil {
		return err
	}
	leased.Run(ctx)
	return errors.New("the pod network ended")
}

// lease makes this node's part of the network known and starts the backend that carries it.
func (n *node) lease(ctx context.Context, subnets subnet.Manager, network *subnet.Config) (backend.Network, error) {
	outside, err := external(n.ip)
	if err != nil {
		return nil, err
	}
	kind, err := backend.NewManager(ctx, subnets, outside).GetBackend(network.BackendType)
	if err != nil {
		return nil, err
	}
	return kind.RegisterNetwork(ctx, &sync.WaitGroup{}, network)
}

// external is the interface that has the node's own address.
func external(address string) (*backend.ExternalInterface, error) {
	at, err := ip.ParseIP4(address)
	if err != nil {
		return nil, fmt.Errorf("the node's address %q: %w", address, err)
	}
	device, err := ip.GetInterfaceByIP(at.ToIP())
	if err != nil {
		return nil, fmt.Errorf("the interface of %s: %w", address, err)
	}
	return &backend.ExternalInterface{Iface: device, IfaceName: device.Name, IfaceAddr: at.ToIP(), ExtAddr: at.ToIP()}, nil
}

// linkMTU is the largest packet that the node's own link takes.
func (n *node) linkMTU() int {
	device, err := external(n.ip)
	if err != nil {
		return 1500
	}
	return device.Iface.MTU
}

// podNetwork gives this node's pods their bridge and starts flannel. linked is called once, when the bridge is there.
func (n *node) podNetwork(url, cidr, kind string, linked func()) {
	if kind == "none" {
		linked()
		return
	}
	until(200*time.Millisecond, func() error {
		own, err := n.own(url)
		if err == nil && own.Spec.PodCIDR == "" {
			err = errors.New("no pod network is assigned yet")
		}
		if err != nil {
			return err
		}
		return n.bridge(own.Spec.PodCIDR, kind)
	})
	go linked()
	until(time.Second, func() error {
		err := n.flannel(cidr, kind)
		say("warning", "flannel: "+err.Error()+"; starting it again")
		return err
	})
}

// bridge writes the CNI configuration in place: containerd doesn't notice a file that is moved there. It says what
// flannel's own plugin would hand on to the bridge plugin.
func (n *node) bridge(cidr, kind string) error {
	const path = "/etc/cni/net.d/10-flannel.conflist"
	mtu := 0
	if kind == "vxlan" {
		mtu = n.linkMTU() - vxlanOverhead
	}
	text := fmt.Sprintf(`{"cniVersion":"0.4.0","name":"cbr0","plugins":[{"type":"bridge","bridge":"cni0","isGateway":true,"ipMasq":false,"hairpinMode":true,"mtu":%d,"ipam":{"type":"host-local","ranges":[[{"subnet":%q}]],"routes":[{"dst":"0.0.0.0/0"}]}},{"type":"portmap","capabilities":{"portMappings":true}}]}`, mtu, cidr)
	if old, err := os.ReadFile(path); err == nil && string(old) == text {
		return nil
	}
	return os.WriteFile(path, []byte(text), 0o644)
}
