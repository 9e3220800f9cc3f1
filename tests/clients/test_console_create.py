"""The form for a new cluster: what it tells at its fields, and that what it shows is what it makes."""
import json
import os
import re
import subprocess

import pytest
from conftest import AWS, VERSION, boto, wait_for
from playwright.sync_api import expect
from test_console import chromium, cut_choices, forgive, kubectl, nothing, open_page, shot, violations  # noqa: F401

# What differs between two clusters that are alike: when they were made, and what follows from their uids.
OWN = {"createdAt", "modifiedAt", "nodegroupArn", "releaseVersion", "resources"}


@pytest.fixture
def form(nothing, open_page):
    """The form on its page."""
    page = open_page(nothing, path="#/create", viewport={"width": 1280, "height": 800})
    form = page.locator("#form")
    expect(form.get_by_label("coredns")).to_be_visible()
    return form


def add_group(form):
    """Adds a node group, with its labels in sight."""
    form.get_by_role("button", name="Add node group").click()
    group = form.get_by_role("group", name="Node group 1")
    group.get_by_text("Labels, taints and tags").click()
    return group


def add_pair(rows, what, key, value=None):
    """Adds a row, and types its key as somebody would: without leaving the field."""
    rows.get_by_role("button", name=f"Add {what}").click()
    rows.get_by_label("Key").last.press_sequentially(key)
    if value is not None:
        rows.get_by_label("Value").last.fill(value)
    return rows.get_by_label("Key").last


@pytest.mark.parametrize("what,legend", [("label", "Labels of the nodes"), ("group tag", "Tags of the node group"), ("tag", "Tags")])
def test_a_key_that_is_there_twice_is_told_at_once_and_hidden_nowhere(form, what, legend):
    rows = form.locator("[data-rows=tags]") if what == "tag" else add_group(form).get_by_role("group", name=legend)
    add_pair(rows, what, "team", "web")
    second = add_pair(rows, what, "team")
    expect(second).to_have_accessible_description("team is there twice.")
    expect(second).to_be_focused()
    assert violations(form.page) == []
    rows.get_by_label("Value").last.fill("api")
    # Neither form of it can be used, and both show what was typed.
    for recipe in ["yaml", "commands"]:
        said = form.page.locator(f"#{recipe}")
        expect(said).to_contain_text(re.compile(r"^# (Label|Tag) team of .* is there twice\.\n"))
        expect(said).to_contain_text("web")
        expect(said).to_contain_text("api")
    form.get_by_label("Name", exact=True).fill("twice")
    form.get_by_role("button", name="Create cluster").click()
    expect(second).to_be_focused()
    rows.get_by_label("Key").first.fill("stage")
    expect(second).not_to_have_attribute("aria-invalid", "true")
    rows.get_by_label("Key").first.fill("team")
    expect(second).to_have_attribute("aria-invalid", "true")
    # The row that goes takes it along.
    rows.get_by_role("button", name=re.compile("^Remove")).first.click()
    expect(rows.get_by_label("Key")).not_to_have_attribute("aria-invalid", "true")
    expect(form.page.locator("#yaml")).not_to_contain_text("twice.")


def test_two_groups_may_have_the_same_label_and_not_the_same_name(form):
    add_pair(add_group(form).get_by_role("group", name="Labels of the nodes"), "label", "team")
    form.get_by_role("button", name="Add node group").click()
    second = form.get_by_role("group", name="Node group 2")
    second.get_by_text("Labels, taints and tags").click()
    expect(add_pair(second.get_by_role("group", name="Labels of the nodes"), "label", "team")).not_to_have_attribute("aria-invalid", "true")
    second.get_by_label("Group name").fill("workers")
    expect(second.get_by_label("Group name")).to_have_accessible_description(re.compile("Each node group needs a name of its own"))


def test_versions_are_newest_first_and_those_that_eks_dropped_stand_apart(form):
    select = form.get_by_label("Kubernetes version")
    offered = select.locator(":scope > option").all_inner_texts()
    past = select.locator("optgroup[label='no longer offered by EKS'] option").all_inner_texts()
    minors = lambda texts: [int(re.match(r"1\.(\d+)", text)[1]) for text in texts]
    for texts in (offered, past):
        assert minors(texts) == sorted(minors(texts), reverse=True)
    assert [text for text in offered if "(default)" in text] == [select.locator("option:checked").inner_text()]
    # All that the API takes are there.
    assert minors(offered + past)[-1] == 24
    select.select_option(past[-1])
    expect(form.page.locator("#yaml")).to_contain_text(f'kubernetesVersion: "{past[-1]}"')


