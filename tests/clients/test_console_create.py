"""The form for a new cluster: what it tells at its fields, and that what it shows is what it makes."""
import json
import os
import re
import subprocess

import pytest
from conftest import AWS, VERSION, boto, wait_for
from playwright.sync_api import expect
from test_console import chromium, forgive, kubectl, nothing, open_page, shot, violations  # noqa: F401

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


def applied(page, nothing, *arguments):
    """The resources that Kubernetes makes of the shown YAML."""
    text = page.locator("#yaml").text_content()
    verb = arguments or ("create", "--dry-run=server")
    said = kubectl(*verb, "-n", nothing.namespace, "-o", "json", "-f", "-", stdin=text)
    resources = json.loads("[" + said.replace("}\n{", "},{") + "]")
    return [item for one in resources for item in one.get("items", [one])]
