"""One whole life of a cluster, with real containers behind it."""
import json
import os
import re
import subprocess
import tempfile
import urllib.request

import botocore.exceptions
import pytest
from conftest import NEXT, VERSION, boto, wait_for

ROLE = "arn:aws:iam::000000000000:role/r"


def gone(call, **names):
    try:
        call(**names)
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"] == "ResourceNotFoundException"
    return False


def connects(eks, real, management):
    """Another name for the same cluster, registered, connected by a Secret, and let go of."""
    registered = eks.register_cluster(name="Known", connectorConfig={"roleArn": ROLE, "provider": "OTHER"})["cluster"]
    assert registered["status"] == "PENDING"
    way_in = urllib.request.urlopen(f"{real}/_k3eks/clusters/Life_1/kubeconfig?internal=true").read()

    def kubectl(*args, **options):
        return subprocess.run(["kubectl", "--kubeconfig", management, *args], check=True, capture_output=True, **options).stdout.decode()
    resource = kubectl("get", "eks", "-o", "jsonpath={.items[?(@.spec.displayName=='Known')].metadata.name}")
    kubectl("create", "secret", "generic", f"{resource}-connector", "--from-file=value=/dev/stdin", input=way_in)
    wait_for("the connection", lambda: eks.describe_cluster(name="Known")["cluster"]["status"] == "ACTIVE", 60)
    eks.deregister_cluster(name="Known")
    wait_for("its end", lambda: gone(eks.describe_cluster, name="Known"), 30)
    kubectl("delete", "secret", f"{resource}-connector")
    assert eks.describe_cluster(name="Life_1")["cluster"]["status"] == "ACTIVE"


def asked_on_the_command_line(kubeconfig, management):
    """What people ask of a cluster that runs."""
    def k3eks(*args, code=0):
        done = subprocess.run([os.environ["K3EKS_BINARY"], *args], env={**os.environ, "KUBECONFIG": management}, capture_output=True, text=True)
        assert done.returncode == code, (done.stdout, done.stderr)
        return done.stdout if code == 0 else done.stderr
    assert k3eks("kubeconfig", "Life_1") == kubeconfig.decode()
    whole = rf"life-1\S* +Active +{re.escape(VERSION)} +█{{10}} 1/1 +ready\n  \S*workers\S* +Active"
    wait_for("the whole cluster in the table", lambda: re.search(whole, k3eks("status")), 30)
    told = next(c for c in json.loads(k3eks("status", "-o", "json"))["clusters"] if c["eksName"] == "Life_1")
    assert (told["phase"], told["ready"], told["nodes"]) == ("Active", True, {"ready": 1, "desired": 1}), told
    [told] = [cluster for cluster in json.loads(k3eks("status", "-o", "json"))["clusters"] if cluster["eksName"] == "Life_1"]
    assert (told["ready"], told["version"], told["nodes"]) == (True, VERSION, {"ready": 1, "desired": 1}), told
    assert "k3s is up and running" in k3eks("logs", "Life_1", "--tail", "all")
    doctor = subprocess.run([os.environ["K3EKS_BINARY"], "doctor"], env={**os.environ, "KUBECONFIG": management}, capture_output=True, text=True)
    problems = re.findall(r"^PROBLEM +(\S+)", doctor.stdout, re.M)
    # How full the disk is, is the machine's own matter.
    assert set(problems) <= {"disk"} and doctor.returncode == (1 if problems else 0), doctor
    assert "there is no cluster Nobody" in k3eks("kubeconfig", "Nobody", code=1)
    assert "writes no audit log" in k3eks("logs", "Life_1", "--audit", code=1)
    k3eks("logs", code=2)
    with tempfile.TemporaryDirectory() as folder:
        k3eks("kubeconfig", "Life_1", "--merge", f"{folder}/config")
        # As the README has it: into the usual file.
        home = {**os.environ, "KUBECONFIG": management, "HOME": folder}
        subprocess.run([os.environ["K3EKS_BINARY"], "kubeconfig", "Life_1", "--merge"], env=home, check=True, capture_output=True)
        assert os.stat(f"{folder}/.kube/config").st_mode & 0o777 == 0o600
        ready = subprocess.run(["kubectl", "--kubeconfig", f"{folder}/.kube/config", "get", "--raw", "/readyz"], capture_output=True, text=True)
        assert ready.stdout == "ok"


