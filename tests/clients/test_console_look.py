"""How the page looks where there is much to show, and what its buttons and fields say of themselves."""
import json
import re

from conftest import VERSION, wait_for
from playwright.sync_api import expect
from test_console import SHOTS, answered, chromium, dialog, kubectl, open_page, pod, shot, unattended, violations  # noqa: F401


def test_pods_stand_in_short_rows_and_a_log_opens_in_sight(unattended, open_page):
    unattended.cluster("shop", phase="Active", endpoint="https://127.0.0.1:1")
    page = open_page(unattended.endpoint, viewport={"width": 1280, "height": 800})
    node = "k3d-shop-with-a-long-name-workers-0123456789-agent-0"
    pods = [pod(f"payments-worker-{number:02}-7d9f8b6c54-x{number:04}", "Running", {"containerStatuses": [{"name": "main", "ready": True, "restartCount": 0, "state": {"running": {}}}]})
            for number in range(30)]
    waiting = {"reason": "ImagePullBackOff", "message": "Back-off pulling image \"registry.example.com/a/very/long/name\": " + "not found, " * 20}
    pods[3]["status"] = {"phase": "Pending", "containerStatuses": [{"name": "main", "ready": False, "restartCount": 0, "state": {"waiting": waiting}}]}
    for one in pods:
        one["spec"]["nodeName"] = node
    answered(page, "shop", pods=pods, namespaces=[{"metadata": {"name": "web"}}], log=[f"line {number}\n" for number in range(500)])
    page.goto(f"{unattended.endpoint}/_k3eks/#/clusters/000000000000/us-east-1/shop/workloads")
    rows = page.get_by_role("table", name="Pods").locator("tbody tr")
    expect(rows).to_have_count(30)
    # Two lines of 22 pixels and the cell's own padding; a third where a pod says why it doesn't run.
    heights = rows.evaluate_all("rows => rows.map((row) => row.offsetHeight)")
    assert max(heights[:3] + heights[4:]) <= 60 and heights[3] <= 82, heights
    width = lambda name: page.get_by_role("columnheader", name=name, exact=True).bounding_box()["width"]
    assert width("Node") > 120 and width("Pod") > 150 and width("State") < 260
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for text in [node, "payments-worker-00-7d9f8b6c54-x0000", waiting["message"]]:
        expect(rows.get_by_text(text).first).to_have_attribute("title", text)
    assert violations(page) == []
    shot(page, "pods-many")
    page.get_by_role("button", name="Log of payments-worker-00").click()
    lines = page.get_by_role("region", name="Lines of payments-worker-00")
    expect(lines).to_contain_text("line 499")
    expect(page.get_by_role("heading", name="Log of web/payments-worker-00")).to_be_focused()
    inside = lambda box: 0 <= box["y"] and box["y"] + box["height"] <= 800
    wait_for("the log in sight", lambda: inside(lines.bounding_box()) and inside(page.get_by_role("heading", name="Log of").bounding_box()))
    page.screenshot(path=SHOTS / "log-in-sight.png")
    page.get_by_role("button", name="Close the log").click()
    button = page.get_by_role("button", name="Log of payments-worker-00")
    expect(button).to_be_focused()
    wait_for("the button in sight", lambda: inside(button.bounding_box()))


def test_a_namespace_that_can_be_none_is_told_in_words(unattended, open_page):
    unattended.cluster("shop", phase="Active", endpoint="https://127.0.0.1:1")
    page = open_page(unattended.endpoint)
    answered(page, "shop", rights={"user": {"name": "one", "groups": []}, "may": {"pods": True}})
    page.goto(f"{unattended.endpoint}/_k3eks/#/clusters/000000000000/us-east-1/shop/workloads")
    field = page.get_by_role("tabpanel").get_by_label("Namespace")
    field.fill("My Team")
    field.press("Enter")
    expect(field).to_be_focused()
    expect(field).to_have_accessible_description(re.compile("^Lowercase letters, digits and -.*Example: my-team.$"))
    assert violations(page) == []
    field.fill("my-team")
    expect(field).not_to_have_attribute("aria-invalid", "true")
    field.press("Enter")
    expect(page.get_by_role("tabpanel")).to_contain_text("There are no pods here.")


