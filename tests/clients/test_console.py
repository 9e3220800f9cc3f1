"""The page at /_k3eks/ in a real Chromium. Screenshots are kept in .k3eks/screenshots."""
import os
import pathlib
import re
import shutil
import subprocess
import urllib.error
import urllib.request

import pytest
from conftest import boto, wait_for
from playwright.sync_api import expect, sync_playwright

SHOTS = pathlib.Path(__file__).parents[2] / ".k3eks" / "screenshots"
ROLE = "arn:aws:iam::000000000000:role/r"


@pytest.fixture(scope="module")
def chromium():
    expect.set_options(timeout=30_000)
    path = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium):
    """Opens the page at an endpoint; fails if it said anything on its console or asked anybody else."""
    contexts, complaints = [], []

    def open_page(endpoint, **options):
        context = chromium.new_context(viewport={"width": 1280, "height": 900}, **options)
        context.grant_permissions(["clipboard-read", "clipboard-write"], origin=endpoint)
        context.set_default_timeout(30_000)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith((endpoint, "data:")) else complaints.append(request.url))
        page.goto(f"{endpoint}/_k3eks/")
        contexts.append(context)
        return page
    open_page.complaints = complaints
    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def shot(page, name):
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png", full_page=True)


def fill(page, **fields):
    for label, value in fields.items():
        page.get_by_role("dialog").get_by_label(label.replace("_", " ")).fill(value)


def test_a_real_cluster_is_made_scaled_stopped_and_deleted_by_clicking(real, open_page):
    page = open_page(real)
    expect(page.locator("#live")).to_have_text("live")
    page.get_by_role("button", name="Create cluster").click()
    fill(page, Name="Clicked_1")
    shot(page, "create")
    page.get_by_role("dialog").get_by_role("button", name="Create").click()
    row = page.get_by_role("row").filter(has_text="Clicked_1")
    expect(row.locator(".phase")).to_have_text("Active", timeout=120_000)

    row.get_by_role("button", name="Clicked_1").click()
    detail = page.locator("#detail")
    expect(detail.get_by_role("heading", name="Clicked_1")).to_be_focused()
    detail.get_by_role("button", name="Add node group").click()
    fill(page, Name="workers", Nodes="1")
    page.get_by_role("dialog").get_by_role("button", name="Add").click()
    group = detail.get_by_role("row").filter(has_text="workers")
    expect(group.locator(".phase")).to_have_text("Active", timeout=120_000)
    detail.get_by_role("button", name="Scale workers").click()
    fill(page, Nodes="2")
    page.get_by_role("dialog").get_by_role("button", name="Scale").click()
    expect(group).to_contain_text("2/2", timeout=120_000)
    detail.get_by_role("tab", name="Nodes", exact=True).click()
    expect(detail.get_by_role("row").filter(has_text="workers")).to_have_count(2)
    detail.get_by_role("tab", name="Events").click()
    expect(detail.locator("tbody")).to_contain_text("everything is as the spec asks")
    detail.get_by_role("tab", name="Updates").click()
    expect(detail.locator("tbody")).to_contain_text("Successful", timeout=60_000)
    shot(page, "cluster")

    detail.get_by_role("button", name="Copy kubeconfig").click()
    expect(page.locator("#said")).to_contain_text("in the clipboard")
    assert "client-key-data" in page.evaluate("navigator.clipboard.readText()")
    detail.get_by_role("button", name="Stop").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop").click()
    expect(row.locator(".phase")).to_have_text("Stopped", timeout=60_000)
    detail.get_by_role("button", name="Start").click()
    page.get_by_role("dialog").get_by_role("button", name="Start").click()
    expect(row.locator(".phase")).to_have_text("Active", timeout=60_000)

    detail.get_by_role("button", name="Delete", exact=True).click()
    fill(page, Name="another")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog")).to_contain_text("That isn't Clicked_1.")
    fill(page, Name="Clicked_1")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0, timeout=60_000)
    expect(detail).to_be_hidden()
    left = subprocess.run(["docker", "ps", "-aq", "--filter", "label=k3eks.io/cluster", "--filter", "name=clicked-1"], capture_output=True, text=True).stdout
    assert left == ""