def certified_by_another(eks, real, kubeconfig):
    """Another certificate authority: appended, activated, and alone; the old way in works until then."""
    def ended(update):
        done = lambda: (u := eks.describe_update(name="Life_1", updateId=update["id"])["update"])["status"] != "InProgress" and u  # noqa: E731
        done = wait_for("the update", done, 240)
        assert (done["type"], done["status"]) == ("CertificateAuthorityUpdate", "Successful"), done

    def asks(way_in):
        with tempfile.NamedTemporaryFile() as file:
            file.write(way_in)
            file.flush()
            return subprocess.run(["kubectl", "--kubeconfig", file.name, "get", "nodes"], capture_output=True, text=True)

    def signing():
        return {one["id"]: one["signingStatus"] for one in eks.list_certificate_authorities(clusterName="Life_1")["certificateAuthorities"]}

    (old,) = signing()
    made = eks.create_certificate_authority(clusterName="Life_1")
    new = made["certificateAuthority"]["id"]
    assert made["certificateAuthority"]["distributionStatus"] == "IN_PROGRESS"
    ended(made["update"])
    assert signing() == {old: "IN_USE", new: "NOT_USED"}
    with pytest.raises(eks.exceptions.ResourceLimitExceededException):
        eks.create_certificate_authority(clusterName="Life_1")
    request = {"clusterName": "Life_1", "certificateAuthorityId": new, "clientRequestToken": "activate-it"}
    activated = eks.activate_certificate_authority(**request)
    assert activated["certificateAuthority"]["signingStatus"] == "ACTIVATING"
    ended(activated["update"])
    assert eks.activate_certificate_authority(**request)["update"]["id"] == activated["update"]["id"]
    assert signing() == {old: "NOT_USED", new: "IN_USE"}
    assert eks.describe_cluster(name="Life_1")["cluster"]["certificateAuthority"]["active"] == {"id": new, "activatedBy": "CUSTOMER"}
    by_id = {"clusterName": "Life_1", "certificateAuthorityId": old}
    assert eks.describe_certificate_authority(**by_id)["certificateAuthority"]["rollbackAvailable"]
    with pytest.raises(eks.exceptions.ResourceInUseException):
        eks.delete_certificate_authority(clusterName="Life_1", certificateAuthorityId=new)
    assert asks(kubeconfig).returncode == 0
    ended(eks.delete_certificate_authority(**by_id)["update"])
    assert signing() == {new: "IN_USE"}
    assert "certificate" in asks(kubeconfig).stderr
    answer = urllib.request.urlopen(f"{real}/_k3eks/clusters/Life_1/kubeconfig")
    assert (answer.headers["cache-control"], answer.headers["x-content-type-options"]) == ("no-store", "nosniff")
    now = answer.read()
    assert asks(now).returncode == 0
    authority = eks.describe_certificate_authority(clusterName="Life_1", certificateAuthorityId=new)["certificateAuthority"]
    assert authority["data"] == eks.describe_cluster(name="Life_1")["cluster"]["certificateAuthority"]["data"]


