#!/usr/bin/env python3
"""screenshot.py ENDPOINT FOLDER: pictures of the console page at an endpoint: the list of clusters, and the cluster `demo`."""
import pathlib
import shutil
import sys

from playwright.sync_api import expect, sync_playwright


def main():
    endpoint, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    path = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1360, "height": 330}, device_scale_factor=1.25)
        page.goto(f"{endpoint}/_k3eks/")
        expect(page.locator("#live")).to_have_text("live")
        expect(page.locator("#rows tr")).to_have_count(2)
        page.screenshot(path=folder / "console.png")
        page.set_viewport_size({"width": 1360, "height": 760})
        page.get_by_role("link", name="demo", exact=True).click()
        page.get_by_role("tab", name="Node groups").click()
        expect(page.locator("#detail").get_by_role("row").filter(has_text="workers")).to_be_visible()
        page.screenshot(path=folder / "console-cluster.png")
        browser.close()


if __name__ == "__main__":
    main()
