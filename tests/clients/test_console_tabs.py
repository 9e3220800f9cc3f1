"""What is changed of a cluster on the tabs of its page: by clicking, and by the EKS API's own rules. Screenshots are kept in .k3eks/screenshots."""
import datetime
import json
import re

import pytest
from conftest import NEXT, VERSION, boto, wait_for
from playwright.sync_api import expect
from test_console import ROLE, SHOTS, answer, chromium, cut_choices, dialog, forgive, kubectl, open_page, shot, violations  # noqa: F401

ROLES = "arn:aws:iam::000000000000:role/{}"


@pytest.fixture(scope="module")
def eks(records):
    return boto(records)


@pytest.fixture
def cluster(eks, request):
    """The name of a cluster that is a record only, of the test's own."""
    name = re.sub("[^a-z]+", "-", request.node.originalname.removeprefix("test_"))[:40].strip("-")
    eks.create_cluster(name=name, version=VERSION, roleArn=ROLE, resourcesVpcConfig={}, accessConfig={"authenticationMode": "API"})
    yield name
    for group in eks.list_nodegroups(clusterName=name)["nodegroups"]:
        eks.delete_nodegroup(clusterName=name, nodegroupName=group)
    for profile in eks.list_fargate_profiles(clusterName=name)["fargateProfileNames"]:
        eks.delete_fargate_profile(clusterName=name, fargateProfileName=profile)
    eks.delete_cluster(name=name)


@pytest.fixture
def tab(records, cluster, open_page):
    """Opens a tab of the cluster."""
    def tab(name, **options):
        page = open_page(records, path=f"#/clusters/000000000000/us-east-1/{cluster}/{name}", **options)
        expect(page.get_by_role("tabpanel")).to_be_visible()
        return page
    tab.complaints = open_page.complaints
    return tab


def row(page, text):
    return page.get_by_role("tabpanel").get_by_role("row").filter(has_text=text)


def press(page, name):
    page.get_by_role("tabpanel").get_by_role("button", name=name, exact=True).click()


def done(page, verb):
    """Presses a dialog's button, and expects that it closes."""
    dialog(page).get_by_role("button", name=verb, exact=True).click()
    expect(dialog(page)).to_be_hidden()


def refused(page, tab, words, field=None, status=400):
    """What the API refuses is said in its words: at the field that it is about, which has the focus then, or at the form."""
    if field:
        expect(field).to_be_focused()
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_accessible_description(re.compile(re.escape(words)))
        assert violations(page) == []
    else:
        expect(dialog(page).get_by_role("alert")).to_contain_text(words)
    assert f"status of {status}" in tab.complaints.pop()


def rows_in(page, legend):
    return dialog(page).get_by_role("group", name=legend, exact=True).first


def group_of(eks, cluster, name="workers"):
    return eks.describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"]


def add_group(eks, cluster, **more):
    eks.create_nodegroup(clusterName=cluster, nodegroupName="workers", nodeRole=ROLES.format("n"), subnets=["subnet-1"],
                         scalingConfig={"minSize": 1, "desiredSize": 1, "maxSize": 2}, **more)


def test_a_node_group_is_made(tab, eks, cluster):
    page = tab("nodegroups")
    press(page, "Add node group")
    form = dialog(page)
    form.get_by_label("Name", exact=True).fill("workers")
    form.get_by_label("Instance types").fill("t3.small, t3.medium")
    for label, value in [("Min size", "3"), ("Desired size", "2"), ("Max size", "4")]:
        form.get_by_label(label).fill(value)
    form.get_by_role("button", name="Add label").press("Enter")
    expect(form.get_by_label("Key")).to_be_focused()
    form.get_by_label("Key").fill("team")
    form.get_by_label("Value").fill("web")
    form.get_by_role("button", name="Add taint").click()
    taint = rows_in(page, "Taints")
    taint.get_by_label("Key").fill("only")
    taint.get_by_label("Effect").select_option("NO_EXECUTE")
    form.get_by_label("At most away at a time").fill("50")
    form.get_by_label("Counted in").select_option("maxUnavailablePercentage")
    form.get_by_text("More settings").click()
    form.get_by_label("Capacity").select_option("SPOT")
    assert violations(page) == []
    shot(page, "tabs-new-group")
    # What is refused is said in the API's words, and nothing that was typed is lost.
    form.get_by_role("button", name="Add", exact=True).click()
    refused(page, tab, "minSize can't be greater than desiredSize", form.get_by_label("Min size"))
    expect(taint.get_by_label("Key")).to_have_value("only")
    form.get_by_label("Min size").fill("0")
    done(page, "Add")
    expect(page.get_by_role("button", name="Add node group")).to_be_focused()
    expect(row(page, "workers").locator(".phase")).to_have_text("Active")
    expect(row(page, "workers")).to_contain_text("team=web")
    expect(row(page, "workers")).to_contain_text("only:NO_EXECUTE")
    group = group_of(eks, cluster)
    assert (group["instanceTypes"], group["scalingConfig"]) == (["t3.small", "t3.medium"], {"minSize": 0, "desiredSize": 2, "maxSize": 4})
    assert (group["labels"], group["taints"]) == ({"team": "web"}, [{"key": "only", "effect": "NO_EXECUTE"}])
    assert (group["updateConfig"], group["capacityType"], group["version"]) == ({"maxUnavailablePercentage": 50}, "SPOT", VERSION)
    assert violations(page) == []
    shot(page, "tabs-node-groups")


def test_a_node_group_tells_all_of_itself(tab, eks, cluster):
    add_group(eks, cluster, labels={"team": "web"}, taints=[{"key": "only", "effect": "NO_EXECUTE"}], tags={"cost": "7"}, instanceTypes=["t3.large"], updateConfig={"maxUnavailable": 2})
    page = tab("nodegroups")
    button = page.get_by_role("button", name="workers", exact=True)
    button.press("Enter")
    details = page.get_by_role("region", name="Node group workers", exact=True)
    expect(details.get_by_role("heading", name="Node group workers")).to_be_focused()
    group = group_of(eks, cluster)
    for said in [group["nodegroupArn"], group["amiType"], group["releaseVersion"], "t3.large", "team=web", "only:NO_EXECUTE", "cost=7", "at most 2 nodes away at a time", "no issues are known", "subnet-1"]:
        expect(details).to_contain_text(said)
    assert violations(page) == []
    shot(page, "tabs-group-details")
    # It follows what changes.
    eks.update_nodegroup_config(clusterName=cluster, nodegroupName="workers", labels={"addOrUpdateLabels": {"team": "api"}}, updateConfig={"maxUnavailablePercentage": 50})
    expect(details).to_contain_text("team=api")
    expect(details).to_contain_text("at most 50 % of the nodes away at a time")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(page) == []
    details.get_by_role("button", name="Close the details").click()
    expect(button).to_be_focused()
    expect(button).to_have_attribute("aria-expanded", "false")