def test_a_cluster_lives(real, management):
    eks = boto(real)
    made = eks.create_cluster(name="Life_1", version=VERSION, roleArn=ROLE, resourcesVpcConfig={"subnetIds": ["subnet-1", "subnet-2"]}, tags={"team": "a"})["cluster"]
    assert (made["status"], made["arn"]) == ("CREATING", "arn:aws:eks:us-east-1:000000000000:cluster/Life_1")
    with pytest.raises(eks.exceptions.ResourceInUseException) as taken:
        eks.create_cluster(name="Life_1", roleArn=ROLE, resourcesVpcConfig={"subnetIds": ["subnet-1", "subnet-2"]})
    assert taken.value.response["Error"]["Message"] == "Cluster already exists with name: Life_1"
    wait_for("the cluster", lambda: eks.describe_cluster(name="Life_1")["cluster"]["status"] == "ACTIVE", 120)
    eks.get_waiter("cluster_active").wait(name="Life_1")
    cluster = eks.describe_cluster(name="Life_1")["cluster"]
    assert cluster["certificateAuthority"]["data"] and cluster["platformVersion"] == "eks.local" and cluster["tags"] == {"team": "a"}

    kubeconfig = urllib.request.urlopen(f"{real}/_k3eks/clusters/Life_1/kubeconfig").read()
    with tempfile.NamedTemporaryFile() as file:
        file.write(kubeconfig)
        file.flush()

        def kubectl(*args):
            return subprocess.run(["kubectl", "--kubeconfig", file.name, *args], check=True, capture_output=True, text=True).stdout

        assert kubectl("get", "--raw", "/readyz") == "ok"
        assert cluster["endpoint"] in kubectl("config", "view")
        group = eks.create_nodegroup(clusterName="Life_1", nodegroupName="workers", nodeRole=ROLE, subnets=["subnet-1"],
                                     scalingConfig={"minSize": 1, "maxSize": 3, "desiredSize": 1}, labels={"team": "a"})["nodegroup"]
        assert group["status"] == "CREATING"
        wait_for("the node group", lambda: eks.describe_nodegroup(clusterName="Life_1", nodegroupName="workers")["nodegroup"]["status"] == "ACTIVE", 120)
        nodes = kubectl("get", "nodes", "-leks.amazonaws.com/nodegroup=workers,team=a", "-o", "name").split()
        assert len(nodes) == 1
        asked_on_the_command_line(kubeconfig, management)
        connects(eks, real, management)
        update = eks.update_nodegroup_config(clusterName="Life_1", nodegroupName="workers", scalingConfig={"desiredSize": 2})["update"]
        names = {"name": "Life_1", "nodegroupName": "workers", "updateId": update["id"]}
        wait_for("the update", lambda: eks.describe_update(**names)["update"]["status"] == "Successful", 120)
        zones = r"jsonpath={.items[*].metadata.labels.topology\.kubernetes\.io/zone}"
        zones = kubectl("get", "nodes", "-leks.amazonaws.com/nodegroup=workers", "-o", zones).split()
        assert zones == ["us-east-1a"] * 2, "those of one subnet"

        # An addon is as what k3s brings along is, and its replicas are the configuration's.
        eks.create_addon(clusterName="Life_1", addonName="coredns", configurationValues="replicaCount: 2")
        eks.get_waiter("addon_active").wait(clusterName="Life_1", addonName="coredns", WaiterConfig={"Delay": 1, "MaxAttempts": 90})
        assert kubectl("get", "deployment", "coredns", "-n", "kube-system", "-o", "jsonpath={.status.availableReplicas}") == "2"

        # Secrets are encrypted from then on, and the audit log tells what is done, in the control plane itself.
        def successful(update):
            ended = lambda: (u := eks.describe_update(name="Life_1", updateId=update["id"])["update"])["status"] != "InProgress" and u  # noqa: E731
            assert wait_for("the update", ended, 240)["status"] == "Successful"

        def done(update):
            successful(update)
            wait_for("the API server", lambda: subprocess.run(["kubectl", "--kubeconfig", file.name, "get", "--raw", "/readyz"]).returncode == 0, 30)
        key = {"keyArn": "arn:aws:kms:us-east-1:000000000000:key/1"}
        done(eks.associate_encryption_config(clusterName="Life_1", encryptionConfig=[{"resources": ["secrets"], "provider": key}])["update"])
        kubectl("create", "secret", "generic", "kept", "--from-literal=a=b")
        metrics = kubectl("get", "--raw", "/metrics")
        assert re.search(r'transformation_type="to_storage",transformer_prefix="k8s:enc:secretbox:v1:"', metrics)
        assert kubectl("get", "secret", "kept", "-o", "jsonpath={.data.a}") == "Yg=="
        server = next(n for n in kubectl("get", "nodes", "-o", "name").split() if n.endswith("-server-0"))
        log = f"/api/v1/{server.replace('node/', 'nodes/')}/proxy/logs/k3eks/audit.log"
        done(eks.update_cluster_config(name="Life_1", logging={"clusterLogging": [{"types": ["audit"], "enabled": True}]})["update"])
        kubectl("create", "configmap", "noticed")
        wait_for("the audit log", lambda: '"name":"noticed"' in kubectl("get", "--raw", log), 30)
        successful(eks.update_cluster_config(name="Life_1", resourcesVpcConfig={"publicAccessCidrs": ["203.0.113.0/24"]})["update"])
        with pytest.raises(subprocess.CalledProcessError):
            kubectl("get", "nodes", "--request-timeout=5s")
        assert eks.describe_cluster(name="Life_1")["cluster"]["status"] == "ACTIVE"
        done(eks.update_cluster_config(name="Life_1", resourcesVpcConfig={"publicAccessCidrs": ["127.0.0.0/8"]})["update"])
        kubectl("get", "nodes")

    wanted = {"Kubelet version skew", "kube-proxy version skew", "Cluster health issues"}
    passing = lambda: {i["name"] for i in eks.list_insights(clusterName="Life_1", filter={"statuses": ["PASSING"]})["insights"]}  # noqa: E731
    wait_for("the insights", lambda: wanted <= passing(), 60)
    authority, = eks.list_certificate_authorities(clusterName="Life_1")["certificateAuthorities"]
    authority = eks.describe_certificate_authority(clusterName="Life_1", certificateAuthorityId=authority["id"])["certificateAuthority"]
    assert (authority["signingStatus"], authority["data"]) == ("IN_USE", cluster["certificateAuthority"]["data"])

    with pytest.raises(eks.exceptions.ResourceInUseException) as attached:
        eks.delete_cluster(name="Life_1")
    assert "nodegroups attached" in attached.value.response["Error"]["Message"]
    update = eks.update_cluster_version(name="Life_1", version=NEXT)["update"]
    ended = wait_for("the update", lambda: (u := eks.describe_update(name="Life_1", updateId=update["id"])["update"])["status"] != "InProgress" and u, 240)
    upgraded = eks.describe_cluster(name="Life_1")["cluster"]
    assert (ended["status"], ended["errors"], upgraded["version"]) == ("Successful", [], NEXT)
    assert (upgraded["endpoint"], upgraded["certificateAuthority"]) == (cluster["endpoint"], cluster["certificateAuthority"])
    names = {"clusterName": "Life_1", "nodegroupName": "workers"}
    assert eks.describe_nodegroup(**names)["nodegroup"]["version"] == VERSION
    update = eks.update_nodegroup_version(**names)["update"]
    follow = {"name": "Life_1", "nodegroupName": "workers", "updateId": update["id"]}
    ended = wait_for("the update", lambda: (u := eks.describe_update(**follow)["update"])["status"] != "InProgress" and u, 240)
    assert (ended["status"], eks.describe_nodegroup(**names)["nodegroup"]["version"]) == ("Successful", NEXT)

    certified_by_another(eks, real, kubeconfig)
    eks.delete_nodegroup(clusterName="Life_1", nodegroupName="workers")
    wait_for("the node group's end", lambda: gone(eks.describe_nodegroup, clusterName="Life_1", nodegroupName="workers"), 120)
    assert eks.delete_cluster(name="Life_1")["cluster"]["status"] == "DELETING"
    wait_for("the cluster's end", lambda: gone(eks.describe_cluster, name="Life_1"), 60)
    eks.get_waiter("cluster_deleted").wait(name="Life_1")
    left = subprocess.run(["docker", "ps", "-aq", "--filter", "label=k3eks.io/cluster", "--filter", "name=life-1"], capture_output=True, text=True).stdout
    assert left == ""
