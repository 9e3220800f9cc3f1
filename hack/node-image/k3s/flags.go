package main

import (
	"fmt"
	"net"
	"os"
	"strings"
)

// options is what the command line and the environment ask for.
type options struct {
	tlsSANs, apiserverArgs, controllerArgs, schedulerArgs, kubeletArgs, labels, taints []string
	serviceCIDR, clusterCIDR, clusterDNS, name, ip, token, server                      string
	disabled                                                                           map[string]bool
	flannelBackend                                                                     string
	clusterInit, disableHelm                                                           bool
}

func parse(role string, args []string) (options, error) {
	host, _ := os.Hostname()
	o := options{
		serviceCIDR: "10.43.0.0/16", clusterCIDR: "10.42.0.0/16", name: host,
		token: os.Getenv("K3S_TOKEN"), server: os.Getenv("K3S_URL"), disabled: map[string]bool{}, flannelBackend: "vxlan",
	}
	lists := map[string]*[]string{
		"--tls-san": &o.tlsSANs, "--kube-apiserver-arg": &o.apiserverArgs, "--kube-controller-manager-arg": &o.controllerArgs,
		"--kube-scheduler-arg": &o.schedulerArgs, "--kubelet-arg": &o.kubeletArgs, "--node-label": &o.labels, "--node-taint": &o.taints,
	}
	texts := map[string]*string{
		"--service-cidr": &o.serviceCIDR, "--cluster-cidr": &o.clusterCIDR, "--cluster-dns": &o.clusterDNS,
		"--node-name": &o.name, "--node-ip": &o.ip, "--token": &o.token, "--server": &o.server,
		"--flannel-backend": &o.flannelBackend,
	}
	if err := checkEnvironment(); err != nil {
		return o, err
	}
	more, err := configured(role)
	if err != nil {
		return o, err
	}
	args = append(more, args...)
	for i := 0; i < len(args); i++ {
		flag, value, joined := strings.Cut(args[i], "=")
		if !strings.HasPrefix(flag, "-") {
			return o, fmt.Errorf("invalid argument %q", args[i])
		}
		bare, err := isSwitch(role, flag)
		if err != nil {
			return o, err
		}
		o.clusterInit = o.clusterInit || flag == "--cluster-init" && value != "false"
		o.disableHelm = o.disableHelm || flag == "--disable-helm-controller"
		if bare {
			continue
		}
		if !joined {
			if i++; i == len(args) {
				return o, fmt.Errorf("flag needs an argument: %s", flag)
			}
			value = args[i]
		}
		switch list, text := lists[flag], texts[flag]; {
		case list != nil:
			*list = append(*list, value)
		case text != nil:
			*text = value
		case flag == "--disable":
			for _, name := range strings.Split(value, ",") {
				o.disabled[name] = true
			}
		default:
			say("warning", "flag "+flag+" has no effect here")
		}
	}
	if o.ip == "" {
		o.ip = address()
	}
	if o.clusterDNS == "" {
		o.clusterDNS = nth(o.serviceCIDR, 10)
	}
	return o, nil
}

// nth is the nth address of a network.
func nth(cidr string, n int) string {
	_, network, err := net.ParseCIDR(cidr)
	if err != nil {
		return ""
	}
	ip := network.IP.To4()
	for i := len(ip) - 1; i >= 0 && n > 0; i-- {
		n += int(ip[i])
		ip[i], n = byte(n), n>>8
	}
	return ip.String()
}

// address is the node's own on its Docker network.
func address() string {
	device, err := net.InterfaceByName("eth0")
	if err != nil {
		return "127.0.0.1"
	}
	addresses, _ := device.Addrs()
	for _, a := range addresses {
		if ip, _, err := net.ParseCIDR(a.String()); err == nil && ip.To4() != nil {
			return ip.String()
		}
	}
	return "127.0.0.1"
}

// flags puts "--" before each of k3s's name=value arguments.
func flags(args []string) []string {
	all := make([]string, 0, len(args))
	for _, a := range args {
		all = append(all, "--"+a)
	}
	return all
}