def test_each_fault_is_said_at_its_field_and_the_rest_at_the_form(tab, eks, cluster):
    page = tab("nodegroups")
    press(page, "Add node group")
    form = dialog(page)
    form.get_by_label("Name", exact=True).fill("workers")
    labels, tags = rows_in(page, "Labels"), rows_in(page, "Tags")
    for number, (key, value) in enumerate([("team", "web"), ("long", "x" * 64)]):
        labels.get_by_role("button", name="Add label").click()
        labels.get_by_label("Key").nth(number).fill(key)
        labels.get_by_label("Value").nth(number).fill(value)
        # What the page checks itself is left to the server.
        labels.get_by_label("Value").nth(number).evaluate("input => input.removeAttribute('pattern')")
    # What is folded away is opened.
    form.get_by_text("More settings").click()
    tags.get_by_role("button", name="Add tag").click()
    tags.get_by_label("Key").fill("k" * 129)
    form.get_by_text("More settings").click()
    form.get_by_role("button", name="Add", exact=True).click()
    long = labels.get_by_label("Value").nth(1)
    refused(page, tab, "at 'labels.long'", long)
    expect(tags.get_by_label("Key")).to_have_attribute("aria-invalid", "true")
    expect(tags.get_by_label("Key")).to_be_visible()
    expect(form.get_by_role("alert")).to_be_hidden()
    shot(page, "tabs-refused")
    # What is changed isn't wrong any more; what isn't, is.
    long.fill("short")
    expect(long).not_to_have_attribute("aria-invalid", "true")
    expect(tags.get_by_label("Key")).to_have_attribute("aria-invalid", "true")
    tags.get_by_label("Key").fill("k")
    labels.get_by_label("Value").nth(0).fill("not so")
    form.get_by_role("button", name="Add", exact=True).click()
    refused(page, tab, "Invalid value: not so", labels.get_by_label("Value").nth(0))
    labels.get_by_label("Value").nth(0).fill("so")
    done(page, "Add")
    # What names no field is said at the form.
    press(page, "Edit workers")
    form.get_by_role("button", name="Change", exact=True).click()
    refused(page, tab, "No changes needed for the node group config provided")


def test_a_node_group_is_changed_in_what_was_changed_alone(tab, eks, cluster):
    add_group(eks, cluster, labels={"stays": "1", "goes": "2"}, taints=[{"key": "old", "value": "v", "effect": "NO_SCHEDULE"}])
    page = tab("nodegroups")
    press(page, "Edit workers")
    form = dialog(page)
    form.get_by_label("Max size").fill("5")
    labels = rows_in(page, "Labels")
    labels.get_by_role("button", name="Remove label").nth(1 if labels.get_by_label("Key").nth(1).input_value() == "goes" else 0).click()
    expect(form.get_by_role("button", name="Add label")).to_be_focused()
    form.get_by_role("button", name="Remove taint").click()
    form.get_by_role("button", name="Add tag").click()
    tags = rows_in(page, "Tags")
    tags.get_by_label("Key").fill("cost")
    tags.get_by_label("Value").fill("a, b")
    # Somebody else scales meanwhile: what isn't changed here stays theirs.
    eks.update_nodegroup_config(clusterName=cluster, nodegroupName="workers", labels={"addOrUpdateLabels": {"others": "3"}})
    expect(row(page, "workers")).to_contain_text("others=3")
    expect(tags.get_by_label("Value")).to_have_value("a, b")
    assert violations(page) == []
    shot(page, "tabs-edit-group")
    done(page, "Change")
    expect(row(page, "workers")).to_contain_text("1–5")
    expect(row(page, "workers")).not_to_contain_text("goes=2")
    group = group_of(eks, cluster)
    assert (group["labels"], group.get("taints"), group["tags"]) == ({"stays": "1", "others": "3"}, None, {"cost": "a, b"})
    press(page, "Edit workers")
    form.get_by_role("button", name="Change", exact=True).click()
    refused(page, tab, "No changes needed for the node group config provided")
    form.get_by_label("At most away at a time").fill("2")
    done(page, "Change")
    wait_for("the setting", lambda: group_of(eks, cluster)["updateConfig"] == {"maxUnavailable": 2})


def test_keys_that_are_reserved_or_there_twice_are_told_while_they_are_typed(tab, eks, cluster):
    add_group(eks, cluster, labels={"team": "web"})
    page = tab("nodegroups")
    form = dialog(page)
    for button, verb in [("Add node group", "Add"), ("Edit workers", "Change")]:
        press(page, button)
        expect(form).to_be_visible()
        for legend, what in [("Labels", "label"), ("Taints", "taint"), ("Tags", "tag")]:
            rows = rows_in(page, legend)
            if not rows.is_visible():
                form.get_by_text("More settings").click()
            for _ in range(2):
                rows.get_by_role("button", name=f"Add {what}").click()
                rows.get_by_label("Key").last.press_sequentially("stage")
            expect(rows.get_by_label("Key").last).to_have_accessible_description(re.compile("^stage is there twice"))
            key = "aws:stage" if what == "tag" else "k8s.io/stage"
            rows.get_by_label("Key").last.fill(key)
            expect(rows.get_by_label("Key").last).to_have_accessible_description(re.compile(f"^{key}: keys that begin with .* are reserved"))
        assert violations(page) == []
        form.get_by_role("button", name=verb, exact=True).click()
        expect(form).to_be_visible()
        form.get_by_role("button", name="Cancel").click()
    assert group_of(eks, cluster)["labels"] == {"team": "web"}


def test_a_new_group_is_offered_no_version_that_eks_refuses(tab, eks, cluster):
    page = tab("nodegroups")
    press(page, "Add node group")
    expect(dialog(page)).to_contain_text(f"Its nodes begin with the cluster’s version {VERSION}.")
    dialog(page).get_by_label("Name", exact=True).fill("workers")
    done(page, "Add")
    assert group_of(eks, cluster)["version"] == VERSION


def test_a_cluster_of_a_version_that_eks_dropped_has_a_next_one(records, eks, open_page):
    eks.create_cluster(name="old", version="1.28", roleArn=ROLE, resourcesVpcConfig={})
    page = open_page(records, path="#/clusters/000000000000/us-east-1/old")
    expect(page.get_by_role("heading", name="old")).to_be_visible()
    expect(page.locator("#detail .phase").first).to_have_text("Active")
    page.locator("#detail .bar").get_by_role("button", name="Upgrade").click()
    expect(dialog(page).get_by_label("To", exact=True).locator("option")).to_have_text(["1.29"])
    done(page, "Upgrade")
    wait_for("the version", lambda: eks.describe_cluster(name="old")["cluster"]["version"] == "1.29")
    eks.delete_cluster(name="old")
    # The page looked at it while it went.
    expect(page.locator("#clusters")).to_be_visible()
    forgive(open_page, 404)


def test_scaling_moves_no_size_along_unasked(tab, eks, cluster):
    add_group(eks, cluster)
    page = tab("nodegroups")
    form = dialog(page)
    sizes = lambda: {name: group_of(eks, cluster)["scalingConfig"][name] for name in ["minSize", "desiredSize", "maxSize"]}
    for nodes, why in [("5", "5 is more than its max size 2."), ("0", "0 is less than its min size 1.")]:
        press(page, "Scale workers")
        form.get_by_label("Nodes").fill(nodes)
        form.get_by_role("button", name="Scale", exact=True).click()
        expect(form.get_by_label("Nodes")).to_be_focused()
        expect(form.get_by_label("Nodes")).to_have_accessible_description(re.compile(re.escape(why)))
        assert violations(page) == []
        shot(page, "tabs-scale")
        form.get_by_role("button", name="Cancel").click()
    assert sizes() == {"minSize": 1, "desiredSize": 1, "maxSize": 2}
    press(page, "Scale workers")
    form.get_by_label("Nodes").fill("2")
    done(page, "Scale")
    wait_for("the nodes", lambda: sizes() == {"minSize": 1, "desiredSize": 2, "maxSize": 2})
    expect(page.get_by_role("button", name="Scale workers")).not_to_have_attribute("aria-disabled", "true")
    press(page, "Scale workers")
    form.get_by_label("Nodes").fill("5")
    form.get_by_label("Raise the max size, or lower the min size").check()
    done(page, "Scale")
    wait_for("the sizes", lambda: sizes() == {"minSize": 1, "desiredSize": 5, "maxSize": 5})


