"""The page at /_k3eks/ in a real Chromium. Screenshots are kept in .k3eks/screenshots."""
import datetime
import http.server
import gzip
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

import axe_playwright_python
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from conftest import AWS, VERSION, boto, free_port, healthy, wait_for
from playwright.sync_api import expect, sync_playwright

SHOTS = pathlib.Path(__file__).parents[2] / ".k3eks" / "screenshots"
AXE = (pathlib.Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
ROLE = "arn:aws:iam::000000000000:role/r"


@pytest.fixture(scope="module")
def chromium():
    expect.set_options(timeout=30_000)
    path = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--host-resolver-rules=MAP k3eks.test 127.0.0.1"])
        yield browser
        browser.close()


class Complaints(list):
    """What pages said on their consoles."""
    page = None

    def pop(self):
        """The last one. It may still be on its way."""
        end = time.monotonic() + 10
        while not self and time.monotonic() < end:
            # Meanwhile the browser's events arrive.
            self.page.wait_for_timeout(50)
        return super().pop()


@pytest.fixture
def open_page(chromium):
    """Opens the page at an endpoint; fails if it said anything on its console or asked anybody else."""
    contexts, complaints, forgiven = [], Complaints(), set()

    def open_page(endpoint, path="", **options):
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        if "127.0.0.1" in endpoint:
            context.grant_permissions(["clipboard-read", "clipboard-write"], origin=endpoint)
        context.set_default_timeout(30_000)
        page = complaints.page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith((endpoint, "data:", "blob:")) else complaints.append(request.url))
        page.goto(f"{endpoint}/_k3eks/{path}")
        contexts.append(context)
        return page
    open_page.complaints, open_page.forgiven = complaints, forgiven
    yield open_page
    for context in contexts:
        context.close()
    assert [said for said in complaints if not any(f"status of {status}" in said for status in forgiven)] == []


def shot(page, name):
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png", full_page=True)


def fill(page, **fields):
    for label, value in fields.items():
        page.get_by_role("dialog").get_by_label(label.replace("_", " ")).fill(value)


def violations(page):
    """What axe-core finds wrong with what is shown, by rule, with the elements."""
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    return [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found]


def cut_choices(within):
    """The choices that are wider than their select."""
    return within.locator("select").evaluate_all("""selects => selects.flatMap((select) => {
      const style = getComputedStyle(select);
      const pen = document.createElement('canvas').getContext('2d');
      pen.font = style.font;
      // The arrow takes twenty pixels.
      const room = select.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight) - 20;
      return [...select.options].map((option) => option.text).filter((text) => pen.measureText(text).width > room);
    })""")


def forgive(open_page, status):
    """Who looks at a cluster while it goes may ask for it once more, and hear of it after the test's last line."""
    open_page.forgiven.add(status)
    open_page.complaints[:] = [said for said in open_page.complaints if f"status of {status}" not in said]


def row_of(page, name):
    return page.locator("#rows tr").filter(has=page.get_by_role("link", name=name, exact=True))


def dialog(page):
    return page.get_by_role("dialog")


def answer(page, verb, **fields):
    """Fills the dialog in and presses its button."""
    fill(page, **fields)
    dialog(page).get_by_role("button", name=verb, exact=True).click()


def kubectl(*arguments, stdin=None):
    env = {**os.environ, "KUBECONFIG": os.environ["K3EKS_E2E_BARE_KUBECONFIG"]}
    done = subprocess.run(["kubectl", *arguments], input=stdin, env=env, capture_output=True, text=True)
    assert done.returncode == 0, (arguments, done.stderr)
    return done.stdout


class Unattended:
    """An API without an operator: a cluster's status is what the test says."""

    def __init__(self, endpoint, namespace):
        self.endpoint, self.namespace = endpoint, namespace

    def cluster(self, name, phase=None, nodes=(0, 0), spec=None, **status):
        resource = {"apiVersion": "eks.cattle.io/v1", "kind": "EKSClusterConfig", "metadata": {"name": name, "namespace": self.namespace}, "spec": spec or {}}
        kubectl("apply", "-f", "-", stdin=json.dumps(resource))
        self.tell(name, phase=phase, nodes={"ready": nodes[0], "desired": nodes[1]}, **status)

    def tell(self, name, **status):
        kubectl("patch", "eks", name, "-n", self.namespace, "--subresource=status", "--type=merge", "-p", json.dumps({"status": status}))

    def kubeconfig(self, name, server):
        config = {"apiVersion": "v1", "kind": "Config", "current-context": "c", "clusters": [{"name": "c", "cluster": {"server": server}}],
                  "users": [{"name": "u", "user": {"token": "t"}}], "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}
        owner = {"apiVersion": "eks.cattle.io/v1", "kind": "EKSClusterConfig", "name": name, "uid": self.spec(name)["metadata"]["uid"]}
        kubectl("apply", "-f", "-", stdin=json.dumps({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": f"{name}-kubeconfig", "namespace": self.namespace, "ownerReferences": [owner]},
            "stringData": {"value": json.dumps(config)}}))

    def spec(self, name):
        return json.loads(kubectl("get", "eks", name, "-n", self.namespace, "-o", "json"))


@pytest.fixture
def unattended():
    namespace = f"unattended-{os.urandom(3).hex()}"
    kubectl("create", "namespace", namespace)
    endpoint = f"http://127.0.0.1:{free_port()}"
    command = ["api", "--listen", endpoint.removeprefix("http://"), "--namespace", namespace, "--watch-namespace", namespace]
    env = {**os.environ, "KUBECONFIG": os.environ["K3EKS_E2E_BARE_KUBECONFIG"]}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen([os.environ["K3EKS_BINARY"], *command], env=env, stdout=log, stderr=log)
        wait_for("the API", lambda: healthy(endpoint))
        yield Unattended(endpoint, namespace)
        process.terminate()
        process.wait()
    kubectl("delete", "namespace", namespace, "--wait=false")


@pytest.fixture
def nothing(records):
    """The endpoint of `records` without any cluster, before and after."""
    def clear():
        kubectl("delete", "eks", "-n", records.namespace, "--all", "--timeout=60s")
    clear()
    yield records
    clear()


def test_a_real_cluster_is_made_scaled_stopped_and_deleted_by_clicking(real, open_page):
    page = open_page(real)
    expect(page.locator("#live")).to_have_text("live")
    page.get_by_role("link", name="Create cluster").click()
    page.get_by_label("Name", exact=True).fill("Clicked_1")
    page.get_by_role("button", name="Create cluster").click()
    # It leads to the new cluster.
    detail = page.locator("#detail")
    expect(detail.get_by_role("heading", name="Clicked_1")).to_be_focused()
    expect(detail.locator(".phase").first).to_have_text("Active", timeout=120_000)

    page.get_by_role("tab", name="Node groups").click()
    detail.get_by_role("button", name="Add node group").click()
    answer(page, "Add", Name="workers", Desired_size="1")
    group = detail.get_by_role("row").filter(has_text="workers")
    expect(group.locator(".phase")).to_have_text("Active", timeout=120_000)
    detail.get_by_role("button", name="Scale workers").click()
    answer(page, "Scale", Nodes="2")
    expect(group).to_contain_text("2/2", timeout=120_000)
    detail.get_by_role("tab", name="Nodes", exact=True).click()
    expect(detail.get_by_role("row").filter(has_text="workers")).to_have_count(2)
    detail.get_by_role("tab", name="Events").click()
    expect(detail).to_contain_text("Active: ready")
    detail.get_by_role("tab", name="Updates").click()
    expect(detail).to_contain_text("Successful", timeout=60_000)
    shot(page, "cluster")

    detail.get_by_role("button", name="Copy kubeconfig").click()
    expect(page.locator("#said")).to_contain_text("in the clipboard. It carries an administrator’s rights")
    assert "client-key-data" in page.evaluate("navigator.clipboard.readText()")
    detail.get_by_role("button", name="Stop", exact=True).click()
    answer(page, "Stop")
    expect(detail.locator(".phase").first).to_have_text("Stopped", timeout=60_000)
    # The tab that is open had asked a server that was about to end.
    forgive(open_page, 503)
    detail.get_by_role("button", name="Start", exact=True).click()
    answer(page, "Start")
    expect(detail.locator(".phase").first).to_have_text("Active", timeout=60_000)
    forgive(open_page, 503)

    detail.get_by_role("button", name="Delete", exact=True).click()
    answer(page, "Delete", Name="another")
    expect(dialog(page)).to_contain_text("That isn't Clicked_1.")
    answer(page, "Delete", Name="Clicked_1")
    # Whoever looked at it is led back.
    expect(page.get_by_role("heading", name="Clusters")).to_be_visible(timeout=60_000)
    expect(row_of(page, "Clicked_1")).to_have_count(0)
    forgive(open_page, "404")
    left = subprocess.run(["docker", "ps", "-aq", "--filter", "label=k3eks.io/cluster", "--filter", "name=clicked-1"], capture_output=True, text=True).stdout
    assert left == ""


def test_it_says_what_is_empty_finds_and_obeys_the_keyboard(nothing, open_page):
    page = open_page(nothing, color_scheme="dark")
    eks = boto(nothing)
    expect(page.locator("#empty")).to_contain_text("There are no clusters yet")
    shot(page, "empty-dark")
    for name in ["alpha", "beta"]:
        eks.create_cluster(name=name, roleArn=ROLE, resourcesVpcConfig={})
    expect(page.locator("#rows tr")).to_have_count(2)
    page.keyboard.press("/")
    page.keyboard.type("bet")
    expect(page.locator("#count")).to_have_text("1 of 2 clusters")
    page.keyboard.type("nothing")
    expect(page.locator("#empty")).to_contain_text("No cluster matches “betnothing”.")
    assert violations(page) == []
    shot(page, "nothing-found-dark")
    page.get_by_role("button", name="Clear the search").click()
    expect(page.locator("#search")).to_be_focused()
    expect(page.locator("#rows tr")).to_have_count(2)
    page.get_by_role("link", name="alpha").press("Enter")
    expect(page.get_by_role("heading", name="alpha")).to_be_focused()
    # Escape closes what is open, and leads nowhere else.
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="alpha")).to_be_focused()
    page.get_by_role("link", name="All clusters").press("Enter")
    expect(page.get_by_role("link", name="alpha")).to_be_focused()
    # What the server refuses is said where it was asked.
    page.get_by_role("link", name="Create cluster").press("Enter")
    expect(page.get_by_role("heading", name="Create cluster")).to_be_focused()
    page.get_by_label("Name", exact=True).fill("alpha")
    page.keyboard.press("Enter")
    name = page.get_by_label("Name", exact=True)
    expect(name).to_have_accessible_description("Cluster already exists with name: alpha")
    expect(name).to_be_focused()
    assert open_page.complaints.pop().endswith("409 (Conflict)")


