"""How the page looks where there is much to show, and what its buttons and fields say of themselves."""
import re

from conftest import wait_for
from playwright.sync_api import expect
from test_console import SHOTS, answered, chromium, dialog, open_page, pod, shot, unattended, violations  # noqa: F401


def test_the_bar_of_a_rollout_is_full_when_it_is_over(unattended, open_page):
    unattended.cluster("shop", phase="Active", endpoint="https://127.0.0.1:1")
    page = open_page(unattended.endpoint)
    deployment = lambda name, **status: {"metadata": {"name": name, "namespace": "web", "creationTimestamp": "2026-01-01T00:00:00Z"}, "spec": {"replicas": 4}, "status": status}
    answered(page, "shop", deployments=[deployment("rolls", readyReplicas=4, updatedReplicas=1), deployment("stands", readyReplicas=4, updatedReplicas=4)])
    page.goto(f"{unattended.endpoint}/_k3eks/#/clusters/000000000000/us-east-1/shop/workloads")
    page.get_by_role("button", name="Controllers", exact=True).click()
    for name, part in [("rolls", 0.9), ("stands", 1)]:
        assert page.get_by_role("row").filter(has_text=name).get_by_role("progressbar").evaluate("bar => bar.position") == part, name


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