def test_types_that_are_unknown_and_what_is_no_subnet_are_told_at_their_fields(tab, eks, cluster):
    page = tab("nodegroups")
    press(page, "Add node group")
    form = dialog(page)
    types = form.get_by_label("Instance types")
    types.fill("t3.large, t9.huge")
    expect(types).to_have_accessible_description(re.compile("t9.huge: unknown here"))
    assert violations(page) == []
    types.fill("m6g.2xlarge")
    expect(types).not_to_have_accessible_description(re.compile("unknown"))
    # What the server refused last is said no longer, once the browser refuses something else.
    form.get_by_label("Name", exact=True).fill("w")
    form.get_by_label("Desired size").fill("9")
    form.get_by_role("button", name="Add", exact=True).click()
    refused(page, tab, "desiredSize can't be greater than maxSize", form.get_by_label("Desired size"))
    form.get_by_text("More settings").click()
    form.get_by_label("Subnets").fill("foo")
    form.get_by_role("button", name="Add", exact=True).click()
    expect(form.get_by_label("Subnets")).to_be_focused()
    expect(form.get_by_label("Subnets")).to_have_accessible_description(re.compile("Example: subnet-0123, subnet-4567."))
    expect(form.locator(".wrong:visible")).to_have_count(1)
    # What was typed doesn't go by one Escape.
    page.keyboard.press("Escape")
    expect(form.get_by_role("alert").last).to_have_text("Escape once more to drop what you typed.")
    expect(form.get_by_label("Name", exact=True)).to_have_value("w")
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(form).to_be_hidden()


def tell(records, kind, name, note):
    """Publishes an Event, as the operator does while it works on a real cluster."""
    time = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    event = {"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"generateName": "told-", "namespace": records.namespace}, "eventTime": time, "type": "Normal",
             "reason": "Updating", "action": "Updating", "note": note, "reportingController": "k3eks.io/test", "reportingInstance": "test",
             "regarding": {"kind": kind, "name": name, "namespace": records.namespace}}
    kubectl("create", "-f", "-", stdin=json.dumps(event))


def test_a_cluster_is_upgraded_and_its_node_group_follows(records, tab, eks, cluster):
    add_group(eks, cluster)
    page = tab("nodegroups")
    bar = page.locator("#detail .bar")
    upgrade = page.get_by_role("button", name="Upgrade workers")
    expect(upgrade).to_have_attribute("aria-disabled", "true")
    upgrade.press("Enter")
    expect(page.locator("#said")).to_have_text("workers runs the cluster’s version.")
    bar.get_by_role("button", name="Upgrade").click()
    dialog(page).get_by_label("To", exact=True).select_option(NEXT)
    done(page, "Upgrade")
    expect(row(page, "workers")).to_contain_text(f"behind the cluster’s {NEXT}")
    assert eks.describe_cluster(name=cluster)["cluster"]["version"] == NEXT
    tell(records, "EKSClusterConfig", cluster, f"starting the server with {NEXT}")
    # The cluster goes on when its groups have followed, and says so.
    expect(bar.get_by_role("button", name="Upgrade")).to_have_attribute("title", f"Node groups follow first: upgrade workers to {NEXT}.")
    upgrade.press("Enter")
    expect(dialog(page)).to_contain_text(f"It runs {VERSION}.")
    expect(dialog(page).get_by_label("To", exact=True).locator("option")).to_have_text([NEXT])
    assert violations(page) == []
    shot(page, "tabs-upgrade-group")
    done(page, "Upgrade")
    expect(upgrade).to_be_focused()
    expect(row(page, "workers")).not_to_contain_text("behind")
    expect(upgrade).to_have_attribute("aria-disabled", "true")
    assert group_of(eks, cluster)["version"] == NEXT
    # Each update's steps are told in words. Records have none but these.
    tell(records, "Nodegroup", f"{cluster}-workers", "replacing the first of 1 nodes")
    page.get_by_role("tab", name="Updates").click()
    expect(row(page, "node group workers")).to_contain_text(f"version {NEXT}")
    for target, step in [("node group workers", "replacing the first of 1 nodes"), ("the cluster", "starting the server with")]:
        expect(row(page, target).get_by_role("listitem").last).to_contain_text(step)
        expect(row(page, target).locator(".phase")).to_have_text("Successful")
    assert violations(page) == []
    shot(page, "tabs-steps")


def test_a_cluster_of_the_newest_version_says_so(records, eks, open_page):
    offered = [one["clusterVersion"] for one in eks.describe_cluster_versions()["clusterVersions"]]
    newest = max(offered, key=lambda version: int(version.split(".")[1]))
    eks.create_cluster(name="newest", version=newest, roleArn=ROLE, resourcesVpcConfig={})
    page = open_page(records, path="#/clusters/000000000000/us-east-1/newest")
    expect(page.get_by_role("button", name="Upgrade")).to_have_attribute("title", f"{newest} is the newest version.")
    # Or it would ask for the cluster while that goes.
    page.close()
    eks.delete_cluster(name="newest")


def test_a_node_group_is_deleted_and_the_focus_stays(tab, eks, cluster):
    add_group(eks, cluster)
    page = tab("nodegroups")
    page.get_by_role("button", name="Delete workers").press("Enter")
    form = dialog(page)
    expect(form).to_contain_text("No other group has nodes without taints")
    form.get_by_label("Name").fill("others")
    form.get_by_role("button", name="Delete", exact=True).click()
    expect(form.get_by_label("Name")).to_have_accessible_description("That isn't workers.")
    form.get_by_label("Name").fill("workers")
    done(page, "Delete")
    expect(page.get_by_role("tabpanel")).to_contain_text("There are no node groups")
    assert eks.list_nodegroups(clusterName=cluster)["nodegroups"] == []
    assert page.evaluate("document.activeElement !== document.body")