def test_a_search_whose_last_cluster_goes_is_cleared_by_one_click(unattended, open_page):
    for name, phase in [("kept", "Active"), ("gone", "Failed")]:
        unattended.cluster(name, phase)
    page = open_page(unattended.endpoint)
    page.locator("#search").fill("gone")
    expect(page.locator("#rows tr")).to_have_count(1)
    kubectl("delete", "eks", "gone", "-n", unattended.namespace)
    expect(page.locator("#empty")).to_contain_text("No cluster matches “gone”.")
    # What comes meanwhile takes no focus away.
    clear = page.get_by_role("button", name="Clear the search")
    clear.focus()
    unattended.tell("kept", phase="Updating")
    expect(page.locator("#phase")).to_contain_text("Updating")
    expect(clear).to_be_focused()
    clear.press("Enter")
    expect(page.locator("#rows .name")).to_have_text(["kept"])
    expect(page.locator("#search")).to_have_value("")
    # A phase that no cluster has any more is no filter.
    page.locator("#phase").select_option("Updating")
    unattended.tell("kept", phase="Active")
    expect(page.locator("#rows .name")).to_have_text(["kept"])
    expect(page.locator("#phase")).to_have_value("")


def test_every_view_has_an_address(nothing, open_page):
    eks = boto(nothing, account="111111111111", region="eu-west-1")
    role = "arn:aws:iam::111111111111:role/r"
    eks.create_cluster(name="linked", roleArn=role, resourcesVpcConfig={})
    place = "#/clusters/111111111111/eu-west-1/linked"
    page = open_page(nothing, path=f"{place}/updates")
    expect(page.get_by_role("heading", name="linked")).to_be_visible()
    expect(page).to_have_title("linked · k3eks")
    expect(page.get_by_role("tab", name="Updates")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#clusters")).to_be_hidden()
    page.get_by_role("link", name="All clusters").click()
    expect(page.get_by_role("link", name="linked")).to_be_focused()
    expect(page.get_by_role("link", name="linked")).to_have_attribute("href", place)
    page.get_by_role("link", name="linked").click()
    page.get_by_role("tab", name="Events").click()
    page.wait_for_url(f"**/{place}/events")
    page.go_back()
    page.go_back()
    expect(page.locator("#clusters")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("tab", name="Updates")).to_have_attribute("aria-selected", "true")
    page.go_forward()
    expect(page.locator("#clusters")).to_be_visible()
    page.get_by_role("link", name="linked").click()
    page.get_by_role("tab", name="Events").click()
    page.go_back()
    expect(page.get_by_role("tab", name="Overview")).to_have_attribute("aria-selected", "true")
    page.goto(f"{nothing}/_k3eks/#/clusters/111111111111/eu-west-1/nobody")
    expect(page.locator("#detail")).to_have_text("There is no cluster nobody in account 111111111111, region eu-west-1.")
    # It may still come.
    eks.create_cluster(name="nobody", roleArn=role, resourcesVpcConfig={})
    expect(page.get_by_role("heading", name="nobody")).to_be_visible()
    wait_for("the cluster", lambda: eks.describe_cluster(name="nobody")["cluster"]["status"] == "ACTIVE")
    eks.delete_cluster(name="nobody")
    expect(page.locator("#said")).to_have_text("Cluster nobody is gone.")
    expect(page.locator("#clusters")).to_be_visible()
    forgive(open_page, "404")


def test_the_focus_goes_along_with_who_moves_and_stays_at_a_reload(nothing, open_page):
    eks = boto(nothing)
    eks.create_cluster(name="shown", roleArn=ROLE, resourcesVpcConfig={})
    page = open_page(nothing, path="#/clusters/000000000000/us-east-1/shown")
    heading = page.locator("#detail").get_by_role("heading", name="shown")
    for _ in range(2):
        expect(page.get_by_role("tabpanel")).to_contain_text("Authentication mode")
        assert page.evaluate("document.activeElement === document.body")
        page.reload()
    expect(heading).to_be_visible()
    page.get_by_role("link", name="All clusters").click()
    page.get_by_role("link", name="shown").click()
    expect(heading).to_be_focused()
    # Also to where there is nothing yet.
    page.goto(f"{nothing}/_k3eks/#/clusters/000000000000/us-east-1/later")
    expect(page.locator("#cluster")).to_be_focused()
    eks.create_cluster(name="later", roleArn=ROLE, resourcesVpcConfig={})
    expect(page.locator("#detail").get_by_role("heading", name="later")).to_be_focused()


def test_a_wrong_address_says_so_and_goes(nothing, open_page):
    boto(nothing).create_cluster(name="linked", roleArn=ROLE, resourcesVpcConfig={})
    place = "#/clusters/000000000000/us-east-1/linked"
    page = open_page(nothing, path=f"{place}/nosuchtab")
    expect(page.locator("#said")).to_have_text("There is no tab nosuchtab: this is Overview.")
    expect(page.get_by_role("tab", name="Overview")).to_have_attribute("aria-selected", "true")
    assert page.url.endswith(place)
    page.goto(f"{nothing}/_k3eks/#/bogus")
    expect(page.locator("#said")).to_have_text("The page has nothing at #/bogus: these are all clusters.")
    expect(page.locator("#clusters")).to_be_visible()
    assert page.url.endswith("#/clusters")


def test_a_form_that_is_half_filled_is_not_lost_by_a_reload(nothing, open_page):
    page = open_page(nothing, path="#/create")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    leave = "() => { const event = new Event('beforeunload', { cancelable: true }); dispatchEvent(event); return event.defaultPrevented; }"
    expect(page.get_by_label("Name", exact=True)).to_be_visible()
    assert not page.evaluate(leave)
    page.get_by_label("Name", exact=True).fill("half")
    assert page.evaluate(leave)
    page.get_by_role("link", name="All clusters").first.click()
    expect(page.locator("#clusters")).to_be_visible()
    assert not page.evaluate(leave)


def answered(page, cluster, rights=None, **objects):
    """Answers in the place of a cluster, as the server passes it on. `objects` are lists by kind; one that is a text is why there is none."""
    def answer(route):
        rest = route.request.url.split("/child/")[1].split("?")[0]
        found = objects.get(rest.removeprefix("objects/").replace("-", "_"), [])
        if rest == "rights":
            route.fulfill(json=rights or {"user": {"name": "kubernetes-admin", "groups": []}, "may": {kind: True for kind in ["pods", "events", "namespaces", "log", "delete-pods", "deployments"]}})
        elif rest in ("log", "audit"):
            route.fulfill(body="".join(found), content_type="text/plain")
        elif isinstance(found, str):
            route.fulfill(status=503, json={"message": found})
        else:
            route.fulfill(json={"items": found, "more": False})
    page.route(re.compile(f"/{cluster}/child/"), answer)


def pod(name, phase, status=None, owner=None):
    metadata = {"name": name, "namespace": "web", "creationTimestamp": "2026-01-01T00:00:00Z", **({"ownerReferences": [{"kind": owner, "controller": True}]} if owner else {})}
    return {"metadata": metadata, "spec": {"containers": [{"name": "main"}]}, "status": {"phase": phase, **(status or {})}}


def test_a_pod_says_why_it_does_not_run_and_what_becomes_of_it(unattended, open_page):
    unattended.cluster("shop", phase="Active", endpoint="https://127.0.0.1:1")
    page = open_page(unattended.endpoint)
    waiting = {"containerStatuses": [{"name": "main", "ready": False, "restartCount": 0, "state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}}]}
    pods = [pod("homeless", "Pending", {"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available: 3 node(s) had untolerated taint"}]}, "ReplicaSet"),
            pod("imageless", "Pending", waiting), pod("volumeless", "Pending", owner="StatefulSet"), pod("check", "Succeeded", owner="Job")]
    event = {"metadata": {"namespace": "web", "creationTimestamp": "2026-01-01T00:00:00Z"}, "type": "Warning", "reason": "FailedMount", "message": "no such volume",
             "involvedObject": {"kind": "Pod", "name": "volumeless"}}
    answered(page, "shop", pods=pods, events=[event], namespaces=[{"metadata": {"name": "web"}}])
    place = "#/clusters/000000000000/us-east-1/shop/workloads"
    page.goto(f"{unattended.endpoint}/_k3eks/{place}")
    table = page.get_by_role("table", name="Pods")
    for name, why in [("homeless", "0/3 nodes are available"), ("imageless", "Back-off pulling image"), ("volumeless", "no such volume")]:
        expect(table.get_by_role("row").filter(has_text=name)).to_contain_text(why)
    assert violations(page) == []
    shot(page, "pods-that-wait")
    # Nothing is said that isn't so of what makes another one.
    for name, what in [("homeless", "Its ReplicaSet makes another one."), ("imageless", "Nothing makes another one."), ("check", "its Job makes no other one for it: its log is lost")]:
        page.get_by_role("button", name=f"Delete {name}").click()
        expect(dialog(page)).to_contain_text(what)
        dialog(page).get_by_role("button", name="Cancel").click()
    # A container that hasn't started has no log, and an open log has an address.
    page.get_by_role("button", name="Log of homeless").click()
    log = page.get_by_role("region", name="Log of homeless", exact=True)
    expect(log).to_contain_text("The container hasn’t started: Pending. 0/3 nodes are available")
    expect(log).not_to_contain_text("That is all of it.")
    assert page.url.endswith(f"{place}?log=web%2Fhomeless")
    assert violations(page) == []
    shot(page, "log-that-waits")
    page.reload()
    expect(log).to_contain_text("The container hasn’t started")
    page.get_by_role("button", name="Controllers", exact=True).click()
    expect(log).to_have_count(0)
    page.get_by_role("button", name="Pods", exact=True).click()
    page.get_by_role("button", name="Close the log").click()
    expect(log).to_have_count(0)
    page.go_back()
    expect(log).to_be_visible()


def test_a_cluster_that_can_not_be_asked_is_told_in_sentences(unattended, open_page):
    unattended.cluster("shop", phase="Active", endpoint="https://127.0.0.1:1")
    page = open_page(unattended.endpoint)
    raw = "the cluster's API server can't be asked: there is no answer: client error (Connect): tcp connect error: Connection refused (os error 111)"
    answered(page, "shop", pods=raw)
    page.goto(f"{unattended.endpoint}/_k3eks/#/clusters/000000000000/us-east-1/shop/workloads")
    panel = page.get_by_role("tabpanel")
    expect(panel).to_contain_text("The API server of shop doesn't answer.")
    expect(panel).not_to_contain_text("os error")
    unattended.tell("shop", phase="Updating")
    expect(panel).to_contain_text("The API server of shop is starting anew")
    forgive(open_page, 503)
    # It is asked again before long.
    answered(page, "shop", pods=[pod("there", "Running")])
    expect(panel.get_by_role("row").filter(has_text="there")).to_be_visible(timeout=10_000)
    # The same goes for this page's own server.
    page.route("**/_k3eks/console/**", lambda route: route.abort())
    page.evaluate("refresh()")
    expect(page.locator("#detail")).to_contain_text("doesn't answer. The page asks it again.")
    expect(page.locator("#live")).not_to_have_text("live")
    page.unroute("**/_k3eks/console/**")
    expect(page.locator("#live")).to_have_text("live")
    open_page.complaints[:] = [said for said in open_page.complaints if "net::ERR_FAILED" not in said]


def test_a_cluster_that_starts_says_so_on_every_tab_and_is_asked_again(unattended, open_page):
    ready = lambda status, message: [{"type": "Ready", "status": status, "reason": "Updating", "message": message, "lastTransitionTime": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")}]
    unattended.cluster("shop", phase="Stopped", endpoint="https://127.0.0.1:1", spec={"state": "Running", "loggingTypes": ["audit"]})
    page = open_page(unattended.endpoint, path="#/clusters/000000000000/us-east-1/shop/workloads")
    panel = page.get_by_role("tabpanel")
    expect(panel).to_contain_text("The cluster is starting. It is looked into as soon as it is up.")
    # Its API server knows nobody yet, or isn't there.
    answered(page, "shop", rights={"user": None, "why": "Cluster shop refuses arn:aws:iam::000000000000:root."})
    unattended.tell("shop", phase="Updating", conditions=ready("False", "Starting"))
    for name in ["nodes", "workloads", "logs"]:
        page.locator(f"#tab-{name}").click()
        expect(panel).to_contain_text("shop is starting. It is asked again in some seconds.")
        expect(panel).not_to_contain_text("refuses")
        assert violations(page) == []
    page.locator("#tab-workloads").click()
    answered(page, "shop", pods="The cluster's API server answered 503 Service Unavailable: apiserver not ready")
    expect(panel.get_by_role("alert")).to_have_text("shop is starting. It is asked again in some seconds.")
    forgive(open_page, 503)
    # For some seconds after that it may know nobody still.
    answered(page, "shop", rights={"user": None, "why": "Cluster shop refuses arn:aws:iam::000000000000:root."})
    unattended.tell("shop", phase="Active", conditions=ready("True", "ready"))
    page.reload()
    expect(panel).to_contain_text("shop has just started, and doesn't know its users yet.")
    answered(page, "shop", pods=[pod("there", "Running")])
    expect(panel.get_by_role("row").filter(has_text="there")).to_be_visible(timeout=10_000)


def test_a_cluster_that_sleeps_is_woken(unattended, open_page):
    says = "asleep since 2026-01-01T00:00:00Z: nobody used it for 8h; wake it with: k3eks wake sleepy"
    ready = {"type": "Ready", "status": "True", "reason": "Sleeping", "message": says, "lastTransitionTime": "2026-01-01T00:00:00Z"}
    unattended.cluster("sleepy", "Stopped", nodes=(0, 2), spec={"hibernateAfter": "8h"}, hibernated="0123", conditions=[ready])
    unattended.cluster("rests", "Stopped", spec={"state": "Stopped"})
    page = open_page(unattended.endpoint)
    row = row_of(page, "sleepy")
    expect(row.locator(".phase")).to_have_text("Asleep")
    for said in ["2 asleep", "nobody used it for 8h; Wake brings it back"]:
        expect(row).to_contain_text(said)
    page.locator("#phase").select_option("Asleep")
    expect(page.locator("#rows .name")).to_have_text(["sleepy"])
    page.locator("#phase").select_option("Stopped")
    expect(page.locator("#rows .name")).to_have_text(["rests"])
    page.locator("#phase").select_option("")
    # Its own page and all its tabs say the same.
    page.get_by_role("link", name="sleepy").click()
    detail = page.locator("#detail")
    expect(detail.locator(".phase").first).to_have_text("Asleep")
    expect(detail).to_contain_text("It is asleep, so nothing is looked at.")
    for tab in page.get_by_role("tab").all():
        tab.click()
        expect(tab).to_have_attribute("aria-selected", "true")
        panel = page.get_by_role("tabpanel")
        if tab.text_content() != "YAML":
            expect(panel.locator("> *").first).to_be_visible()
            expect(detail).not_to_contain_text("k3eks wake")
        if tab.text_content() in ["Nodes", "Workloads"]:
            expect(panel).to_contain_text("The cluster is asleep. Wake it first.")
            panel.get_by_role("button", name="Wake").click()
            dialog(page).get_by_role("button", name="Cancel").click()
    assert violations(page) == []
    shot(page, "cluster-asleep")
    page.get_by_role("tab", name="Overview").click()
    page.locator("#detail").get_by_role("button", name="Wake").click()
    expect(dialog(page)).to_contain_text("so it sleeps")
    answer(page, "Wake")
    annotations = wait_for("the call", lambda: unattended.spec("sleepy")["metadata"].get("annotations", {}).get("k3eks.io/wake"))
    assert annotations


def test_a_stopped_cluster_does_not_contradict_itself_and_what_is_only_kept_is_changed(unattended, open_page):
    rests = [{"type": kind, "status": "True", "reason": "Stopped", "message": "stopped, as spec.state asks", "lastTransitionTime": "2026-01-01T00:00:00Z"} for kind in ("Ready", "NodegroupsReady")]
    unattended.cluster("rests", "Stopped", nodes=(0, 3), spec={"state": "Stopped"}, conditions=rests)
    group = {"apiVersion": "k3eks.io/v1alpha1", "kind": "Nodegroup", "metadata": {"name": "rests-workers", "namespace": unattended.namespace},
             "spec": {"clusterName": "rests", "nodegroupName": "workers", "scalingConfig": {"minSize": 1, "desiredSize": 3, "maxSize": 3}}}
    kubectl("apply", "-f", "-", stdin=json.dumps(group))
    kubectl("patch", "ng", "rests-workers", "-n", unattended.namespace, "--subresource=status", "--type=merge", "-p", json.dumps({"status": {"phase": "Stopped", "conditions": rests[:1]}}))
    page = open_page(unattended.endpoint)
    expect(row_of(page, "rests")).to_contain_text("3 stopped")
    expect(row_of(page, "rests").get_by_role("progressbar")).to_have_count(0)
    page.get_by_role("link", name="rests").click()
    panel = page.get_by_role("tabpanel")
    for said in ["Ready=True (stopped, as the spec asks), NodegroupsReady=True (stopped, as the spec asks)", "It is stopped, so nothing is looked at."]:
        expect(panel).to_contain_text(said)
    # It needn't be started to be protected, tagged, or let go.
    expect(panel.get_by_role("button", name="Change the logs")).to_have_attribute("title", "The cluster is stopped: start it first.")
    panel.get_by_role("button", name="Turn deletion protection on").click()
    answer(page, "Turn on")
    panel.get_by_role("button", name="Turn deletion protection off").click()
    assert unattended.spec("rests")["spec"]["deletionProtection"] is True
    answer(page, "Turn off")
    expect(panel.get_by_role("button", name="Turn deletion protection on")).to_be_visible()
    panel.get_by_role("button", name="Change the tags").click()
    dialog(page).get_by_role("button", name="Add tag").click()
    answer(page, "Change", Key="team", Value="web")
    wait_for("the tag", lambda: unattended.spec("rests")["spec"].get("tags") == {"team": "web"})
    assert violations(page) == []
    shot(page, "cluster-stopped")
    page.get_by_role("tab", name="Node groups").click()
    for said in ["3 stopped", "stopped with the cluster"]:
        expect(panel.get_by_role("row").filter(has_text="workers")).to_contain_text(said)


def test_a_bar_is_of_what_there_is(unattended, open_page):
    unattended.cluster("failed", "Failed", nodes=(0, 0))
    unattended.cluster("half", "Updating", nodes=(1, 2))
    unattended.cluster("goes-on", "Updating", nodes=(4, 4))
    unattended.cluster("shrinks", "Active", nodes=(2, 1))
    unattended.cluster("works", "Active", nodes=(4, 4))
    page = open_page(unattended.endpoint)
    expect(row_of(page, "failed")).to_contain_text("0/0")
    expect(row_of(page, "failed").get_by_role("progressbar")).to_have_count(0)
    # Only what is done is full.
    for name, part in [("half", 0.5), ("goes-on", 0.9), ("shrinks", 0.5), ("works", 1)]:
        assert row_of(page, name).get_by_role("progressbar").evaluate("bar => bar.position") == part, name
    expect(row_of(page, "shrinks").get_by_role("progressbar")).to_have_accessible_name("2 nodes are ready, and 1 wanted")
    for number, (phase, ready, part) in enumerate([("Updating", 2, 0.9), ("Updating", 3, 2 / 3), ("Active", 2, 1)]):
        group = {"apiVersion": "k3eks.io/v1alpha1", "kind": "Nodegroup", "metadata": {"name": f"half-{number}", "namespace": unattended.namespace},
                 "spec": {"clusterName": "half", "nodegroupName": f"g-{number}", "scalingConfig": {"minSize": 1, "desiredSize": 2, "maxSize": 3}}}
        kubectl("apply", "-f", "-", stdin=json.dumps(group))
        status = json.dumps({"status": {"phase": phase, "readyReplicas": ready}})
        kubectl("patch", "ng", f"half-{number}", "-n", unattended.namespace, "--subresource=status", "--type=merge", "-p", status)
    page.goto(f"{unattended.endpoint}/_k3eks/#/clusters/000000000000/us-east-1/half/nodegroups")
    for number, part in enumerate([0.9, 0.67, 1]):
        row = page.get_by_role("tabpanel").get_by_role("row").filter(has_text=f"g-{number}")
        expect(row.locator(".phase")).not_to_have_text("accepted")
        assert round(row.get_by_role("progressbar").evaluate("bar => bar.position"), 2) == part, number


def test_names_and_endpoints_stand_in_one_line(unattended, open_page):
    unattended.cluster("works", "Active", endpoint="https://127.0.0.1:45678")
    page = open_page(unattended.endpoint)
    expect(page.locator("#count")).to_have_text("1 cluster")
    line = row_of(page, "works").locator(".phase").bounding_box()["height"]
    for text in [page.get_by_role("button", name="Namespace"), page.get_by_text("https://127.0.0.1:45678")]:
        assert text.evaluate("element => { const range = document.createRange(); range.selectNodeContents(element); return range.getBoundingClientRect().height }") < 1.5 * line


def test_the_focus_stays_where_it_is_while_things_change(unattended, open_page):
    for name in ["a", "b", "c"]:
        unattended.cluster(name, "Creating")
    page = open_page(unattended.endpoint)
    expect(page.locator("#rows tr")).to_have_count(3)
    page.get_by_role("button", name="Phase").click()
    link = page.get_by_role("link", name="b", exact=True)
    link.focus()
    # The order changes as well: what is focused moves.
    unattended.tell("b", phase="Active")
    expect(row_of(page, "b").locator(".phase")).to_have_text("Active")
    expect(page.locator("#rows tr").first).to_have_attribute("data-key", re.compile("/b$"))
    expect(link).to_be_focused()
    box = page.get_by_role("checkbox", name="Select b")
    box.press("Space")
    unattended.tell("b", phase="Updating")
    expect(row_of(page, "b").locator(".phase")).to_have_text("Updating")
    expect(box).to_be_focused()
    expect(box).to_be_checked()
    # Of a row that goes, the next one has it.
    kubectl("delete", "eks", "b", "-n", unattended.namespace)
    expect(page.locator("#rows tr")).to_have_count(2)
    expect(page.locator("#rows .name").nth(1)).to_be_focused()
    # A dialog gives it back.
    page.get_by_role("checkbox", name="Select a", exact=True).press("Space")
    page.get_by_role("button", name="Stop").press("Enter")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Stop")).to_be_focused()


def test_the_list_is_sorted_and_many_are_stopped_started_and_deleted_at_once(nothing, open_page):
    for number, region in enumerate(["us-east-1", "eu-west-1", "ap-south-1"]):
        boto(nothing, region=region).create_cluster(name=f"c-{number}", roleArn=ROLE, resourcesVpcConfig={})
    boto(nothing).create_cluster(name="kept", roleArn=ROLE, resourcesVpcConfig={}, deletionProtection=True)
    page = open_page(nothing)
    expect(page.locator("#rows tr .phase").filter(has_text="Active")).to_have_count(4)
    for column in ["Namespace", "Account", "Region"]:
        expect(page.get_by_role("columnheader", name=column)).to_be_visible()
    names = page.locator("#rows .name")
    expect(names).to_have_text(["c-0", "c-1", "c-2", "kept"])
    page.get_by_role("button", name="Region").click()
    expect(names).to_have_text(["c-2", "c-1", "c-0", "kept"])
    expect(page.get_by_role("columnheader", name="Region")).to_have_attribute("aria-sort", "ascending")
    page.get_by_role("button", name="Region").click()
    expect(names.last).to_have_text("c-2")

    page.get_by_role("checkbox", name="Select all").check()
    expect(page.locator("#picked")).to_have_text("4 selected")
    shot(page, "selected")
    page.get_by_role("button", name="Stop").click()
    expect(dialog(page)).to_contain_text("Stop 4 clusters?")
    answer(page, "Stop")
    expect(page.locator("#rows .phase").filter(has_text="Stopped")).to_have_count(4, timeout=60_000)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#said")).to_have_text("None of them can be stopped.")
    page.get_by_role("button", name="Start").click()
    answer(page, "Start")
    expect(page.locator("#rows .phase").filter(has_text="Active")).to_have_count(4, timeout=60_000)

    page.locator("#search").fill("c-")
    expect(page.locator("#picked")).to_have_text("4 selected, 1 of them not shown")
    page.get_by_role("button", name="Delete").click()
    # What is protected is named, and not asked to go.
    expect(dialog(page)).to_contain_text("Delete 3 clusters?")
    expect(dialog(page)).to_contain_text("kept has deletion protection, and stays.")
    assert violations(page) == []
    shot(page, "delete-some")
    refuse = lambda route: route.fulfill(status=400, json={"message": "The cluster can't go now"}) if route.request.method == "DELETE" else route.fallback()
    page.route(re.compile("/console/clusters/[^/]+/c-2[^/]*$"), refuse)
    answer(page, "Delete", Confirmation="delete")
    # What one refuses keeps none of the others.
    expect(dialog(page)).to_contain_text("Done for 2 of 3, not for:\nc-2: The cluster can't go now")
    assert re.search("400", open_page.complaints.pop())
    dialog(page).get_by_role("button", name="Cancel").click()
    page.locator("#search").fill("")
    expect(names).to_have_text(["kept", "c-2"], timeout=60_000)
    page.unroute_all()
    page.get_by_role("button", name="Delete").click()
    answer(page, "Delete", Name="c-2")
    expect(names).to_have_text(["kept"], timeout=60_000)
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("#said")).to_have_text("kept has deletion protection, and stays. Turn it off on the Overview, then delete.")
    expect(dialog(page)).to_be_hidden()
    boto(nothing).update_cluster_config(name="kept", deletionProtection=False)


def test_of_many_clusters_only_those_that_are_seen_have_rows(unattended, open_page):
    clusters = [{"apiVersion": "eks.cattle.io/v1", "kind": "EKSClusterConfig", "metadata": {"name": f"many-{n:03}", "namespace": unattended.namespace}, "spec": {}} for n in range(230)]
    kubectl("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": clusters}))
    page = open_page(unattended.endpoint)
    rows = page.locator("#rows tr")
    expect(page.locator("#count")).to_have_text("230 clusters")
    expect(rows).to_have_count(100)
    expect(page.locator("#table")).to_have_attribute("aria-rowcount", "231")
    assert violations(page) == []
    # The first ones are sent before the others.
    with urllib.request.urlopen(f"{unattended.endpoint}/_k3eks/console/stream", timeout=60) as told:
        lines = (json.loads(line.removeprefix(b"data:")) for line in told if line.startswith(b"data:"))
        first, rest = next(lines), next(lines)
    assert [one["name"] for one in first["changed"]] == [f"many-{n:03}" for n in range(100)]
    assert (first["more"], len(rest["changed"]), rest.get("more")) == (130, 130, None)
    # All are searched, and selected.
    page.locator("#search").fill("many-229")
    expect(page.locator("#rows .name")).to_have_text(["many-229"])
    page.locator("#search").fill("")
    page.get_by_role("checkbox", name="Select all").check()
    expect(page.locator("#picked")).to_have_text("230 selected")
    page.get_by_role("button", name="Select none").click()
    # Whoever comes near the end finds more.
    page.mouse.move(600, 500)
    wait_for("all rows", lambda: page.mouse.wheel(0, 4000) or rows.count() == 230)
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()
    # What is focused stays, wherever the order puts it. Chromium would scroll back to where it was.
    page.evaluate("scrollTo(0, 0)")
    page.reload()
    expect(rows).to_have_count(100)
    page.get_by_role("link", name="many-050").focus()
    unattended.tell("many-050", phase="Failed")
    page.locator("#rows").evaluate("rows => sortBy(COLUMNS[1])")
    expect(page.locator("#rows .phase.Failed")).to_have_count(1)
    expect(page.get_by_role("link", name="many-050")).to_be_focused()


def test_the_first_clusters_are_shown_while_the_others_are_still_to_come(unattended, open_page):
    page = open_page(unattended.endpoint)
    expect(page.locator("#empty")).to_contain_text("There are no clusters yet")
    line = {"namespace": "n", "account": "000000000000", "region": "us-east-1", "phase": "Active", "says": None, "ready": True, "version": VERSION, "endpoint": None,
            "imported": False, "created": None, "nodes": {"ready": 0, "desired": 0}, "groups": []}
    first = [{**line, "key": f"n/c-{n}", "resource": f"c-{n}", "name": f"c-{n}"} for n in range(100)]
    told = "event: clusters\ndata: {}\n\n".format(json.dumps({"changed": first, "gone": [], "more": 900}))
    page.route("**/_k3eks/console/stream", lambda route: route.fulfill(body=told, content_type="text/event-stream"))
    page.reload()
    expect(page.locator("#count")).to_have_text("1000 clusters")
    expect(page.locator("#rows tr")).to_have_count(100)
    expect(page.get_by_role("button", name="Show more: 100 of 1000 are shown")).to_be_attached()
    # Of what wasn't told of yet nothing is said.
    page.locator("#search").fill("c-777")
    expect(page.locator("#rows tr")).to_have_count(0)
    expect(page.locator("#empty")).to_be_hidden()
    page.goto(f"{unattended.endpoint}/_k3eks/#/clusters/000000000000/us-east-1/c-777")
    expect(page.locator("#detail")).to_have_text("loading…")
    page.unroute_all()
    # Those that were told of went.
    expect(page.locator("#detail")).to_have_text("There is no cluster c-777 in account 000000000000, region us-east-1.")
    page.get_by_role("link", name="All clusters").click()
    page.locator("#search").fill("")
    expect(page.locator("#empty")).to_contain_text("There are no clusters yet")


def test_the_page_is_sent_small(records):
    request = urllib.request.Request(f"{records}/_k3eks/", headers={"accept-encoding": "gzip"})
    with urllib.request.urlopen(request) as answer:
        sent = answer.read()
    assert answer.headers["content-encoding"] == "gzip" and len(sent) < 150_000
    with urllib.request.urlopen(f"{records}/_k3eks/") as whole:
        assert whole.read() == gzip.decompress(sent)


def test_a_cluster_is_described_in_the_form_as_yaml_and_as_commands(nothing, open_page, tmp_path):
    page = open_page(nothing)
    page.get_by_role("link", name="Create cluster").click()
    form = page.locator("#form")
    form.get_by_label("Name", exact=True).fill("Whole_1")
    form.get_by_label("Kubernetes version").select_option(VERSION)
    form.get_by_label("Region").fill("eu-central-1")
    form.get_by_label("Account").fill("333333333333")
    expect(form.get_by_label("Role")).to_have_value("arn:aws:iam::333333333333:role/k3eks-console")
    form.get_by_label("Subnets").fill("subnet-1, subnet-2")
    form.get_by_label("Public access from").fill("10.0.0.0/8")
    form.get_by_label("Private endpoint").check()
    # As in EKS's console.
    expect(form.get_by_label("Authentication mode")).to_have_value("API_AND_CONFIG_MAP")
    form.get_by_label("Authentication mode").select_option("API")
    form.get_by_label("Audit log").check()
    form.get_by_label("Addresses of Services").fill("172.20.0.0/16")
    key = "arn:aws:kms:eu-central-1:333333333333:key/mine"
    form.get_by_label("Encryption of Secrets").fill(key)
    assert re.fullmatch(r"1\.\d+ \(default\)", form.get_by_label("Kubernetes version").locator("option").first.inner_text())
    form.get_by_role("button", name="Add node group").press("Enter")
    expect(form.get_by_label("Group name")).to_be_focused()
    form.get_by_label("Instance type").fill("t3.small")
    form.get_by_label("Desired size").fill("3")
    form.get_by_role("button", name="Create cluster").click()
    expect(form.get_by_label("Desired size")).to_have_accessible_description("The desired size must be between the min and the max size.")
    form.get_by_label("Max size").fill("4")
    form.get_by_text("Labels, taints and tags").click()
    for add, rows, pairs in [("Add label", "Labels of the nodes", {"tier": "web", "zone": "left"}), ("Add group tag", "Tags of the node group", {"cost center": "7"})]:
        for name, value in pairs.items():
            form.get_by_role("button", name=add).click()
            row = form.get_by_role("group", name=rows).get_by_role("group").last
            expect(row.get_by_label("Key")).to_be_focused()
            row.get_by_label("Key").fill(name)
            row.get_by_label("Value").fill(value)
    labels = form.get_by_role("group", name="Labels of the nodes")
    labels.get_by_label("Key").last.fill("tier")
    form.get_by_role("button", name="Create cluster").click()
    expect(labels.get_by_label("Key").last).to_have_accessible_description("tier is there twice.")
    labels.get_by_role("button", name="Remove label").last.click()
    expect(form.get_by_role("button", name="Add label")).to_be_focused()
    expect(labels.get_by_label("Key")).to_have_count(1)
    form.get_by_role("button", name="Add tag").click()
    tags = form.locator("[data-rows=tags]")
    tags.get_by_label("Key").fill("team")
    tags.get_by_label("Value").fill("it's ours")
    form.get_by_label("coredns").check()
    assert violations(page) == []
    shot(page, "create")

    # The YAML is what Kubernetes takes, and says the same.
    page.get_by_role("button", name="Copy the YAML").click()
    expect(page.locator("#said")).to_have_text("The YAML is in the clipboard.")
    text = page.evaluate("navigator.clipboard.readText()")
    resources = json.loads("[" + kubectl("create", "--dry-run=server", "-n", nothing.namespace, "-o", "json", "-f", "-", stdin=text).replace("}\n{", "},{") + "]")
    cluster, group, addon = [item for one in resources for item in one.get("items", [one])]
    spec = cluster["spec"]
    assert (spec["displayName"], spec["region"], spec["accountID"], spec["kubernetesVersion"]) == ("Whole_1", "eu-central-1", "333333333333", VERSION)
    assert (spec["subnets"], spec["publicAccessSources"], spec["privateAccess"]) == (["subnet-1", "subnet-2"], ["10.0.0.0/8"], True)
    assert (spec["accessConfig"], spec["loggingTypes"]) == ({"authenticationMode": "API"}, ["audit"])
    assert (spec["kubernetesNetworkConfig"], spec["secretsEncryption"], spec["kmsKey"]) == ({"serviceIpv4Cidr": "172.20.0.0/16"}, True, key)
    group = group["spec"]
    assert (spec["tags"], group["scalingConfig"]["desiredSize"], group["labels"], group["tags"]) == ({"team": "it's ours"}, 3, {"tier": "web"}, {"cost center": "7"})
    assert (addon["kind"], addon["spec"]["addonName"]) == ("Addon", "coredns")

    # The commands make that cluster, and leave the shell's own keys where they do.
    form.get_by_label("Account").fill("000000000000")
    expect(page.locator("#commands")).not_to_contain_text("AWS_ACCESS_KEY_ID")
    form.get_by_label("Account").fill("333333333333")
    page.get_by_role("button", name="Copy the commands").click()
    expect(page.locator("#said")).to_have_text("The command is in the clipboard.")
    commands = page.evaluate("navigator.clipboard.readText()").replace("Whole_1", "By_command")
    env = {**os.environ, "HOME": str(tmp_path), "AWS_PAGER": "", "PATH": f"{os.path.dirname(AWS)}:{os.environ['PATH']}"}
    subprocess.run(["bash", "-euo", "pipefail", "-c", commands], env=env, check=True, capture_output=True)

    form.get_by_role("button", name="Create cluster").click()
    expect(page.get_by_role("heading", name="Whole_1")).to_be_visible()
    page.wait_for_url("**/#/clusters/333333333333/eu-central-1/Whole_1")
    eks = boto(nothing, account="333333333333", region="eu-central-1")
    for name in ["Whole_1", "By_command"]:
        wait_for("the node group", lambda: eks.list_nodegroups(clusterName=name)["nodegroups"] == ["workers"])
        described = eks.describe_cluster(name=name)["cluster"]
        network = described["resourcesVpcConfig"]
        assert (described["version"], described["tags"]["team"]) == (VERSION, "it's ours")
        assert described["accessConfig"]["authenticationMode"] == "API"
        assert [one["types"] for one in described["logging"]["clusterLogging"] if one["enabled"]] == [["audit"]]
        assert (network["subnetIds"], network["publicAccessCidrs"], network["endpointPrivateAccess"]) == (["subnet-1", "subnet-2"], ["10.0.0.0/8"], True)
        assert described["kubernetesNetworkConfig"]["serviceIpv4Cidr"] == "172.20.0.0/16"
        assert described["encryptionConfig"] == [{"resources": ["secrets"], "provider": {"keyArn": key}}]
        group = eks.describe_nodegroup(clusterName=name, nodegroupName="workers")["nodegroup"]
        assert (group["instanceTypes"], group["scalingConfig"]) == (["t3.small"], {"minSize": 1, "desiredSize": 3, "maxSize": 4})
        assert (group["labels"], group["tags"]) == ({"tier": "web"}, {"cost center": "7"})
        assert eks.list_addons(clusterName=name)["addons"] == ["coredns"]


def test_what_the_definition_refuses_is_said_at_its_field(nothing, open_page):
    page = open_page(nothing, path="#/create")
    form = page.locator("#form")
    form.get_by_label("Name", exact=True).fill("partly")
    for _ in range(2):
        form.get_by_role("button", name="Add node group").click()
    first, second = [form.get_by_role("group", name=f"Node group {number}") for number in (1, 2)]
    second.get_by_label("Group name").fill("workers")
    form.get_by_role("button", name="Create cluster").click()
    expect(second.get_by_label("Group name")).to_be_focused()
    expect(second.get_by_label("Group name")).to_have_accessible_description("Each node group needs a name of its own.")
    second.get_by_label("Group name").fill("others")
    # What the page checks itself is left to the server.
    second.get_by_label("Min size").evaluate("input => input.removeAttribute('min')")
    second.get_by_label("Min size").fill("-1")
    form.get_by_role("button", name="Create cluster").click()
    expect(second.get_by_label("Min size")).to_be_focused()
    expect(second.get_by_label("Min size")).to_have_accessible_description(re.compile("greater than or equal to 0"))
    expect(first.get_by_label("Min size")).not_to_have_attribute("aria-invalid", "true")
    said = "Cluster partly is being created, with node group workers. Not made: node group others. Mend it here and try again, or go on at the cluster’s page."
    expect(form.get_by_role("alert")).to_contain_text(said)
    expect(form.get_by_role("alert").get_by_role("link", name="Open partly")).to_be_visible()
    assert violations(page) == []
    assert "400" in open_page.complaints.pop()
    second.get_by_label("Min size").fill("1")
    form.get_by_role("button", name="Create cluster").click()
    expect(page.get_by_role("heading", name="partly")).to_be_visible()


@pytest.mark.parametrize("look", [
    {"color_scheme": "light"}, {"color_scheme": "dark"}, {"forced_colors": "active"}, {"viewport": {"width": 390, "height": 844}},
    # What a window of 1280 pixels has at 200 %.
    {"viewport": {"width": 640, "height": 450}, "device_scale_factor": 2},
], ids=["light", "dark", "forced-colours", "phone", "zoomed"])
def test_every_view_is_accessible(unattended, open_page, request, look):
    name = request.node.callspec.id
    unattended.cluster("works", "Active", nodes=(2, 2), version=VERSION, endpoint="https://127.0.0.1:45678")
    unattended.cluster("a-name-that-is-as-long-as-names-become-in-practice", "Creating", nodes=(1, 3))
    unattended.cluster("broken", "Failed", conditions=[{"type": "Ready", "status": "False", "reason": "Broken", "message": "no such image: " + "x" * 60, "lastTransitionTime": "2026-01-01T00:00:00Z"}])
    unattended.cluster("sleepy", "Stopped", hibernated="0123")
    page = open_page(unattended.endpoint, **look)
    expect(page.locator("#rows tr")).to_have_count(4)
    page.get_by_role("checkbox", name="Select broken").check()
    views = {"list": None, "create": "#/create", "cluster": "#/clusters/000000000000/us-east-1/works"}
    for view, place in views.items():
        if place:
            page.goto(f"{unattended.endpoint}/_k3eks/{place}")
            expect(page.locator({"create": "#form form", "cluster": "#detail h2"}[view])).to_be_visible()
        if view == "create":
            expect(page.get_by_label("coredns")).to_be_visible()
            page.get_by_role("button", name="Add node group").click()
        if view == "list":
            shot(page, f"list-{name}")
        else:
            shot(page, f"{view}-{name}")
        assert violations(page) == [], view
        # Nothing is wider than the window: whoever zooms in scrolls one way only.
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), view
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(dialog(page)).to_be_visible()
    assert violations(page) == []