@pytest.mark.parametrize("label,wrong,words", [
    ("Name", "my cluster!", "Letters, digits, - and _, the first one a letter or digit; at most 100. Example: my-cluster."),
    ("Region", "Frankfurt", "A region as AWS writes it. Example: eu-central-1."),
    ("Account", "12", "12 digits. Example: 111122223333."),
    ("Subnets", "foo", "Ids of subnets, with commas between them. Example: subnet-0123, subnet-4567."),
])
def test_what_does_not_fit_is_told_in_words_at_its_field(form, label, wrong, words):
    if label != "Name":
        form.get_by_label("Name", exact=True).fill("fits")
    field = form.get_by_label(label, exact=True)
    field.fill(wrong)
    # As soon as it is left.
    field.press("Tab")
    expect(field).to_have_accessible_description(re.compile(re.escape(words)))
    assert violations(form.page) == []
    form.get_by_role("button", name="Create cluster").click()
    expect(field).to_be_focused()
    expect(field).to_have_accessible_description(re.compile(re.escape(words)))


def test_a_field_that_is_empty_says_so(form):
    form.get_by_role("button", name="Create cluster").click()
    expect(form.get_by_label("Name", exact=True)).to_be_focused()
    expect(form.get_by_label("Name", exact=True)).to_have_accessible_description("Fill this in.")
    form.get_by_label("Name", exact=True).fill("filled")
    expect(form.get_by_label("Name", exact=True)).not_to_have_attribute("aria-invalid", "true")


@pytest.mark.parametrize("key,prefix", [("kubernetes.io/os", "kubernetes.io/"), ("k8s.io/x", "k8s.io/"), ("eks.amazonaws.com/nodegroup", "eks.amazonaws.com/")])
def test_a_reserved_key_is_told_at_its_label(form, key, prefix):
    labels = add_group(form).get_by_role("group", name="Labels of the nodes")
    field = add_pair(labels, "label", key)
    expect(field).to_have_accessible_description(f"{key}: keys that begin with {prefix} are reserved. Choose another one, such as team.")
    form.get_by_label("Name", exact=True).fill("reserved")
    form.get_by_role("button", name="Create cluster").click()
    expect(field).to_be_focused()


def test_what_eks_refuses_of_a_label_is_said_at_its_field(form, open_page):
    form.get_by_label("Name", exact=True).fill("worded")
    add_group(form)
    form.get_by_role("button", name="Add node group").click()
    second = form.get_by_role("group", name="Node group 2")
    second.get_by_text("Labels, taints and tags").click()
    labels = second.get_by_role("group", name="Labels of the nodes")
    add_pair(labels, "label", "team", "not so")
    value = labels.get_by_label("Value")
    # What the page checks itself is left to the server.
    value.evaluate("input => input.removeAttribute('pattern')")
    form.get_by_role("button", name="Create cluster").click()
    expect(value).to_be_focused()
    expect(value).to_have_accessible_description(re.compile("^Invalid value: not so"))
    assert "400" in open_page.complaints.pop()
    value.fill("so")
    form.get_by_role("button", name="Create cluster").click()
    expect(form.page.get_by_role("heading", name="worded")).to_be_visible()


@pytest.mark.parametrize("what,legend", [("label", "Labels of the nodes"), ("taint", "Taints of the nodes")])
def test_labels_and_taints_that_kubernetes_refuses_are_told_before_anything_is_made(form, nothing, what, legend):
    form.get_by_label("Name", exact=True).fill("unmade")
    rows = add_group(form).get_by_role("group", name=legend)
    key = add_pair(rows, what, "Example.com/team", "web")
    value = rows.get_by_label("Value")
    words = re.compile("^Letters, digits, -, _ and ., the first and the last one a letter or digit; at most 63.")
    for field, wrong, right in [(key, ["Example.com/team", "a b", "example.com/", "x" * 64], "example.com/team"), (value, ["not so", "-", "x" * 64], "web-1")]:
        for text in wrong:
            field.fill(text)
            form.get_by_role("button", name="Create cluster").click()
            expect(field).to_be_focused()
            expect(field).to_have_accessible_description(words)
        assert violations(form.page) == []
        field.fill(right)
        expect(field).not_to_have_attribute("aria-invalid", "true")
    assert boto(nothing).list_clusters()["clusters"] == []
    form.get_by_role("button", name="Create cluster").click()
    expect(form.page.get_by_role("heading", name="unmade")).to_be_visible()