def test_the_bar_of_a_rollout_is_full_when_it_is_over(unattended, open_page):
    unattended.cluster("shop", phase="Active", endpoint="https://127.0.0.1:1")
    page = open_page(unattended.endpoint)
    deployment = lambda name, **status: {"metadata": {"name": name, "namespace": "web", "creationTimestamp": "2026-01-01T00:00:00Z"}, "spec": {"replicas": 4}, "status": status}
    rights = {"user": {"name": "kubernetes-admin", "groups": []}, "may": {kind: True for kind in ["deployments", "statefulsets", "daemonsets"]}}

    def updates(name, strategy, **status):
        one = deployment(name, **status)
        one["spec"]["updateStrategy"] = strategy
        return one
    partly = {"type": "RollingUpdate", "rollingUpdate": {"partition": 3}}
    sets = [updates("partly", partly, readyReplicas=4, updatedReplicas=1), updates("behind", partly, readyReplicas=4, updatedReplicas=0),
            updates("by-hand", {"type": "OnDelete"}, readyReplicas=4, updatedReplicas=0)]
    answered(page, "shop", rights, deployments=[deployment("rolls", readyReplicas=4, updatedReplicas=1), deployment("stands", readyReplicas=4, updatedReplicas=4)], statefulsets=sets)
    page.goto(f"{unattended.endpoint}/_k3eks/#/clusters/000000000000/us-east-1/shop/workloads")
    page.get_by_role("button", name="Controllers", exact=True).click()
    for name, part in [("rolls", 0.9), ("stands", 1), ("partly", 1), ("behind", 0.9), ("by-hand", 1)]:
        assert page.get_by_role("row").filter(has_text=name).get_by_role("progressbar").evaluate("bar => bar.position") == part, name


