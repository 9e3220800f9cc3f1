"""The chart as people use it, on a management cluster with a cluster that runs."""
import base64
import json
import os
import re
import subprocess
import urllib.request

import pytest
import yaml
from conftest import boto, healthy, wait_for

CHART = os.path.join(os.path.dirname(__file__), "../../charts/k3eks")
OPTIONS = ["operator.argocdNamespace=argocd", "networkPolicy.enabled=true", "podDisruptionBudget.enabled=true", "metrics.dashboard.enabled=true"]
ROLE = "arn:aws:iam::000000000000:role/r"


@pytest.fixture(autouse=True, scope="module")
def argocd(management):
    """The namespace that Argo CD would be in."""
    env = {**os.environ, "KUBECONFIG": management}
    subprocess.run(["kubectl", "create", "namespace", "argocd"], env=env, check=True)
    yield
    # With Argo CD's namespace go the operator's rights in it, which must not keep a cluster from going.
    subprocess.run(["kubectl", "delete", "namespace", "argocd", "--wait=false"], env=env, check=True)


@pytest.fixture
def run(management):
    def run(*command, **options):
        env = {**os.environ, "KUBECONFIG": management}
        done = subprocess.run(command, env=env, capture_output=True, text=True, **options)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout
    return run


def test_the_chart_tests_itself(run):
    assert "Succeeded" in run("helm", "test", "k3eks", "-n", "k3eks-system")


def test_every_option_makes_what_a_cluster_takes(run):
    sets = [part for option in OPTIONS for part in ("--set", option)]
    objects = run("helm", "template", "k3eks", CHART, "--kube-version", "1.35", "-n", "k3eks-system", *sets)
    kinds = run("kubectl", "apply", "--dry-run=server", "--force-conflicts", "--server-side", "-f", "-", "-o", "jsonpath={.items[*].kind}", input=objects).split()
    assert {"NetworkPolicy", "PodDisruptionBudget", "ConfigMap"} <= set(kinds)
    made = {(one["kind"], one["metadata"]["name"]): one.get("spec") for one in yaml.safe_load_all(objects) if one}
    for name in ("k3eks", "k3eks-api"):
        there = {port["name"] for container in made["Deployment", name]["template"]["spec"]["containers"] for port in container.get("ports", [])}
        let_in = {port["port"] for rule in made["NetworkPolicy", name]["ingress"] for port in rule["ports"]}
        assert let_in == there, "a port that the policy doesn't name, or one that nobody has"
        assert made["NetworkPolicy", name]["podSelector"] == made["Deployment", name]["selector"]
    operator = run("helm", "template", "k3eks", CHART, "--kube-version", "1.35", "--set-string", "operator.accounts.team-a={111122223333,222233334444}")
    grants = [line.strip() for line in operator.splitlines() if "--namespace-account=" in line]
    assert grants == ["- --namespace-account=team-a=111122223333", "- --namespace-account=team-a=222233334444", "- --namespace-account=default=*"]
    monitor = run("helm", "template", "k3eks", CHART, "--kube-version", "1.35", "--set", "metrics.serviceMonitor.enabled=true", "-s", "templates/servicemonitor.yaml")
    assert "kind: ServiceMonitor" in monitor and "port: api-metrics" in monitor
    opened = subprocess.run(["helm", "template", "k3eks", CHART, "--kube-version", "1.35", "--set", "api.service.type=NodePort"], capture_output=True, text=True)
    assert opened.returncode and "api.sources" in opened.stderr, "a port that children reach, permissive and open to all of them"
    refused = subprocess.run(["helm", "template", "k3eks", CHART, "--kube-version", "1.35", "--set", "networkPolicy.enable=true"], capture_output=True, text=True)
    assert refused.returncode and "enable" in refused.stderr


def test_kustomize_makes_everything(run):
    made = run("kubectl", "apply", "--server-side", "--force-conflicts", "--dry-run=server", "-k", f"{CHART}/../../config/default", "-o", "name").split()
    assert {"deployment.apps/k3eks", "deployment.apps/k3eks-api", "service/k3eks-eks", "customresourcedefinition.apiextensions.k8s.io/eksclusterconfigs.eks.cattle.io"} <= set(made)
    listed = {f"customresourcedefinition.apiextensions.k8s.io/{name.split('_')[1].removesuffix('.yaml')}.{name.split('_')[0]}" for name in os.listdir(f"{CHART}/../../crds") if "_" in name}
    assert listed == {name for name in made if name.startswith("customresourcedefinition")}