def test_over_plain_http_by_address_it_says_what_is_missing(strict, unattended, open_page):
    # Of a name that isn't localhost a browser thinks as of another machine's address.
    by_name = lambda endpoint: endpoint.replace("127.0.0.1", "k3eks.test")
    endpoint, key, secret = strict
    page = open_page(by_name(endpoint))
    assert not page.evaluate("isSecureContext")
    open_page.complaints.pop()
    page.get_by_role("button", name="Sign in").click()
    expect(dialog(page)).to_contain_text("Signing requests needs HTTPS or localhost")
    # Keys that a tab has nevertheless don't lock anybody out.
    page.evaluate("sessionStorage.setItem('k3eks-keys', '{\"id\": \"AKIA\", \"secret\": \"s\"}')")
    page.reload()
    expect(page.locator("#empty")).to_contain_text("Signing requests needs HTTPS or localhost")
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("#live")).to_have_text("sign in to see the clusters")
    open_page.complaints.clear()

    unattended.cluster("plain", "Active", endpoint="https://127.0.0.1:45678", kubeconfigSecret="plain-kubeconfig")
    unattended.kubeconfig("plain", "https://127.0.0.1:45678")
    page = open_page(by_name(unattended.endpoint))
    expect(row_of(page, "plain").locator(".phase")).to_have_text("Active")
    page.get_by_role("link", name="plain").click()
    with page.expect_download() as got:
        page.get_by_role("button", name="Download kubeconfig").click()
    assert got.value.suggested_filename == "plain.kubeconfig"
    # Whose rights it has is said before and after.
    expect(page.get_by_role("button", name="Download kubeconfig")).to_have_accessible_description(re.compile("administrator’s rights"))
    expect(page.locator("#said")).to_have_text(re.compile("^plain.kubeconfig was downloaded. It carries an administrator’s rights"))
    assert "current-context" in pathlib.Path(got.value.path()).read_text()
    page.get_by_role("button", name="Copy kubeconfig").click()
    expect(page.locator("#said")).to_contain_text("needs HTTPS or localhost")