def test_an_addon_is_installed_configured_updated_and_removed(tab, eks, cluster):
    page = tab("addons")
    press(page, "Add addon")
    form = dialog(page)
    # Nothing is chosen unasked, and what has no effect says so.
    expect(form.get_by_label("Conflicts").locator("option:checked")).to_have_text("The default: NONE")
    expect(form.get_by_label("Addon")).to_have_value("")
    expect(form.get_by_label("Addon").get_by_role("option").nth(1)).not_to_contain_text("recorded only")
    expect(form.get_by_label("Addon")).to_contain_text("adot (recorded only)")
    form.get_by_label("Addon").select_option("coredns")
    schema = form.get_by_role("region", name="Configuration schema")
    expect(schema).to_contain_text("replicaCount")
    versions = form.get_by_label("Version").locator("option").evaluate_all("options => options.map((option) => option.value)")
    form.get_by_label("Version").select_option(versions[-1])
    expect(schema).to_contain_text("replicaCount")
    form.get_by_label("Configuration", exact=True).fill('{"replicas": "many"}')
    assert violations(page) == []
    shot(page, "tabs-new-addon")
    form.get_by_role("button", name="Add", exact=True).click()
    refused(page, tab, "replicas", form.get_by_label("Configuration", exact=True))
    expect(form.get_by_label("Configuration", exact=True)).to_have_value('{"replicas": "many"}')
    form.get_by_label("Configuration", exact=True).fill("replicaCount: 3")
    # What is no role is told as soon as the field is left, and somebody else's by the API.
    role = form.get_by_label("Role of its service account")
    for text in ["admin", "arn:aws:iam::000000000000:user/ann"]:
        role.fill(text)
        role.press("Tab")
        expect(role).to_have_accessible_description(re.compile("The ARN of a role. Example: arn:aws:iam::111122223333:role/my-role."))
        form.get_by_role("button", name="Add", exact=True).click()
        expect(role).to_be_focused()
    for text, words, status in [("arn:aws:iam::999999999999:role/r", "isn't a role of account 000000000000", 403), ("admin", "Invalid Role Arn: 'admin'", 400)]:
        role.evaluate("input => input.removeAttribute('pattern')")
        role.fill(text)
        form.get_by_role("button", name="Add", exact=True).click()
        refused(page, tab, words, role, status)
    role.fill("")
    done(page, "Add")
    addon = row(page, "coredns")
    expect(addon).to_contain_text(versions[-1])
    expect(addon).to_contain_text("replicaCount: 3")
    described = lambda: eks.describe_addon(clusterName=cluster, addonName="coredns")["addon"]
    assert (described()["addonVersion"], described()["configurationValues"]) == (versions[-1], "replicaCount: 3")

    press(page, "Update coredns")
    expect(form.get_by_label("Version")).to_have_value(versions[0])
    done(page, "Update")
    expect(addon).to_contain_text(versions[0])
    expect(page.get_by_role("button", name="Update coredns")).to_have_attribute("aria-disabled", "true")
    expect(page.get_by_role("button", name="Update coredns")).to_be_focused()
    press(page, "Configure coredns")
    expect(form.get_by_label("Conflicts").locator("option:checked")).to_have_text("Keep the current setting")
    expect(form.get_by_label("Configuration", exact=True)).to_have_value("replicaCount: 3")
    form.get_by_role("button", name="Change", exact=True).click()
    expect(form.get_by_role("alert")).to_have_text("Nothing was changed.")
    form.get_by_label("Configuration", exact=True).fill("replicaCount: 4")
    done(page, "Change")
    expect(addon).to_contain_text("replicaCount: 4")
    assert (described()["addonVersion"], described()["configurationValues"]) == (versions[0], "replicaCount: 4")
    assert violations(page) == []
    shot(page, "tabs-addons")
    # What is there isn't offered again.
    press(page, "Add addon")
    expect(form.get_by_label("Addon").get_by_role("option").first).to_be_attached()
    assert "coredns" not in form.get_by_label("Addon").locator("option").all_text_contents()
    page.keyboard.press("Escape")
    expect(form).to_be_hidden()
    page.get_by_role("button", name="Remove coredns").press("Enter")
    done(page, "Remove")
    expect(page.get_by_role("tabpanel")).to_contain_text("No addons were asked for.")
    assert eks.list_addons(clusterName=cluster)["addons"] == []
    assert page.evaluate("document.activeElement !== document.body")


def test_access_entries_and_their_policies_are_added_changed_and_removed(tab, eks, cluster):
    page = tab("access")
    press(page, "Add access entry")
    form = dialog(page)
    dev = ROLES.format("dev")
    form.get_by_label("Principal").fill(dev)
    form.get_by_label("Kubernetes groups").fill("system:masters")
    form.get_by_role("button", name="Add policy").click()
    expect(form.get_by_label("Policy", exact=True)).to_have_value("")
    expect(form.get_by_label("Policy", exact=True)).to_contain_text("AWSBackupFullAccessPolicyForBackup (allows nothing here)")
    form.get_by_label("Policy", exact=True).select_option("AmazonEKSViewPolicy")
    form.get_by_label("Holds in").select_option("namespace")
    form.get_by_label("Namespaces").fill("web, team-*")
    assert violations(page) == []
    shot(page, "tabs-new-entry")
    form.get_by_role("button", name="Add", exact=True).click()
    refused(page, tab, "system:", form.get_by_label("Kubernetes groups"))
    form.get_by_label("Kubernetes groups").fill("viewers")
    form.get_by_label("Namespaces").fill("No-Namespace!")
    form.get_by_role("button", name="Add", exact=True).click()
    refused(page, tab, "amespace", form.get_by_label("Namespaces"))
    # A grant in no namespace is none.
    form.get_by_label("Namespaces").fill(" ")
    form.get_by_role("button", name="Add", exact=True).click()
    expect(form.get_by_label("Namespaces")).to_be_focused()
    expect(form.get_by_label("Namespaces")).to_have_accessible_description("Name at least one namespace.")
    # Nothing is left half done.
    assert dev not in eks.list_access_entries(clusterName=cluster)["accessEntries"]
    form.get_by_label("Namespaces").fill("web, team-*")
    done(page, "Add")
    entry = row(page, dev)
    expect(entry).to_contain_text("AmazonEKSViewPolicy in web, team-*")
    policies = lambda: {one["policyArn"].split("/")[-1]: one["accessScope"] for one in eks.list_associated_access_policies(clusterName=cluster, principalArn=dev)["associatedAccessPolicies"]}
    assert policies() == {"AmazonEKSViewPolicy": {"type": "namespace", "namespaces": ["web", "team-*"]}}

    press(page, f"Edit {dev}")
    form.get_by_label("Kubernetes groups").fill("viewers, testers")
    form.get_by_label("Holds in").select_option("cluster")
    form.get_by_role("button", name="Add policy").click()
    form.get_by_label("Policy", exact=True).nth(1).select_option("AmazonEKSEditPolicy")
    # What was typed into a field isn't dropped without a word, least of all for wider rights.
    form.get_by_role("button", name="Change", exact=True).click()
    expect(form.get_by_label("Namespaces").first).to_have_accessible_description("This policy holds in the whole cluster. Choose these namespaces, or name none.")
    form.get_by_label("Namespaces").first.fill("")
    form.get_by_label("Holds in").nth(1).select_option("namespace")
    form.get_by_label("Namespaces").nth(1).fill("web")
    done(page, "Change")
    expect(entry).to_contain_text("AmazonEKSEditPolicy in web")
    assert policies() == {"AmazonEKSViewPolicy": {"type": "cluster", "namespaces": []}, "AmazonEKSEditPolicy": {"type": "namespace", "namespaces": ["web"]}}
    assert eks.describe_access_entry(clusterName=cluster, principalArn=dev)["accessEntry"]["kubernetesGroups"] == ["viewers", "testers"]
    assert violations(page) == []
    shot(page, "tabs-access")
    press(page, f"Edit {dev}")
    form.get_by_role("button", name="Remove policy").first.click()
    done(page, "Change")
    expect(entry).not_to_contain_text("AmazonEKSViewPolicy")
    assert list(policies()) == ["AmazonEKSEditPolicy"]
    page.get_by_role("button", name=f"Remove {dev}").press("Enter")
    expect(dialog(page)).to_contain_text(f"{dev} can’t use the cluster any more.")
    done(page, "Remove")
    expect(entry).to_have_count(0)
    assert dev not in eks.list_access_entries(clusterName=cluster)["accessEntries"]