def test_taints_are_given_and_checked(form, nothing):
    form.get_by_label("Name", exact=True).fill("tainted")
    taints = add_group(form).get_by_role("group", name="Taints of the nodes")
    add_pair(taints, "taint", "only", "web")
    second = add_pair(taints, "taint", "only")
    expect(second).to_have_accessible_description("only is there twice with NO_SCHEDULE.")
    taints.get_by_label("Effect").last.select_option("NO_EXECUTE")
    expect(second).not_to_have_attribute("aria-invalid", "true")
    second.fill("kubernetes.io/x")
    expect(second).to_have_accessible_description(re.compile("keys that begin with kubernetes.io/ are reserved"))
    second.fill("gone")
    assert violations(form.page) == []
    shot(form.page, "create-taints")
    wanted = [{"key": "only", "value": "web", "effect": "NO_SCHEDULE"}, {"key": "gone", "effect": "NO_EXECUTE"}]
    documents = applied(form.page, nothing)
    assert [one["spec"]["taints"] for one in documents if one["kind"] == "Nodegroup"] == [wanted]
    assert f"--taints '{json.dumps(wanted, separators=(',', ':'))}'" in form.page.locator("#commands").inner_text()
    form.get_by_role("button", name="Create cluster").click()
    expect(form.page.get_by_role("heading", name="tainted")).to_be_visible()
    eks = boto(nothing)
    wait_for("the node group", lambda: eks.list_nodegroups(clusterName="tainted")["nodegroups"])
    assert eks.describe_nodegroup(clusterName="tainted", nodegroupName="workers")["nodegroup"]["taints"] == wanted


def applied(page, nothing, *arguments):
    """The resources that Kubernetes makes of the shown YAML."""
    text = page.locator("#yaml").text_content()
    verb = arguments or ("create", "--dry-run=server")
    said = kubectl(*verb, "-n", nothing.namespace, "-o", "json", "-f", "-", stdin=text)
    resources = json.loads("[" + said.replace("}\n{", "},{") + "]")
    return [item for one in resources for item in one.get("items", [one])]


def test_the_button_makes_what_the_yaml_and_the_commands_make(form, nothing, open_page, tmp_path):
    """Nothing is named that needn't be: what is made up is the same as well."""
    form.get_by_label("Name", exact=True).fill("same")
    add_group(form)
    form.get_by_label("coredns").check()
    eks = boto(nothing)

    def told():
        """What the EKS API says of the cluster, which then goes."""
        described = lambda: eks.describe_nodegroup(clusterName="same", nodegroupName="workers")["nodegroup"]
        wait_for("the node group", lambda: eks.list_nodegroups(clusterName="same")["nodegroups"])
        wait_for("both to be Active", lambda: [eks.describe_cluster(name="same")["cluster"]["status"], described()["status"]] == ["ACTIVE", "ACTIVE"])
        wait_for("the addon", lambda: eks.list_addons(clusterName="same")["addons"])
        group = described()
        addon = eks.describe_addon(clusterName="same", addonName="coredns")["addon"]
        cluster = eks.describe_cluster(name="same")["cluster"]
        kubectl("delete", "eks", "-n", nothing.namespace, "--all", "--timeout=60s")
        wait_for("its end", lambda: not kubectl("get", "nodegroups,addons.k3eks.io", "-n", nothing.namespace, "-o", "name"))
        role = group["nodeRole"]
        named = {key: cluster[key] for key in ("name", "version", "roleArn", "resourcesVpcConfig", "accessConfig", "kubernetesNetworkConfig")}
        return named, {key: value for key, value in group.items() if key not in OWN}, role, addon["addonVersion"]

    applied(form.page, nothing, "create")
    by_yaml = told()
    env = {**os.environ, "HOME": str(tmp_path), "AWS_PAGER": "", "PATH": f"{os.path.dirname(AWS)}:{os.environ['PATH']}",
           "AWS_ACCESS_KEY_ID": "000000000000", "AWS_SECRET_ACCESS_KEY": "any"}
    subprocess.run(["bash", "-euo", "pipefail", "-c", form.page.locator("#commands").text_content()], env=env, check=True, capture_output=True)
    by_commands = told()
    form.get_by_role("button", name="Create cluster").click()
    expect(form.page.get_by_role("heading", name="same")).to_be_visible()
    by_button = told()
    # The page looked at it while it went.
    forgive(open_page, 404)
    assert by_yaml == by_commands == by_button


def test_what_the_form_makes_is_among_the_calls(form, nothing):
    page = form.page
    form.get_by_label("Name", exact=True).fill("called")
    add_group(form)
    form.get_by_label("coredns").check()
    form.get_by_role("button", name="Create cluster").click()
    expect(page.get_by_role("heading", name="called")).to_be_visible()
    page.get_by_role("tab", name="EKS API calls").click()
    calls = page.get_by_role("table", name="EKS API calls").get_by_role("row")
    for name in ["CreateCluster", "CreateNodegroup", "CreateAddon"]:
        expect(calls.filter(has_text=name)).to_have_count(1)
        expect(calls.filter(has_text=name)).to_contain_text("done")
        expect(calls.filter(has_text=name)).to_contain_text("arn:aws:iam::000000000000:root")


