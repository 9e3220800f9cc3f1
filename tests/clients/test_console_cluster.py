"""What the page shows of the inside of a real cluster, to whom, and with which buttons. Screenshots are kept in .k3eks/screenshots."""
import json
import re

import boto3
import pytest
from botocore.config import Config
from conftest import wait_for
from users import Person, within
from playwright.sync_api import expect
from test_console import chromium, forgive, open_page, shot, violations  # noqa: F401

NAME = "looked"
ROLE = "arn:aws:iam::000000000000:role/{}"
POLICY = "arn:aws:eks::aws:cluster-access-policy/{}"


def client(endpoint, service):
    return boto3.client(service, endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test",
                        config=Config(retries={"max_attempts": 1}))


@pytest.fixture(scope="module")
def eks(real):
    """The EKS API, after a cluster with a node group and an audit log became Active."""
    eks = client(real, "eks")
    eks.create_cluster(name=NAME, roleArn=ROLE.format("r"), resourcesVpcConfig={}, tags={"team": "web"},
                       logging={"clusterLogging": [{"types": ["audit"], "enabled": True}]}, accessConfig={"authenticationMode": "API"})
    wait_for("the cluster", lambda: eks.describe_cluster(name=NAME)["cluster"]["status"] == "ACTIVE", 180)
    eks.create_nodegroup(clusterName=NAME, nodegroupName="workers", nodeRole=ROLE.format("n"), subnets=["subnet-1"],
                         scalingConfig={"minSize": 1, "desiredSize": 1, "maxSize": 2})
    wait_for("the node", lambda: eks.describe_nodegroup(clusterName=NAME, nodegroupName="workers")["nodegroup"]["status"] == "ACTIVE", 180)
    # The tab of nodes has figures by it.
    eks.create_addon(clusterName=NAME, addonName="metrics-server")
    yield eks
    eks.delete_nodegroup(clusterName=NAME, nodegroupName="workers")
    wait_for("the node group's end", lambda: eks.list_nodegroups(clusterName=NAME)["nodegroups"] == [], 120)
    eks.delete_cluster(name=NAME)


@pytest.fixture(scope="module")
def admin(real, eks):
    person = Person(real).sign_in(NAME)
    within(30, "the first sign-in", lambda: not person.refused())
    within(90, "CoreDNS", lambda: "1" in person.kubectl("get", "deploy", "coredns", "-n", "kube-system", "-o", "jsonpath={.status.readyReplicas}"))
    return person


def entry(eks, role, policy, namespaces=None):
    eks.create_access_entry(clusterName=NAME, principalArn=ROLE.format(role))
    scope = {"type": "namespace", "namespaces": namespaces} if namespaces else {"type": "cluster"}
    eks.associate_access_policy(clusterName=NAME, principalArn=ROLE.format(role), policyArn=POLICY.format(policy), accessScope=scope)


@pytest.fixture
def look(real, eks, admin, open_page):
    """Opens the page at a tab of the cluster, for a session of a role where one is named."""
    def look(tab, role=None, **options):
        page = open_page(real, **options)
        if role:
            given = client(real, "sts").assume_role(RoleArn=ROLE.format(role), RoleSessionName="me")["Credentials"]
            keys = {"id": given["AccessKeyId"], "secret": given["SecretAccessKey"], "token": given["SessionToken"]}
            page.evaluate("keys => sessionStorage.setItem('k3eks-keys', JSON.stringify(keys))", keys)
        page.goto(f"{real}/_k3eks/#/clusters/000000000000/us-east-1/{NAME}/{tab}")
        page.reload()
        expect(page.get_by_role("tabpanel")).to_be_visible()
        return page
    yield look
    # There are no figures before metrics-server is up.
    forgive(open_page, 503)


def table(page, label):
    return page.get_by_role("table", name=label, exact=True)


def coredns(page):
    return table(page, "Pods").get_by_role("row").filter(has_text="coredns").filter(has_text="Running")