def test_pages_of_others_can_change_nothing(records):
    def asked(method, path, **headers):
        request = urllib.request.Request(f"{records}{path}", method=method, data=b'{"name":"a"}', headers=headers)
        try:
            return urllib.request.urlopen(request).status
        except urllib.error.HTTPError as error:
            return error.code
    assert asked("POST", "/clusters", **{"sec-fetch-site": "cross-site"}) == 403
    assert asked("POST", "/clusters", **{"sec-fetch-site": "same-origin"}) == 400
    assert asked("POST", "/clusters", origin="http://evil.example") == 403
    assert asked("POST", "/clusters", origin="null") == 403
    assert asked("POST", "/clusters", origin=records) == 400
    assert asked("POST", "/clusters", **{"sec-fetch-site": "Cross-Site"}) == 403
    assert asked("DELETE", "/_k3eks/console/clusters/a/b", **{"sec-fetch-site": "cross-site"}) == 403
    # Of a page whose name was made to lead here.
    assert asked("POST", "/clusters", host="evil.example:4566", origin="http://evil.example:4566") == 403
    assert asked("GET", "/clusters", host="evil.example:4566") == 403


def test_the_stream_ends_with_the_key_that_it_was_asked_for_with(strict, tmp_path):
    endpoint, key, secret = strict
    request = AWSRequest("GET", f"{endpoint}/_k3eks/console/stream")
    SigV4Auth(Credentials(key, secret), "eks", "us-east-1").add_auth(request)
    with urllib.request.urlopen(urllib.request.Request(request.url, headers=dict(request.headers)), timeout=60) as told:
        assert told.readline() == b"event: clusters\n"
        os.remove(tmp_path / key)
        for line in told:
            assert line in (b"\n", b":\n") or line.startswith((b"data:", b"event:")), line
    wait_for("the refusal", lambda: refused(request), 1)