def test_the_dashboard_asks_for_metrics_that_there_are(run, real):
    dashboard = json.load(open(f"{CHART}/dashboards/k3eks.json"))
    boto(real).list_clusters()
    there = run("kubectl", "get", "--raw", "/api/v1/namespaces/k3eks-system/services/k3eks-metrics:8080/proxy/metrics")
    there += urllib.request.urlopen(f"{real}/metrics").read().decode()
    named = {name for panel in dashboard["panels"] for target in panel["targets"] for name in re.findall(r"k3eks_\w+", target["expr"])}
    assert len(named) >= 8
    # A family shows up with its first value, and nothing may have failed yet.
    for name in named - {"k3eks_reconcile_errors_total"}:
        family = re.sub(r"_(total|bucket)$", "", name)
        assert f"# TYPE {family} " in there, name


def known(run):
    """The clusters that Argo CD would find."""
    return json.loads(run("kubectl", "-n", "argocd", "get", "secret", "-l", "argocd.argoproj.io/secret-type=cluster", "-o", "json"))["items"]


def register(run, wanted):
    run("kubectl", "patch", "eks", "-n", "default", "shipped", "--type=merge", "-p", json.dumps({"spec": {"argocd": {"register": wanted}}}))
    wait_for("Argo CD's Secret", lambda: len(known(run)) == int(wanted), 30)


def way_in(run, endpoint, folder):
    """What Argo CD is told leads to an administrator's rights."""
    secret = {name: base64.b64decode(value).decode() for name, value in known(run)[0]["data"].items()}
    assert secret["name"] == "shipped" and secret["server"] == "https://shipped-api.default.svc:6443"
    tls = json.loads(secret["config"])["tlsClientConfig"]
    for part in ("caData", "certData", "keyData"):
        (folder / part).write_bytes(base64.b64decode(tls[part]))
    credentials = ["--certificate-authority", folder / "caData", "--client-certificate", folder / "certData", "--client-key", folder / "keyData"]
    assert run("kubectl", "--kubeconfig", "/dev/null", "--server", endpoint, *credentials, "auth", "can-i", "*", "*").strip() == "yes"


def test_clusters_run_on_through_an_upgrade_and_an_uninstall(run, real, tmp_path):
    eks = boto(real)
    eks.create_cluster(name="shipped", roleArn=ROLE, resourcesVpcConfig={})
    wait_for("the cluster", lambda: eks.describe_cluster(name="shipped")["cluster"]["status"] == "ACTIVE", 120)

    def started():
        names = run("docker", "ps", "-q", "--filter", "label=k3eks.io/cluster", "--filter", "name=eks-shipped").split()
        assert names
        return run("docker", "inspect", "-f", "{{.Id}} {{.State.StartedAt}}", *names)
    before = started()
    values = run("helm", "get", "values", "k3eks", "-n", "k3eks-system", "-o", "json")
    sets = [part for option in OPTIONS for part in ("--set", option)]
    run("helm", "upgrade", "k3eks", CHART, "-n", "k3eks-system", "-f", "-", *sets, "--set", "podAnnotations.again=yes", "--wait", "--timeout", "120s", input=values)
    wait_for("the API", lambda: healthy(real), 60)
    assert eks.describe_cluster(name="shipped")["cluster"]["status"] == "ACTIVE"
    assert started() == before

    register(run, True)
    way_in(run, eks.describe_cluster(name="shipped")["cluster"]["endpoint"], tmp_path)
    register(run, False)
    register(run, True)

    run("helm", "uninstall", "k3eks", "-n", "k3eks-system", "--wait")
    assert "shipped" in run("kubectl", "get", "eks", "-A")
    assert started() == before
    run("helm", "install", "k3eks", CHART, "-n", "k3eks-system", "-f", "-", *sets, "--wait", "--timeout", "120s", input=values)
    wait_for("the API", lambda: healthy(real), 60)
    wait_for("the cluster", lambda: eks.describe_cluster(name="shipped")["cluster"]["status"] == "ACTIVE", 60)
    eks.delete_cluster(name="shipped")
    wait_for("its end", lambda: "shipped" not in run("kubectl", "get", "eks", "-A"), 60)
    assert run("docker", "ps", "-aq", "--filter", "label=k3eks.io/cluster", "--filter", "name=eks-shipped") == ""
    assert known(run) == []