def test_the_audit_log_hides_what_the_page_asks_by_itself(unattended, open_page):
    unattended.cluster("shop", phase="Active", endpoint="https://127.0.0.1:1", spec={"loggingTypes": ["audit"]})
    page = open_page(unattended.endpoint)
    event = lambda number, agent, uri: json.dumps({"auditID": str(number), "stage": "ResponseComplete", "verb": "list", "requestURI": uri, "userAgent": agent, "user": {"username": "ann"},
                                                   "stageTimestamp": "2026-01-01T00:00:00Z", "responseStatus": {"code": 200}}) + "\n"
    lines = [event(1, "k3eks-console", "/api/v1/pods?limit=500"), event(2, "kubectl/v1.36.0 (linux/amd64)", "/api/v1/secrets"),
             event(3, "kubectl/v1.36.0 (linux/amd64)", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")]
    answered(page, "shop", {"user": {"name": "ann", "groups": []}, "may": {"audit": True}}, audit=lines)
    page.goto(f"{unattended.endpoint}/_k3eks/#/clusters/000000000000/us-east-1/shop/logs")
    rows = page.get_by_role("table", name="Audit log").locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.filter(has_text="/api/v1/pods")).to_have_count(0)
    assert violations(page) == []
    page.get_by_label("Show this page’s own requests").check()
    expect(rows).to_have_count(3)
    expect(rows.filter(has_text="/api/v1/pods")).to_have_count(1)


def test_a_button_that_does_nothing_now_says_why(unattended, open_page):
    unattended.cluster("goes", "Deleting")
    unattended.cluster("theirs", "Active", spec={"imported": True})
    page = open_page(unattended.endpoint, path="#/clusters/000000000000/us-east-1/goes")
    bar = page.locator("#detail .bar")
    names = ["Copy kubeconfig", "Download kubeconfig", "Upgrade", "Stop", "Delete"]
    for name, why in zip(names, 2 * ["The cluster has no endpoint yet."] + 3 * ["The cluster is being deleted."]):
        button = bar.get_by_role("button", name=name)
        expect(button).to_have_attribute("title", why)
        expect(button).to_have_accessible_description(why)
        button.press("Enter")
        expect(page.locator("#said")).to_have_text(why)
        expect(dialog(page)).to_be_hidden()
    assert violations(page) == []
    # Nor is there one anywhere that says nothing.
    for tab in page.get_by_role("tab").all():
        tab.click()
        expect(tab).to_have_attribute("aria-selected", "true")
        silent = page.locator("#detail button:is(:disabled, [aria-disabled=true]):not([title])")
        assert silent.all_text_contents() == [], tab.text_content()
    page.goto(f"{unattended.endpoint}/_k3eks/#/clusters/000000000000/us-east-1/theirs")
    expect(bar.get_by_role("button", name="Stop")).to_have_accessible_description("The cluster is imported: nothing is changed in it.")


def test_a_node_tells_all_of_itself_and_which_pods_it_has(unattended, open_page):
    unattended.cluster("shop", phase="Active", endpoint="https://127.0.0.1:1")
    page = open_page(unattended.endpoint)
    time = "2026-01-01T00:00:00Z"
    condition = lambda kind, status, message: {"type": kind, "status": status, "reason": f"Kubelet{kind}", "message": message, "lastTransitionTime": time}
    node = lambda name: {
        "metadata": {"name": name, "creationTimestamp": time, "labels": {"eks.amazonaws.com/nodegroup": "workers", "team": "web"}},
        "spec": {"providerID": "aws:///us-east-1a/i-0123", "taints": [{"key": "only", "value": "web", "effect": "NoSchedule"}]},
        "status": {"nodeInfo": {"osImage": "K3s", "kernelVersion": "6.1", "architecture": "amd64", "kubeletVersion": "v1.36.0", "containerRuntimeVersion": "containerd://2"},
                   "capacity": {"cpu": "2", "memory": "4194304Ki", "pods": "110"}, "allocatable": {"cpu": "1900m", "memory": "3145728Ki", "pods": "110"},
                   "conditions": [condition("Ready", "True", "it is"), condition("DiskPressure", "True", "the disk is full")],
                   "addresses": [{"type": "InternalIP", "address": "10.0.0.7"}, {"type": "Hostname", "address": name}]}}
    rights = {"user": {"name": "ann", "groups": []}, "may": {"nodes": True, "pods": True}}
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    answered(page, "shop", rights, nodes=[node("first"), node("second")], pods=[pod("mine", "Running")])
    page.goto(f"{unattended.endpoint}/_k3eks/#/clusters/000000000000/us-east-1/shop/nodes")
    button = page.get_by_role("button", name="first", exact=True)
    button.press("Enter")
    details = page.get_by_role("region", name="Node first", exact=True)
    expect(details.get_by_role("heading", name="Node first")).to_be_focused()
    expect(button).to_have_attribute("aria-expanded", "true")
    for said in ["aws:///us-east-1a/i-0123", "kernel 6.1", "team=web", "only=web:NoSchedule", "InternalIP 10.0.0.7", "the disk is full"]:
        expect(details).to_contain_text(said)
    row = lambda table, text: details.get_by_role("table", name=table).get_by_role("row").filter(has_text=text)
    expect(row("Capacity of first", "memory")).to_contain_text("4.0 GiB")
    expect(row("Capacity of first", "cpu")).to_contain_text("1.9 cores")
    expect(row("Conditions of first", "DiskPressure").locator(".phase")).to_have_class("phase Failed")
    expect(row("Conditions of first", "Ready").locator(".phase")).to_have_class("phase Active")
    expect(row("Pods of first", "mine")).to_contain_text("Running")
    assert any(url.endswith("/child/objects/pods?node=first") for url in asked)
    assert violations(page) == []
    shot(page, "node-details")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(page) == []
    details.get_by_role("button", name="Close the details").click()
    expect(button).to_be_focused()
    expect(details).to_have_count(0)
    # What goes while somebody reads stays to be read.
    page.get_by_role("button", name="second", exact=True).click()
    answered(page, "shop", rights, nodes=[node("first")])
    gone = page.get_by_role("region", name="Node second", exact=True)
    expect(gone).to_contain_text("This node is gone.")
    gone.get_by_role("button", name="Close the details").click()
    expect(page.get_by_role("tab", name="Nodes", exact=True)).to_be_focused()


def test_a_protected_cluster_says_how_it_can_be_deleted(unattended, open_page):
    unattended.cluster("kept", "Active", spec={"deletionProtection": True})
    page = open_page(unattended.endpoint, path="#/clusters/000000000000/us-east-1/kept")
    button = page.locator("#detail .bar").get_by_role("button", name="Delete", exact=True)
    why = "Deletion protection is on. Turn it off on the Overview, then delete the cluster."
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(button).to_have_accessible_description(why)
    button.press("Enter")
    expect(page.locator("#said")).to_have_text(why)
    expect(dialog(page)).to_be_hidden()
    assert violations(page) == []
    page.get_by_role("button", name="Turn deletion protection off").click()
    dialog(page).get_by_role("button", name="Turn off").click()
    expect(button).not_to_have_attribute("aria-disabled", "true")
    button.click()
    expect(dialog(page).get_by_label("Name")).to_be_visible()


def test_a_record_is_told_from_a_cluster_that_runs(unattended, open_page):
    unattended.cluster("runs", "Active", endpoint="https://127.0.0.1:1", provider="k3d")
    unattended.cluster("kept", "Active", endpoint="https://127.0.0.1:1", provider="metadata")
    unattended.cluster("begun", spec={"provider": "metadata"})
    page = open_page(unattended.endpoint)
    expect(page.locator("#rows tr").filter(has_text="record only").locator(".name")).to_have_text(["begun", "kept"])
    assert violations(page) == []
    page.locator("#search").fill("record only")
    expect(page.locator("#count")).to_have_text("2 of 3 clusters")
    shot(page, "list-records")
    page.get_by_role("link", name="kept").click()
    detail = page.locator("#detail")
    expect(detail.locator(".says").first).to_contain_text("record only: nothing runs.")
    why = "The cluster is a record only: nothing runs, so it has no kubeconfig."
    for name in ["Copy kubeconfig", "Download kubeconfig"]:
        expect(detail.get_by_role("button", name=name)).to_have_attribute("aria-disabled", "true")
        expect(detail.get_by_role("button", name=name)).to_have_attribute("title", why)
    assert violations(page) == []
    page.get_by_role("link", name="All clusters").click()
    page.locator("#search").fill("")
    page.get_by_role("link", name="runs").click()
    expect(detail.get_by_role("button", name="Copy kubeconfig")).not_to_have_attribute("aria-disabled", "true")
    expect(detail).not_to_contain_text("record only:")


def test_insights_are_in_order_and_are_read_again_after_an_upgrade(unattended, open_page):
    unattended.cluster("shop", "Active", endpoint="https://127.0.0.1:1", version="1.35")
    page = open_page(unattended.endpoint)
    told = {"next": "1.36", "reason": "first", "asked": 0}
    statuses = {"alpha": "PASSING", "beta": "ERROR", "gamma": "UNKNOWN", "delta": "WARNING"}

    def insights(route):
        route.fulfill(json={"insights": [{"id": name, "name": name, "kubernetesVersion": told["next"], "lastRefreshTime": 1767225600,
                                          "insightStatus": {"status": status, "reason": told["reason"]}} for name, status in statuses.items()]})

    def refresh(route):
        if route.request.method == "POST":
            told.update(asked=told["asked"] + 1, reason=f"look {told['asked'] + 2}", next=f"1.{int(unattended.spec('shop')['status']['version'][2:]) + 1}")
        route.fulfill(json={"status": "COMPLETED", "message": "The refresh is complete"})
    page.route(re.compile("/clusters/shop/insights$"), insights)
    page.route(re.compile("/clusters/shop/insights-refresh$"), refresh)
    page.goto(f"{unattended.endpoint}/_k3eks/#/clusters/000000000000/us-east-1/shop")
    table = page.get_by_role("table", name="Insights")
    expect(table.locator("tbody tr td:first-child")).to_have_text(["beta", "delta", "gamma", "alpha"])
    expect(table).to_contain_text("first")
    assert violations(page) == []
    button = page.get_by_role("button", name="Refresh the insights")
    button.press("Enter")
    expect(table).to_contain_text("look 2")
    expect(button).to_be_focused()
    assert told["asked"] == 1
    # Those of before an upgrade are about the version that runs now: the operator is asked to look again, once.
    unattended.tell("shop", version="1.36")
    expect(table).to_contain_text("1.37")
    expect(table).to_contain_text("look 3")
    expect(table).not_to_contain_text("1.36")
    assert told["asked"] == 2
    shot(page, "insights")
    unattended.tell("shop", phase="Stopped")
    expect(button).to_have_attribute("title", "Insights are looked for while the cluster runs.")


def test_a_failure_that_was_mended_is_told_as_one_of_the_past(unattended, open_page):
    ready = lambda status: [{"type": "Ready", "status": status, "reason": "Told", "message": "ready", "lastTransitionTime": "2026-01-01T00:00:00Z"}]
    unattended.cluster("shop", "Failed", conditions=ready("False"))
    for name, more in [("of-cluster", {}), ("of-group", {"nodegroupName": "gone"})]:
        update = {"apiVersion": "k3eks.io/v1alpha1", "kind": "Update", "metadata": {"name": name, "namespace": unattended.namespace},
                  "spec": {"clusterName": "shop", "type": "VersionUpdate", "params": [{"type": "Version", "value": VERSION}], "generation": 1, **more}}
        kubectl("apply", "-f", "-", stdin=json.dumps(update))
        failed = {"status": {"state": "Failed", "errors": [{"code": "OperationNotPermitted", "message": "no such image"}]}}
        kubectl("patch", "updates.k3eks.io", name, "-n", unattended.namespace, "--subresource=status", "--type=merge", "-p", json.dumps(failed))
    page = open_page(unattended.endpoint, path="#/clusters/000000000000/us-east-1/shop/updates")
    row = lambda name: page.get_by_role("table", name="Updates").get_by_role("row").filter(has_text=name)
    expect(row("of-group")).to_contain_text("The failure is past: node group gone is gone.")
    expect(row("of-cluster").locator(".wrong")).to_have_text("no such image")
    expect(row("of-cluster").locator(".phase.Failed")).to_have_count(1)
    expect(row("of-cluster")).not_to_contain_text("past")
    unattended.tell("shop", phase="Active", conditions=ready("True"))
    expect(row("of-cluster")).to_contain_text("The failure is past: the cluster is ready now.")
    # What happened stays told.
    for said in ["Failed", "no such image"]:
        expect(row("of-cluster")).to_contain_text(said)
    expect(row("of-cluster").locator(".wrong, .phase.Failed")).to_have_count(0)
    assert violations(page) == []
    shot(page, "updates-past")


def test_the_head_of_the_list_is_one_line(unattended, open_page):
    unattended.cluster("works", "Active")
    page = open_page(unattended.endpoint, viewport={"width": 1280, "height": 800})
    expect(page.locator("#count")).to_have_text("1 cluster")
    assert page.locator("#head").bounding_box()["height"] < 40
    starts = lambda element: element.evaluate("one => { const range = document.createRange(); range.selectNodeContents(one); return range.getBoundingClientRect().x }")
    for column, text in [("Namespace", unattended.namespace), ("Region", "us-east-1")]:
        head = starts(page.get_by_role("button", name=column, exact=True))
        assert abs(head - starts(page.locator("#rows").get_by_text(text, exact=True))) < 2, column
    # Whoever sorts sees by what.
    page.get_by_role("button", name="Namespace").click()
    expect(page.get_by_role("columnheader", name="Namespace")).to_have_attribute("aria-sort", "ascending")
    assert page.get_by_role("button", name="Namespace").evaluate("button => getComputedStyle(button, '::after').content") == '"↑"'