def refused(request):
    try:
        urllib.request.urlopen(urllib.request.Request(request.url, headers=dict(request.headers)), timeout=5)
    except urllib.error.HTTPError as error:
        return error.code == 403


def test_where_the_api_is_strict_nothing_beside_it_is_open(strict):
    endpoint, key, secret = strict
    for path in ("/metrics", "/_k3eks/events", "/_k3eks/clusters/a/kubeconfig", "/_localemu_eks/a/kubeconfig", "/_k3eks/console/whoami",
                 "/_k3eks/console/stream", "/_k3eks/console/clusters/a/b"):
        assert refused(AWSRequest("GET", f"{endpoint}{path}")), path
    request = AWSRequest("GET", f"{endpoint}/metrics")
    SigV4Auth(Credentials(key, secret), "eks", "us-east-1").add_auth(request)
    assert urllib.request.urlopen(urllib.request.Request(request.url, headers=dict(request.headers))).status == 200


def test_where_the_api_is_strict_the_page_asks_for_keys(strict, open_page):
    endpoint, key, secret = strict
    page = open_page(endpoint)
    expect(page.locator("#live")).to_have_text("sign in to see the clusters")
    assert re.search("403", open_page.complaints.pop())
    assert violations(page) == []
    page.get_by_role("button", name="Sign in").click()
    # Keys that the server doesn't take sign nobody in.
    answer(page, "Sign in", Access_key_id=key, Secret_access_key="wrong")
    expect(dialog(page).get_by_label("Secret access key")).to_have_accessible_description("This isn't the key's secret.")
    assert re.search("403", open_page.complaints.pop())
    assert page.evaluate("sessionStorage.length") == 0
    answer(page, "Sign in", Secret_access_key=secret)
    expect(page.locator("#live")).to_have_text("live")
    expect(page.locator("#who")).to_have_text(key)
    page.get_by_role("link", name="Create cluster").click()
    page.get_by_label("Name", exact=True).fill("signed")
    page.get_by_role("button", name="Add node group").click()
    page.get_by_role("button", name="Create cluster").click()
    detail = page.locator("#detail")
    expect(detail.locator(".phase").first).to_have_text("Active")
    page.get_by_role("tab", name="EKS API calls").click()
    expect(detail.get_by_role("row").filter(has_text="CreateCluster")).to_contain_text(re.compile(r"\d+:\d\d:\d\d"))
    detail.get_by_label("Find").fill("nothing like it")
    expect(detail).to_contain_text("No call matches.")
    detail.get_by_label("Find").fill("createcluster")
    expect(detail).to_contain_text("CreateCluster")
    detail.get_by_role("button", name="Delete", exact=True).click()
    answer(page, "Delete", Name="signed")
    expect(page.locator("#clusters")).to_be_visible()
    expect(row_of(page, "signed")).to_have_count(0)
    forgive(open_page, "404")
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("#live")).to_have_text("sign in to see the clusters")
    assert re.search("403", open_page.complaints.pop())
    assert page.evaluate("sessionStorage.length") == 0