def test_a_cluster_that_was_made_in_part_says_which_and_leads_there(form, nothing, open_page):
    page, eks = form.page, boto(nothing)
    form.get_by_label("Name", exact=True).fill("partly")
    add_group(form)
    form.get_by_label("coredns").check()

    def part(route):
        wait_for("the cluster", lambda: eks.describe_cluster(name="partly")["cluster"]["status"] == "ACTIVE")
        eks.create_nodegroup(clusterName="partly", nodegroupName="workers", nodeRole="arn:aws:iam::000000000000:role/n", subnets=["subnet-1"],
                             scalingConfig={"minSize": 1, "desiredSize": 1, "maxSize": 2})
        route.fulfill(status=503, json={"message": "The addon can't be made now."})
    page.route("**/console/parts/*", part)
    form.get_by_role("button", name="Create cluster").click()
    said = form.get_by_role("alert")
    expect(said).to_contain_text("Cluster partly is being created, with node group workers. Not made: addon coredns.")
    expect(said).to_contain_text("The addon can't be made now.")
    assert "503" in open_page.complaints.pop()
    assert violations(page) == []
    shot(page, "create-partly")
    said.get_by_role("link", name="Open partly").click()
    expect(page.get_by_role("heading", name="partly")).to_be_visible()
    # The form is done with.
    page.goto(f"{nothing}/_k3eks/#/create")
    expect(page.get_by_label("Name", exact=True)).to_have_value("")


def test_a_refusal_is_scrolled_into_sight_and_heard(form, open_page):
    page = form.page
    page.set_viewport_size({"width": 1280, "height": 500})
    name, alert = form.get_by_label("Name", exact=True), form.get_by_role("alert")
    name.fill("refused")
    for _ in range(3):
        form.get_by_role("button", name="Add node group").click()
    # What is about no field stands at the end of the form.
    page.route(re.compile("/clusters$"), lambda route: route.fulfill(status=503, json={"message": "The store can't be written now."}))
    for _ in range(2):
        name.press("Enter")
        expect(alert).to_have_text("The store can't be written now.")
        expect(alert).to_be_in_viewport(ratio=1)
        assert "503" in open_page.complaints.pop()
    # What is said below a field is in sight with it, also where the focus was there already; then it is heard by other ways.
    page.unroute_all()
    page.route(re.compile("/clusters$"), lambda route: route.fulfill(status=409, json={"message": "Cluster already exists with name: refused"}))
    heard = form.locator("[aria-live=assertive]")
    for place, said in [(form.get_by_role("button", name="Create cluster"), ""), (name, "Cluster already exists with name: refused")]:
        place.press("Enter")
        expect(name).to_be_focused()
        expect(form.get_by_text("Cluster already exists").first).to_be_in_viewport(ratio=1)
        expect(heard).to_have_text(said)
        assert "409" in open_page.complaints.pop()
        assert violations(page) == []


def test_names_that_differ_in_little_are_those_of_different_resources(form, nothing):
    form.get_by_label("Name", exact=True).fill("Apart_1")
    for number, name in enumerate(["web-a", "web_a", "Web-a", "x" * 63], 1):
        form.get_by_role("button", name="Add node group").click()
        form.get_by_role("group", name=f"Node group {number}").get_by_label("Group name").fill(name)
    named = lambda documents: {one["spec"].get("nodegroupName", ""): one["metadata"]["name"] for one in documents}
    shown = named(applied(form.page, nothing))
    assert len(set(shown.values())) == 5
    # They are those that the API gives, so that the YAML of a cluster that is there changes that one.
    form.get_by_role("button", name="Create cluster").click()
    expect(form.page.get_by_role("heading", name="Apart_1")).to_be_visible()
    there = lambda: named(json.loads(kubectl("get", "eks,nodegroups", "-n", nothing.namespace, "-o", "json"))["items"])
    wait_for("the resources", lambda: there() == shown)


@pytest.mark.parametrize("width", [1280, 390])
def test_no_choice_is_cut_off(form, width):
    form.page.set_viewport_size({"width": width, "height": 800})
    add_group(form).get_by_role("button", name="Add taint").click()
    assert cut_choices(form) == []


def test_what_cannot_be_typed_says_why(form):
    form.get_by_label("Public endpoint").uncheck()
    expect(form.get_by_label("Public access from")).to_be_disabled()
    expect(form.get_by_label("Public access from")).to_have_attribute("title", re.compile("Without a public endpoint"))