def test_an_administrator_sees_nodes_with_what_they_use(look):
    page = look("nodes")
    nodes = table(page, "Nodes")
    worker = nodes.get_by_role("row").filter(has_text="workers")
    expect(worker).to_contain_text("Ready")
    expect(worker).to_contain_text(re.compile(r"v1\.\d+"))
    expect(worker).to_contain_text("t3.medium")
    expect(worker).to_contain_text(re.compile(r"us-east-1[abc]"))
    expect(nodes.get_by_role("row").filter(has=page.get_by_role("cell", name="server", exact=True))).to_have_count(1)
    expect(worker.get_by_role("progressbar", name="Memory")).to_be_visible(timeout=120_000)
    expect(page.get_by_role("tabpanel")).to_contain_text("As the cluster sees you: arn:aws:iam::000000000000:root")
    assert violations(page) == []
    shot(page, "cluster-nodes")
    server = nodes.get_by_role("row").filter(has=page.get_by_role("cell", name="server", exact=True))
    details = page.get_by_role("region", name=re.compile("^Node "))
    told = []
    for row in [server, worker]:
        row.get_by_role("button").click()
        expect(details.get_by_role("heading", name=f"Node {row.get_by_role('button').text_content()}")).to_be_focused()
        for said in ["MemoryPressure", "InternalIP", "ephemeral-storage"]:
            expect(details).to_contain_text(said)
        expect(details).not_to_contain_text("asking the cluster")
        told.append(details.text_content())
    assert "eks.amazonaws.com/nodegroup=workers" in told[1] and any("coredns" in text for text in told)
    assert violations(page) == []


def test_an_administrator_reads_a_pod_s_log_and_deletes_the_pod(look, admin):
    page = look("workloads")
    expect(coredns(page)).to_have_count(1)
    name = coredns(page).get_by_role("button", name="Log of").get_attribute("aria-label").removeprefix("Log of ")
    coredns(page).get_by_role("button", name="Log of").click()
    expect(page.get_by_role("heading", name=f"Log of kube-system/{name}")).to_be_focused()
    expect(page.get_by_role("region", name=f"Lines of {name}")).to_contain_text("CoreDNS")
    assert violations(page) == []
    shot(page, "cluster-log")
    page.get_by_role("button", name="Close the log").click()
    expect(page.get_by_role("button", name=f"Log of {name}")).to_be_focused()

    page.get_by_role("tabpanel").get_by_label("Namespace").focus()
    page.get_by_role("tabpanel").get_by_label("Namespace").select_option("kube-system")
    expect(page.get_by_role("tabpanel").get_by_label("Namespace")).to_be_focused()
    for kind, said in [("Controllers", "Deployment"), ("Services", "kube-dns"), ("Claims", "There are no PersistentVolumeClaims here.")]:
        page.get_by_role("button", name=kind, exact=True).click()
        expect(page.get_by_role("tabpanel")).to_contain_text(said)
        assert violations(page) == []
    page.get_by_role("button", name="Pods", exact=True).click()
    page.get_by_role("button", name=f"Delete {name}").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("button", name=f"Delete {name}")).to_have_count(0, timeout=90_000)
    expect(coredns(page)).to_have_count(1, timeout=60_000)
    assert name not in admin.kubectl("get", "pods", "-n", "kube-system", "-o", "name")


def test_an_administrator_finds_calls_in_the_audit_log(look, admin):
    admin.kubectl("create", "configmap", "noticed")
    page = look("logs")
    expect(table(page, "Audit log")).to_be_visible()
    page.get_by_label("Find").fill("create configmaps")
    expect(table(page, "Audit log").locator("tbody")).to_contain_text("arn:aws:iam::000000000000:root")
    # What the page asked by itself is told from that.
    page.get_by_label("Find").fill("selfsubjectreviews")
    expect(page.get_by_role("tabpanel")).to_contain_text("No line of the audit log matches.")
    page.get_by_label("Show this page’s own requests").check()
    expect(table(page, "Audit log").locator("tbody tr").first).to_contain_text("selfsubjectreviews")
    page.get_by_label("Find").fill("")
    assert violations(page) == []
    shot(page, "cluster-logs")