class Closed(http.server.BaseHTTPRequestHandler):
    """A cluster's API server that knows nobody."""

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        body = b'{"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "Unauthorized", "code": 401}'
        self.send_response(401)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_where_the_api_is_permissive_people_sign_in_to_look_into_clusters(unattended, open_page):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Closed) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        unattended.cluster("looked", "Active", endpoint=address, kubeconfigSecret="looked-kubeconfig")
        unattended.kubeconfig("looked", address)
        page = open_page(unattended.endpoint, path="#/clusters/000000000000/us-east-1/looked/nodes")
        panel = page.get_by_role("tabpanel")
        expect(panel).to_contain_text("refuses users who aren't signed in")
        expect(panel).to_contain_text(".k3eks/k3eks.env")
        assert violations(page) == []
        panel.get_by_role("button", name="Sign in").click()
        # What no cluster would know signs nobody in.
        answer(page, "Sign in", Access_key_id="AKIAWRONG", Secret_access_key="any")
        expect(dialog(page).get_by_label("Access key id")).to_have_accessible_description(re.compile("This key isn't known here.*k3eks.env"))
        answer(page, "Sign in", Access_key_id="test", Secret_access_key="wrong")
        expect(dialog(page).get_by_label("Secret access key")).to_have_accessible_description("This isn't the key's secret.")
        assert page.evaluate("sessionStorage.length") == 0
        forgive(open_page, 403)
        answer(page, "Sign in", Secret_access_key="test")
        expect(page.locator("#who")).to_have_text("test")
        expect(panel).to_contain_text("create-access-entry --cluster-name looked")
        # Who signs out stays where they are, and can come back.
        page.get_by_role("button", name="Sign out").click()
        expect(panel).to_contain_text("refuses users who aren't signed in")
        expect(page.get_by_role("banner").get_by_role("button", name="Sign in")).to_be_visible()
        # Keys that are known no longer are named as the cause.
        page.evaluate("sessionStorage.setItem('k3eks-keys', '{\"id\": \"AKIAGONE\", \"secret\": \"s\", \"account\": \"000000000000\"}')")
        page.reload()
        expect(panel).to_contain_text("The access key AKIAGONE is unknown or its secret is wrong")
        server.shutdown()