def test_who_removes_the_last_administrator_or_themselves_is_warned(tab, eks, cluster):
    last, own = "This is the last administrator", "This is your own entry"
    root, dev = "arn:aws:iam::000000000000:root", ROLES.format("dev")
    page = tab("access")
    form = dialog(page)
    expect(row(page, root)).to_contain_text("AmazonEKSClusterAdminPolicy")
    press(page, f"Remove {root}")
    for words in [last, own]:
        expect(form).to_contain_text(words)
    assert violations(page) == []
    shot(page, "tabs-last-administrator")
    form.get_by_role("button", name="Cancel").click()
    # The warning comes with what it is about, and goes with it.
    press(page, f"Edit {root}")
    expect(form.get_by_label("Holds in")).to_have_value("cluster")
    expect(form).not_to_contain_text(last)
    form.get_by_label("Holds in").select_option("namespace")
    for words in [last, own]:
        expect(form).to_contain_text(words)
    form.get_by_label("Holds in").select_option("cluster")
    expect(form).not_to_contain_text(last)
    form.get_by_role("button", name="Remove policy").click()
    expect(form.get_by_role("status").filter(has_text=last)).to_be_visible()
    assert violations(page) == []
    form.get_by_role("button", name="Cancel").click()
    # With another administrator it is only about oneself, and the other one goes without a word.
    eks.create_access_entry(clusterName=cluster, principalArn=dev)
    eks.associate_access_policy(clusterName=cluster, principalArn=dev, policyArn="arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy", accessScope={"type": "cluster"})
    expect(row(page, dev)).to_contain_text("AmazonEKSClusterAdminPolicy")
    press(page, f"Remove {root}")
    expect(form).to_contain_text(own)
    expect(form).not_to_contain_text(last)
    form.get_by_role("button", name="Cancel").click()
    press(page, f"Remove {dev}")
    expect(form).to_contain_text(f"{dev} can’t use the cluster any more.")
    expect(form).not_to_contain_text("This is")
    done(page, "Remove")
    expect(row(page, dev)).to_have_count(0)