def test_the_overview_tells_what_is_set_and_changes_it(look, eks):
    page = look("overview")
    panel = page.get_by_role("tabpanel")
    cluster = eks.describe_cluster(name=NAME)["cluster"]
    for said in [cluster["identity"]["oidc"]["issuer"], cluster["arn"], "No issues are known.", "open to 0.0.0.0/0", "audit", "team"]:
        expect(panel).to_contain_text(said)
    expect(table(page, "Insights")).to_contain_text("PASSING", timeout=90_000)
    expect(table(page, "Insights")).to_contain_text("ago")
    assert violations(page) == []
    shot(page, "cluster-overview")
    panel.get_by_role("button", name="Turn deletion protection on").click()
    page.get_by_role("dialog").get_by_role("button", name="Turn on").click()
    expect(panel.get_by_role("button", name="Turn deletion protection off")).to_be_visible()
    assert eks.describe_cluster(name=NAME)["cluster"]["deletionProtection"] is True
    panel.get_by_role("button", name="Turn deletion protection off").click()
    page.get_by_role("dialog").get_by_role("button", name="Turn off").click()
    panel.get_by_role("button", name="Change the tags").click()
    tags = page.get_by_role("dialog").get_by_role("group", name="Tags", exact=True).first
    tags.get_by_label("Key").first.fill("stage")
    tags.get_by_label("Value").first.fill("test")
    page.get_by_role("dialog").get_by_role("button", name="Change", exact=True).click()
    wait_for("the tags", lambda: eks.describe_cluster(name=NAME)["cluster"]["tags"] == {"stage": "test"})
    expect(panel).to_contain_text("stage")


def test_the_time_line_has_updates_calls_and_events(look):
    page = look("events")
    line = table(page, "Time line")
    for said in ["CreateCluster", "Active: ready", "Created"]:
        expect(line).to_contain_text(said)
    page.get_by_role("tabpanel").get_by_label("Show").select_option("EKS API call")
    expect(line.locator("tbody tr").filter(has_text="Event")).to_have_count(0)
    page.get_by_role("button", name="Show what its Events say").click()
    expect(table(page, "Events inside the cluster")).to_be_visible()
    assert violations(page) == []
    shot(page, "cluster-events")


def test_the_focus_stays_where_it_is_when_something_changes(look, eks):
    page = look("nodegroups")
    button = page.get_by_role("tabpanel").get_by_role("button").first
    button.focus()
    eks.update_nodegroup_config(clusterName=NAME, nodegroupName="workers", scalingConfig={"minSize": 1, "desiredSize": 1, "maxSize": 3})
    expect(page.get_by_role("tabpanel")).to_contain_text("1–3", timeout=30_000)
    expect(button).to_be_focused()


def test_who_may_only_view_sees_pods_and_no_button_that_would_be_refused(look, eks):
    entry(eks, "viewer", "AmazonEKSViewPolicy")
    page = look("workloads", role="viewer")
    expect(coredns(page)).to_have_count(1)
    expect(page.get_by_role("tabpanel")).to_contain_text("assumed-role/viewer/me")
    expect(page.get_by_role("button", name="Delete coredns")).to_have_count(0)
    # The policy has logs.
    coredns(page).get_by_role("button", name="Log of").click()
    expect(page.locator("pre.log")).to_contain_text("CoreDNS")
    shot(page, "cluster-viewer")
    page.get_by_role("tab", name="Nodes", exact=True).click()
    expect(page.get_by_role("tabpanel")).to_contain_text("doesn’t let you list its nodes")
    expect(table(page, "Nodes")).to_contain_text("workers")
    page.get_by_role("tab", name="Logs", exact=True).click()
    expect(page.get_by_role("tabpanel")).to_contain_text("get nodes/proxy")
    assert violations(page) == []


def test_who_may_look_at_one_namespace_names_it(look, eks, admin):
    admin.kubectl("create", "namespace", "team")
    entry(eks, "one", "AmazonEKSViewPolicy", namespaces=["team"])
    page = look("workloads", role="one")
    expect(page.get_by_role("tabpanel")).to_contain_text("lets you list nothing of all namespaces")
    page.get_by_role("tabpanel").get_by_label("Namespace").fill("team")
    page.get_by_role("tabpanel").get_by_label("Namespace").press("Enter")
    expect(page.get_by_role("tabpanel")).to_contain_text("There are no pods here.")
    assert violations(page) == []


def test_a_stranger_is_told_the_way_in(look, eks):
    page = look("workloads", role="stranger", color_scheme="dark")
    panel = page.get_by_role("tabpanel")
    expect(panel).to_contain_text(f"create-access-entry --cluster-name {NAME} --principal-arn {ROLE.format('stranger')}")
    assert violations(page) == []
    shot(page, "cluster-stranger-dark")
    panel.get_by_role("button", name="Access entries").click()
    expect(page.get_by_role("tab", name="Access", exact=True)).to_be_focused()
    assert "stranger" not in json.dumps(eks.list_access_entries(clusterName=NAME))