def test_who_is_signed_in_still_reaches_other_accounts_where_the_api_is_permissive(nothing, open_page):
    boto(nothing, account="111111111111").create_cluster(name="theirs", roleArn="arn:aws:iam::111111111111:role/r", resourcesVpcConfig={})
    page = open_page(nothing, path="#/clusters/111111111111/us-east-1/theirs")
    page.get_by_role("button", name="Sign in").click()
    answer(page, "Sign in", Access_key_id="test", Secret_access_key="test")
    expect(page.locator("#who")).to_have_text("test")
    page.reload()
    expect(page.get_by_role("tabpanel")).to_contain_text("arn:aws:eks:us-east-1:111111111111:cluster/theirs")
    expect(page.get_by_role("tabpanel")).to_contain_text("Authentication mode")
    page.get_by_role("link", name="Create cluster").click()
    # A cluster is made with the keys of who is signed in, in their account.
    expect(page.get_by_role("textbox", name="Account")).to_have_attribute("readonly", "")
    expect(page.get_by_role("textbox", name="Account")).to_have_value("000000000000")
    expect(page.locator("#commands")).to_contain_text("# With the keys of test.")


def everything(eks):
    return [name for page in eks.get_paginator("list_clusters").paginate() for name in page["clusters"]]


def test_many_clusters_are_shown_and_found(records, open_page):
    manifest = "".join(
        "---\napiVersion: eks.cattle.io/v1\nkind: EKSClusterConfig\n"
        f"metadata: {{name: many-{n}, namespace: {records.namespace}}}\nspec: {{provider: metadata, accountID: '222222222222'}}\n" for n in range(200))
    env = {**os.environ, "KUBECONFIG": os.environ["K3EKS_E2E_BARE_KUBECONFIG"]}
    subprocess.run(["kubectl", "create", "-f", "-"], input=manifest.encode(), env=env, check=True, capture_output=True)
    eks = boto(records, account="222222222222")
    wait_for("the clusters", lambda: "many-199" in everything(eks) and eks.describe_cluster(name="many-199")["cluster"]["status"] == "ACTIVE", 120)
    page = open_page(records)
    expect(page.locator("#count")).to_have_text("200 clusters")
    # What sticks to the top when the list is scrolled is the table's head, over nothing else.
    page.locator("#rows tr").nth(90).scroll_into_view_if_needed()
    assert page.locator("thead").bounding_box()["y"] < 1
    assert page.locator("header").bounding_box()["y"] < -page.locator("header").bounding_box()["height"]
    page.locator("#search").fill("many-177")
    expect(page.locator("#rows tr")).to_have_count(1)
    shot(page, "many")
    subprocess.run(["kubectl", "delete", "eks", "-n", records.namespace, "--all", "--wait=false"], env=env, check=True, capture_output=True)
    page.locator("#search").fill("")
    expect(page.locator("#rows tr")).to_have_count(0, timeout=120_000)