def test_a_cluster_without_access_entries_says_so_and_can_have_them(records, eks, open_page):
    eks.create_cluster(name="mapped", version=VERSION, roleArn=ROLE, resourcesVpcConfig={}, accessConfig={"authenticationMode": "CONFIG_MAP"})
    page = open_page(records, path="#/clusters/000000000000/us-east-1/mapped/access")
    expect(page.get_by_role("tabpanel")).to_contain_text("authentication mode is CONFIG_MAP")
    expect(page.get_by_role("tabpanel")).to_contain_text("Who made it is its administrator: arn:aws:iam::000000000000:root")
    expect(page.get_by_role("tabpanel")).not_to_contain_text("only way in")
    add = page.get_by_role("button", name="Add access entry")
    expect(add).to_have_attribute("aria-disabled", "true")
    assert violations(page) == []
    press(page, "Use access entries too")
    done(page, "Use them")
    expect(add).not_to_have_attribute("aria-disabled", "true")
    assert eks.describe_cluster(name="mapped")["cluster"]["accessConfig"]["authenticationMode"] == "API_AND_CONFIG_MAP"
    # One step at a time, and with a warning: aws-auth lets nobody in then.
    expect(row(page, "AmazonEKSClusterAdminPolicy")).to_have_count(1)
    press(page, "Use access entries alone")
    expect(dialog(page)).to_contain_text("whoever has no access entry is shut out. Its authentication mode becomes API. There is no way back to API_AND_CONFIG_MAP.")
    expect(dialog(page)).not_to_contain_text("nobody would be its administrator")
    assert violations(page) == []
    shot(page, "tabs-mode")
    dialog(page).get_by_role("button", name="Cancel").click()

    def none_left():
        for entry in eks.list_access_entries(clusterName="mapped")["accessEntries"]:
            eks.delete_access_entry(clusterName="mapped", principalArn=entry)
        return not eks.list_access_entries(clusterName="mapped")["accessEntries"]
    wait_for("no entries", none_left)
    expect(page.get_by_role("tabpanel")).to_contain_text("There are no access entries.")
    page.get_by_role("tab", name="Overview").click()
    press(page, "Use access entries alone")
    expect(dialog(page)).to_contain_text("nobody would be its administrator. Add one first.")
    done(page, "Use them alone")
    expect(page.get_by_role("tabpanel").get_by_text("API", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Use access entries alone")).to_have_count(0)
    assert eks.describe_cluster(name="mapped")["cluster"]["accessConfig"]["authenticationMode"] == "API"
    # Or it would ask for the cluster while that goes.
    page.close()
    eks.delete_cluster(name="mapped")


def test_pods_get_a_role_another_one_and_none(tab, eks, cluster):
    page = tab("podidentity")
    press(page, "Add association")
    form = dialog(page)
    form.get_by_label("Namespace").fill("shop")
    form.get_by_label("Service account").fill("app")
    form.get_by_label("Role", exact=True).fill("app")
    form.get_by_role("button", name="Add", exact=True).click()
    refused(page, tab, "app", form.get_by_label("Role", exact=True))
    form.get_by_label("Role", exact=True).fill(ROLES.format("app"))
    assert violations(page) == []
    done(page, "Add")
    expect(row(page, "shop/app")).to_contain_text(ROLES.format("app"))
    press(page, "Edit shop/app")
    expect(form.get_by_label("Role", exact=True)).to_have_value(ROLES.format("app"))
    form.get_by_label("Role", exact=True).fill(ROLES.format("other"))
    form.get_by_label("Sessions have no tags").check()
    done(page, "Change")
    expect(row(page, "shop/app")).to_contain_text(ROLES.format("other"))
    [one] = eks.list_pod_identity_associations(clusterName=cluster)["associations"]
    association = eks.describe_pod_identity_association(clusterName=cluster, associationId=one["associationId"])["association"]
    assert (association["roleArn"], association["disableSessionTags"]) == (ROLES.format("other"), True)
    assert violations(page) == []
    shot(page, "tabs-pod-identity")
    page.get_by_role("button", name="Remove shop/app").press("Enter")
    done(page, "Remove")
    expect(page.get_by_role("tabpanel")).to_contain_text("There are no pod identity associations.")
    assert eks.list_pod_identity_associations(clusterName=cluster)["associations"] == []


def test_an_association_of_an_addon_is_the_addon_s(tab, eks, cluster):
    eks.create_addon(clusterName=cluster, addonName="aws-ebs-csi-driver", podIdentityAssociations=[{"serviceAccount": "ebs-csi-controller-sa", "roleArn": ROLES.format("ebs")}])
    page = tab("podidentity")
    expect(page.get_by_role("button", name="Remove kube-system/ebs-csi-controller-sa")).to_have_attribute("title", "It belongs to addon aws-ebs-csi-driver: configure that.")


def test_an_identity_provider_is_added_and_removed(tab, eks, cluster):
    page = tab("identityproviders")
    press(page, "Add identity provider")
    form = dialog(page)
    for label, value in {"Name": "corp", "Issuer": "http://id.example.com", "Client id": "kube", "Claim with the groups": "groups", "Before each group": "corp:"}.items():
        form.get_by_label(label, exact=True).fill(value)
    form.get_by_role("button", name="Add claim").click()
    form.get_by_label("Key").fill("tenant")
    form.get_by_label("Value").fill("ours")
    assert violations(page) == []
    shot(page, "tabs-new-provider")
    form.get_by_role("button", name="Add", exact=True).click()
    refused(page, tab, "issuerUrl must begin with https://", form.get_by_label("Issuer"))
    form.get_by_label("Issuer").fill("https://id.example.com")
    done(page, "Add")
    expect(row(page, "corp")).to_contain_text("https://id.example.com")
    config = eks.describe_identity_provider_config(clusterName=cluster, identityProviderConfig={"type": "oidc", "name": "corp"})["identityProviderConfig"]["oidc"]
    assert (config["clientId"], config["groupsPrefix"], config["requiredClaims"]) == ("kube", "corp:", {"tenant": "ours"})
    assert violations(page) == []
    expect(page.get_by_role("button", name="Remove corp")).not_to_have_attribute("aria-disabled", "true")
    page.get_by_role("button", name="Remove corp").press("Enter")
    done(page, "Remove")
    expect(page.get_by_role("tabpanel")).to_contain_text("There are no identity providers.")


def test_a_fargate_profile_is_added_and_removed_and_says_what_it_is(tab, eks, cluster):
    page = tab("fargate")
    expect(page.get_by_role("tabpanel")).to_contain_text("Recorded only")
    press(page, "Add Fargate profile")
    form = dialog(page)
    expect(form).to_contain_text("Recorded only")
    form.get_by_label("Name", exact=True).fill("eks-mine")
    form.get_by_label("In namespace").fill("web")
    form.get_by_label("With labels").fill("a b c")
    form.get_by_role("button", name="Add", exact=True).click()
    expect(form.get_by_label("With labels")).to_be_focused()
    expect(form.get_by_label("With labels")).to_have_accessible_description(re.compile("a b c is no label."))
    form.get_by_label("With labels").fill("app=shop, tier=front")
    assert violations(page) == []
    form.get_by_role("button", name="Add", exact=True).click()
    refused(page, tab, "reserved prefix", form.get_by_label("Name", exact=True))
    form.get_by_label("Name", exact=True).fill("mine")
    done(page, "Add")
    expect(row(page, "mine")).to_contain_text("web app=shop tier=front")
    profile = eks.describe_fargate_profile(clusterName=cluster, fargateProfileName="mine")["fargateProfile"]
    assert profile["selectors"] == [{"namespace": "web", "labels": {"app": "shop", "tier": "front"}}]
    assert violations(page) == []
    shot(page, "tabs-fargate")
    page.get_by_role("button", name="Remove mine").press("Enter")
    done(page, "Remove")
    expect(page.get_by_role("tabpanel")).to_contain_text("There are no Fargate profiles.")


def test_the_overview_says_when_every_node_is_tainted(tab, eks, cluster):
    words = "Every node is tainted: pods without a toleration stay Pending."
    page = tab("overview")
    panel = page.get_by_role("tabpanel")
    expect(panel).to_contain_text("Authentication mode")
    expect(panel).not_to_contain_text(words)
    add_group(eks, cluster, taints=[{"key": "only", "effect": "NO_SCHEDULE"}])
    expect(panel).to_contain_text(words)
    assert violations(page) == []
    shot(page, "tabs-tainted")
    # A preference keeps no pod away.
    change = {"removeTaints": [{"key": "only", "effect": "NO_SCHEDULE"}], "addOrUpdateTaints": [{"key": "only", "effect": "PREFER_NO_SCHEDULE"}]}
    eks.update_nodegroup_config(clusterName=cluster, nodegroupName="workers", taints=change)
    expect(panel).not_to_contain_text(words)


def test_the_cluster_s_settings_are_changed(tab, eks, cluster):
    page = tab("overview")
    described = lambda: eks.describe_cluster(name=cluster)["cluster"]
    form = dialog(page)
    press(page, "Change the endpoint’s access")
    form.get_by_role("button", name="Change", exact=True).click()
    expect(form.get_by_role("alert")).to_have_text("Nothing was changed.")
    form.get_by_label("From these networks").fill("")
    form.get_by_role("button", name="Change", exact=True).click()
    expect(form.get_by_label("From these networks")).to_have_accessible_description(re.compile("0.0.0.0/0 means everywhere"))
    form.get_by_label("From these networks").fill("10.0.0.0/99")
    form.get_by_label("Private access").check()
    form.get_by_role("button", name="Change", exact=True).click()
    refused(page, tab, "10.0.0.0/99", form.get_by_label("From these networks"))
    form.get_by_label("From these networks").fill("10.0.0.0/8, 192.168.0.0/16")
    assert violations(page) == []
    done(page, "Change")
    expect(page.get_by_role("tabpanel")).to_contain_text("open to 10.0.0.0/8, 192.168.0.0/16")
    assert described()["resourcesVpcConfig"]["endpointPrivateAccess"]
    press(page, "Change the logs")
    form.get_by_label("audit").check()
    form.get_by_label("scheduler").check()
    done(page, "Change")
    expect(page.get_by_role("tabpanel")).to_contain_text("audit, scheduler")
    press(page, "Change the logs")
    expect(form.get_by_label("audit")).to_be_checked()
    form.get_by_label("scheduler").uncheck()
    done(page, "Change")
    wait_for("the logs", lambda: [one["types"] for one in described()["logging"]["clusterLogging"] if one["enabled"]] == [["audit"]])
    press(page, "Change the tags")
    form.get_by_role("button", name="Add tag").click()
    form.get_by_label("Key").fill("cost")
    form.get_by_label("Value").fill("a, b=c")
    assert violations(page) == []
    done(page, "Change")
    expect(page.get_by_role("tabpanel")).to_contain_text("a, b=c")
    assert described()["tags"] == {"cost": "a, b=c"}
    press(page, "Change the tags")
    form.get_by_role("button", name="Remove tag").click()
    done(page, "Change")
    wait_for("the tag's end", lambda: described().get("tags") in ({}, None))
    press(page, "Change the support")
    form.get_by_label("Support").select_option("STANDARD" if described()["upgradePolicy"]["supportType"] == "EXTENDED" else "EXTENDED")
    done(page, "Change")
    press(page, "Encrypt Secrets")
    done(page, "Encrypt")
    expect(page.get_by_role("button", name="Encrypt Secrets")).to_have_attribute("aria-disabled", "true")
    assert described()["encryptionConfig"][0]["resources"] == ["secrets"]
    assert violations(page) == []
    shot(page, "tabs-overview")
    # What was done is told in words.
    page.get_by_role("tab", name="Updates").click()
    panel = page.get_by_role("tabpanel")
    for words in ["Access to the endpoint", "public access cidrs 10.0.0.0/8, 192.168.0.0/16", "on: audit, scheduler; off: api, authenticator, controllerManager", "Encryption of Secrets"]:
        expect(panel).to_contain_text(words)
    expect(panel.get_by_text("Successful").first).to_be_visible()
    assert violations(page) == []
    shot(page, "tabs-updates")


def test_yaml_is_what_kubectl_has_and_can_be_applied(tab, eks, cluster, records):
    eks.create_nodegroup(clusterName=cluster, nodegroupName="workers", nodeRole=ROLES.format("n"), subnets=["subnet-1"], labels={"team": "web"},
                         scalingConfig={"minSize": 1, "desiredSize": 1, "maxSize": 2}, taints=[{"key": "only", "effect": "NO_SCHEDULE"}])
    page = tab("yaml")
    shown = page.get_by_role("region", name="The cluster and its node groups")
    expect(shown).to_contain_text("kind: Nodegroup")
    expect(page.get_by_role("tabpanel")).to_contain_text("As kubectl has them")
    press(page, "Copy the YAML")
    expect(page.locator("#said")).to_have_text("The YAML is in the clipboard.")
    text = page.evaluate("navigator.clipboard.readText()")
    with page.expect_download() as got:
        press(page, "Download the YAML")
    assert got.value.suggested_filename == f"{cluster}.yaml"
    with open(got.value.path()) as file:
        assert file.read() == text
    # It is the same as kubectl's, and applying it changes nothing.
    specs = lambda: [json.loads(kubectl("get", kind, "-n", records.namespace, name, "-o", "json"))["spec"]
                     for kind, name in [("eks", cluster), ("nodegroups", f"{cluster}-workers")]]
    before = specs()
    listed = json.loads("[" + kubectl("create", "--dry-run=client", "-o", "json", "-f", "-", stdin=text).replace("}\n{", "},{") + "]")
    assert [item["spec"] for one in listed for item in one.get("items", [one])] == before
    kubectl("apply", "-f", "-", stdin=text)
    assert specs() == before
    # So is one of its parts, changed.
    kubectl("apply", "-f", "-", stdin=text.replace("maxSize: 2", "maxSize: 4"))
    wait_for("the size", lambda: group_of(eks, cluster)["scalingConfig"]["maxSize"] == 4)
    expect(shown).to_contain_text("maxSize: 4")
    assert violations(page) == []


def test_yaml_is_edited_with_its_differences_before_anything_is_applied(tab, eks, cluster):
    add_group(eks, cluster, labels={"team": "web"}, updateConfig={"maxUnavailable": 1})
    page = tab("yaml")
    # What is shown is what can be edited, with the node groups as they are.
    now = page.get_by_role("region", name="The cluster and its node groups")
    expect(now).to_contain_text("maxSize: 2")
    eks.update_nodegroup_config(clusterName=cluster, nodegroupName="workers", scalingConfig={"minSize": 1, "desiredSize": 1, "maxSize": 3})
    expect(now).to_contain_text("maxSize: 3")
    eks.update_nodegroup_config(clusterName=cluster, nodegroupName="workers", scalingConfig={"minSize": 1, "desiredSize": 1, "maxSize": 2})
    expect(now).to_contain_text("maxSize: 2")
    page.get_by_text("The status of EKSClusterConfig").click()
    expect(page.get_by_role("region", name="The status")).to_contain_text("phase: Active")
    assert violations(page) == []
    shot(page, "tabs-yaml")
    now_text = now.text_content()
    press(page, "Edit as YAML")
    text = page.get_by_label("The cluster and its node groups, as kubectl has them")
    expect(text).to_be_focused()
    before = text.input_value()
    assert before == now_text
    press(page, "Show the changes")
    alert = page.get_by_role("tabpanel").get_by_role("alert")
    expect(alert).to_have_text("Nothing was changed.")
    text.fill(before + "colour: [blue\n")
    press(page, "Show the changes")
    expect(alert).to_contain_text("This isn't YAML:")
    assert "400" in tab.complaints.pop()
    major, minor = VERSION.split(".")
    lower = f"{major}.{int(minor) - 1}"
    group = f"Nodegroup {cluster}-workers"
    for change, why in [(("spec:", "colour: blue\nspec:"), f"EKSClusterConfig {cluster}: colour is no part of a resource."),
                        (("spec:", "spec:\n  hibernateAfter: 8h"), f"EKSClusterConfig {cluster}: spec.hibernateAfter can't be changed here. These can: kubernetesVersion, "),
                        (("nodegroupName: workers", "nodegroupName: workers\n  instanceTypes: [t3.large]"), f"{group}: spec.instanceTypes can't be changed here. These can: version, "),
                        ((f"name: {cluster}-workers", f"name: {cluster}-others"), f"Nodegroup {cluster}-others isn't one of the cluster's resources."),
                        ((f'kubernetesVersion: "{VERSION}"', f"kubernetesVersion: {lower}"), f"spec.kubernetesVersion: versions never go down, from {VERSION} to {lower}."),
                        (("maxSize: 2", "maxSize: 0"), f"{group}: desiredSize 1 must be between minSize 1 and maxSize 0.")]:
        assert change[0] in before
        text.fill(before.replace(*change, 1))
        press(page, "Show the changes")
        expect(alert).to_contain_text(why)
        expect(page.get_by_role("button", name="Apply")).to_have_count(0)
    wanted = before.replace("maxSize: 2", "maxSize: 7").replace("team: web", "team: api").replace("maxUnavailable: 1", "maxUnavailable: 2")
    wanted = wanted.replace("spec:", "spec:\n  loggingTypes: [audit]\n  tags:\n    cost: \"12\"", 1)
    text.fill(wanted)
    # What changes meanwhile, and another tab, lose none of it.
    eks.update_cluster_config(name=cluster, deletionProtection=True)
    page.get_by_role("tab", name="Events").click()
    page.get_by_role("tab", name="YAML").click()
    expect(text).to_have_value(wanted)
    press(page, "Show the changes")
    expect(page.get_by_role("heading", name="What changes")).to_be_focused()
    diff = page.get_by_role("region", name="Differences")
    removed = [one.removeprefix("-").strip() for one in diff.locator("del").all_text_contents()]
    assert sorted(removed) == ["maxSize: 2", "maxUnavailable: 1", "team: web"]
    assert "+   loggingTypes: [audit]" in diff.locator("ins").all_text_contents()
    # Of what stays, three lines around each change are shown.
    lines = diff.text_content()
    assert lines.startswith(f"⋯ 3 lines as before\n    name: {cluster}\n") and "apiVersion:" not in lines, lines
    steps = page.get_by_role("tabpanel").get_by_role("listitem")
    expect(steps).to_have_text(["UpdateClusterConfig: logs audit", "TagResource: tags of the cluster", "UpdateNodegroupConfig of workers: scaling config, labels, update config"])
    assert violations(page) == []
    shot(page, "tabs-yaml-diff")
    assert eks.describe_cluster(name=cluster)["cluster"].get("tags") in ({}, None)
    press(page, "Apply")
    expect(page.locator("#said")).to_have_text("The changes are applied.")
    expect(page.get_by_role("button", name="Edit as YAML")).to_be_focused()
    described = eks.describe_cluster(name=cluster)["cluster"]
    assert (described["tags"], described["deletionProtection"]) == ({"cost": "12"}, True)
    assert [one["types"] for one in described["logging"]["clusterLogging"] if one["enabled"]] == [["audit"]]
    group = group_of(eks, cluster)
    assert (group["scalingConfig"]["maxSize"], group["labels"], group["updateConfig"]) == (7, {"team": "api"}, {"maxUnavailable": 2})
    # What the API refuses is said, and what was applied before is no difference any more.
    press(page, "Edit as YAML")
    text.fill(text.input_value().replace("deletionProtection: true", "deletionProtection: false").replace("team: api", "team: \"no label!\""))
    press(page, "Show the changes")
    press(page, "Apply")
    expect(alert).to_contain_text("UpdateNodegroupConfig of workers: labels: ")
    assert "400" in tab.complaints.pop()
    press(page, "Show the changes")
    expect(steps).to_have_text(["UpdateNodegroupConfig of workers: labels"])
    press(page, "Cancel")
    assert not eks.describe_cluster(name=cluster)["cluster"]["deletionProtection"]


TABS = ["overview", "nodegroups", "addons", "access", "podidentity", "identityproviders", "fargate", "updates", "yaml"]


@pytest.mark.parametrize("look", [{"color_scheme": "dark"}, {"forced_colors": "active"}, {"viewport": {"width": 390, "height": 844}}], ids=["dark", "forced-colours", "phone"])
def test_every_tab_is_accessible(tab, eks, cluster, request, look):
    add_group(eks, cluster, labels={"team": "web"}, taints=[{"key": "only", "effect": "NO_SCHEDULE"}])
    eks.create_addon(clusterName=cluster, addonName="coredns", configurationValues='{"replicaCount": 3}')
    eks.create_access_entry(clusterName=cluster, principalArn=ROLES.format("dev"), kubernetesGroups=["viewers"])
    eks.create_pod_identity_association(clusterName=cluster, namespace="shop", serviceAccount="app", roleArn=ROLES.format("app"))
    eks.create_fargate_profile(clusterName=cluster, fargateProfileName="mine", podExecutionRoleArn=ROLES.format("f"), selectors=[{"namespace": "web"}])
    eks.associate_identity_provider_config(clusterName=cluster, oidc={"identityProviderConfigName": "corp", "issuerUrl": "https://id.example.com", "clientId": "kube"})
    page = tab("overview", **look)
    opens = {"nodegroups": ["Add node group", "Edit workers"], "addons": ["Add addon", "Configure coredns"], "access": ["Add access entry"], "podidentity": ["Add association"],
             "identityproviders": ["Add identity provider"], "overview": ["Change the endpoint’s access", "Change the tags"]}
    for name in TABS:
        page.locator(f"#tab-{name}").click()
        expect(page.locator(f"#tab-{name}")).to_have_attribute("aria-selected", "true")
        if name == "yaml":
            expect(page.get_by_role("region", name="The cluster and its node groups")).to_contain_text("nodegroupName: workers")
            page.get_by_text("The status of EKSClusterConfig").click()
        shot(page, f"tabs-{name}-{request.node.callspec.id}")
        assert violations(page) == [], name
        # Nothing is wider than the window: tables scroll by themselves.
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        for button in opens.get(name, []):
            # By the keyboard, there and back.
            page.get_by_role("button", name=button).press("Enter")
            expect(dialog(page)).to_be_visible()
            assert violations(page) == [], button
            assert dialog(page).evaluate("dialog => dialog.scrollWidth <= dialog.clientWidth"), button
            page.keyboard.press("Escape")
            expect(page.get_by_role("button", name=button)).to_be_focused()


def test_tabs_are_one_row_that_scrolls_sideways_on_a_phone(tab):
    page = tab("overview", viewport={"width": 390, "height": 844})
    tabs = page.get_by_role("tablist")
    first, last = [tabs.get_by_role("tab").nth(number) for number in (0, -1)]
    assert tabs.bounding_box()["height"] < 1.8 * first.bounding_box()["height"]
    inside = lambda one: 0 <= one.bounding_box()["x"] and one.bounding_box()["x"] + one.bounding_box()["width"] <= 390
    assert inside(first) and not inside(last)
    # The arrows go through all of them, and what is open is in sight, also after a reload.
    first.press("ArrowLeft")
    expect(last).to_be_focused()
    expect(last).to_have_attribute("aria-selected", "true")
    wait_for("the last tab", lambda: inside(last))
    page.reload()
    expect(last).to_have_attribute("aria-selected", "true")
    wait_for("the last tab", lambda: inside(last))
    assert page.evaluate("scrollY") == 0
    # Of the whole page it would be of another window, scrolled otherwise.
    page.screenshot(path=SHOTS / "tabs-phone-row.png")
    assert violations(page) == []
    last.press("ArrowRight")
    expect(first).to_be_focused()
    wait_for("the first tab", lambda: inside(first))


@pytest.mark.parametrize("width", [1280, 1024, 700])
def test_no_tab_is_cut_off(tab, width):
    page = tab("overview", viewport={"width": width, "height": 800})
    tabs = page.get_by_role("tablist")
    all_of_it = tabs.get_by_role("tab")
    expect(all_of_it).to_have_count(14)
    assert tabs.evaluate("list => list.scrollWidth <= list.clientWidth")
    for one in all_of_it.all():
        box, row = one.bounding_box(), tabs.bounding_box()
        assert row["x"] <= box["x"] and box["x"] + box["width"] <= row["x"] + row["width"], one.text_content()
        # The pointer reaches it, and so do the arrows.
        one.click()
        expect(one).to_have_attribute("aria-selected", "true")
    assert violations(page) == []
    page.screenshot(path=SHOTS / f"tabs-{width}.png")
    all_of_it.last.press("Home")
    for number in range(1, 14):
        page.keyboard.press("ArrowRight")
        expect(all_of_it.nth(number)).to_be_focused()
        expect(all_of_it.nth(number)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowRight")
    expect(all_of_it.first).to_be_focused()


def test_where_the_api_is_strict_changes_are_the_signed_in_user_s(strict, eks, cluster, open_page):
    endpoint, key, secret = strict
    page = open_page(endpoint)
    expect(page.locator("#live")).to_have_text("sign in to see the clusters")
    open_page.complaints.clear()
    page.get_by_role("button", name="Sign in").click()
    answer(page, "Sign in", Access_key_id=key, Secret_access_key=secret)
    expect(page.locator("#live")).to_have_text("live")
    page.goto(f"{endpoint}/_k3eks/#/clusters/000000000000/us-east-1/{cluster}/nodegroups")
    press(page, "Add node group")
    dialog(page).get_by_label("Name", exact=True).fill("signed")
    dialog(page).get_by_role("button", name="Add tag")
    done(page, "Add")
    expect(row(page, "signed").locator(".phase")).to_have_text("Active")
    press(page, "Edit signed")
    dialog(page).get_by_role("button", name="Add tag").click()
    rows_in(page, "Tags").get_by_label("Key").fill("a/b c")
    done(page, "Change")
    wait_for("the tag", lambda: group_of(eks, cluster, "signed")["tags"] == {"a/b c": ""})
    press(page, "Edit signed")
    dialog(page).get_by_role("button", name="Remove tag").click()
    done(page, "Change")
    wait_for("the tag's end", lambda: group_of(eks, cluster, "signed").get("tags") in ({}, None))
    page.get_by_role("tab", name="Addons").click()
    press(page, "Add addon")
    dialog(page).get_by_label("Addon").select_option("coredns")
    expect(dialog(page).get_by_role("region", name="Configuration schema")).to_contain_text("object")
    dialog(page).get_by_role("button", name="Cancel").click()
    page.get_by_role("tab", name="EKS API calls").click()
    expect(page.get_by_role("tabpanel")).to_contain_text("CreateNodegroup")


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)], ids=["desktop", "phone"])
def test_a_long_form_keeps_its_buttons_and_refusals_in_sight(tab, eks, cluster, size):
    add_group(eks, cluster, labels={f"label-{number}": "x" for number in range(12)}, taints=[{"key": "only", "effect": "PREFER_NO_SCHEDULE"}])
    page = tab("nodegroups", viewport={"width": size[0], "height": size[1]})
    press(page, "Edit workers")
    form = dialog(page)
    change = form.get_by_role("button", name="Change", exact=True)
    inside = lambda element: element.bounding_box()["y"] >= 0 and element.bounding_box()["y"] + element.bounding_box()["height"] <= size[1]
    assert inside(change) and form.evaluate("dialog => dialog.scrollTop") == 0
    # What has the focus isn't under them.
    below = lambda: change.bounding_box()["y"]
    for _ in range(20):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if focused.evaluate("one => !one.closest('dialog .row')"):
            assert focused.bounding_box()["y"] + focused.bounding_box()["height"] <= below(), focused.evaluate("one => one.outerHTML")
    form.evaluate("dialog => dialog.scrollTo(0, 0)")
    change.click()
    refused(page, tab, "No changes needed for the node group config provided")
    wait_for("the refusal in sight", lambda: form.get_by_role("alert").bounding_box()["y"] + 10 < below())
    assert violations(page) == []


def test_a_dialog_cuts_no_choice_off(tab, eks, cluster):
    add_group(eks, cluster)
    eks.create_addon(clusterName=cluster, addonName="coredns")
    for name, button, add in [("addons", "Configure coredns", None), ("nodegroups", "Add node group", "Add taint"), ("nodegroups", "Edit workers", "Add taint"),
                              ("access", "Add access entry", "Add policy"), ("overview", "Change the support", None)]:
        page = tab(name, viewport={"width": 1280, "height": 800})
        press(page, button)
        expect(dialog(page)).to_be_visible()
        if add:
            dialog(page).get_by_role("button", name=add).click()
        assert cut_choices(dialog(page)) == [], button
        page.close()