def test_it_says_what_is_empty_finds_and_obeys_the_keyboard(records, open_page):
    page = open_page(records, color_scheme="dark")
    eks = boto(records)
    for name in eks.list_clusters()["clusters"]:
        eks.delete_cluster(name=name)
    expect(page.locator("#empty")).to_contain_text("There are no clusters yet")
    shot(page, "empty-dark")
    for name in ["alpha", "beta"]:
        eks.create_cluster(name=name, roleArn=ROLE, resourcesVpcConfig={})
    expect(page.locator("#rows tr")).to_have_count(2)
    page.keyboard.press("/")
    page.keyboard.type("bet")
    expect(page.locator("#count")).to_have_text("1 of 2 clusters")
    page.keyboard.type("nothing")
    expect(page.locator("#empty")).to_have_text("No cluster matches the search.")
    page.locator("#search").fill("")
    page.get_by_role("button", name="alpha").press("Enter")
    expect(page.get_by_role("heading", name="alpha")).to_be_focused()
    page.get_by_role("tab", name="Node groups").press("ArrowRight")
    expect(page.get_by_role("tab", name="Nodes", exact=True)).to_be_focused()
    page.reload()
    expect(page.get_by_role("heading", name="alpha")).to_be_visible()
    shot(page, "alpha-dark")
    page.keyboard.press("Escape")
    expect(page.locator("#detail")).to_be_hidden()
    # What the server refuses is said where it was asked.
    page.get_by_role("button", name="Create cluster").click()
    fill(page, Name="alpha")
    page.get_by_role("dialog").get_by_role("button", name="Create").click()
    expect(page.get_by_role("dialog")).to_contain_text("Cluster already exists with name: alpha")
    assert open_page.complaints.pop().endswith("409 (Conflict)")
    for name in ["alpha", "beta"]:
        eks.delete_cluster(name=name)
    expect(page.locator("#rows tr")).to_have_count(0)


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
    assert asked("DELETE", "/_k3eks/console/clusters/a/b", **{"sec-fetch-site": "cross-site"}) == 403


def test_where_the_api_is_strict_the_page_asks_for_keys(strict, open_page):
    endpoint, key, secret = strict
    page = open_page(endpoint)
    expect(page.locator("#live")).to_have_text("sign in to see the clusters")
    assert re.search("403", open_page.complaints.pop())
    page.get_by_role("button", name="Sign in").click()
    fill(page, Access_key_id=key, Secret_access_key=secret)
    page.get_by_role("dialog").get_by_role("button", name="Sign in").click()
    expect(page.locator("#live")).to_have_text("live")
    page.get_by_role("button", name="Create cluster").click()
    fill(page, Name="signed")
    page.get_by_role("dialog").get_by_role("button", name="Create").click()
    row = page.get_by_role("row").filter(has_text="signed")
    expect(row.locator(".phase")).to_have_text("Active")
    row.get_by_role("button", name="signed").click()
    page.get_by_role("tab", name="Audit trail").click()
    expect(page.locator("#panel")).to_contain_text("CreateCluster")
    page.locator("#detail").get_by_role("button", name="Delete", exact=True).click()
    fill(page, Name="signed")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0)


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
    expect(page.locator("#rows tr")).to_have_count(200)
    page.locator("#search").fill("many-177")
    expect(page.locator("#rows tr")).to_have_count(1)
    shot(page, "many")
    subprocess.run(["kubectl", "delete", "eks", "-n", records.namespace, "--all", "--wait=false"], env=env, check=True, capture_output=True)
    page.locator("#search").fill("")
    expect(page.locator("#rows tr")).to_have_count(0, timeout=120_000)
