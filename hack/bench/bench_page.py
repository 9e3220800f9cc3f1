"""The console page in a real Chromium: how large, how fast with many clusters, how soon it shows a change."""
import shutil
import statistics
import time
import urllib.request

from playwright.sync_api import sync_playwright


def measure(endpoint, clusters, make):
    """Size in KB; milliseconds until all `clusters` are shown and can be searched; milliseconds until one that `make(name)` made is."""
    url = f"{endpoint}/_k3eks/"
    size = len(urllib.request.urlopen(url).read()) / 1000
    browser_path = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])))
    loads, changes = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        for _ in range(5):
            page = browser.new_page()
            page.goto(url)
            # From the navigation's beginning, in the browser's own clock.
            loads.append(page.evaluate(f"""() => new Promise((done) => {{
                const look = () => document.querySelectorAll('#rows tr').length >= {clusters} ? done(performance.now()) : requestAnimationFrame(look);
                look();
            }})"""))
            page.close()
        page = browser.new_page()
        page.goto(url)
        # Not by a function: the page's content policy lets nobody evaluate text.
        page.wait_for_selector(f"#rows tr:nth-child({clusters})", state="attached")
        for number in range(5):
            name = f"shown-{number}"
            make(name)
            begun = time.monotonic()
            page.wait_for_selector(f"button.name:text-is('{name}')", state="attached")
            changes.append((time.monotonic() - begun) * 1000)
        browser.close()
    return size, statistics.median(loads), statistics.median(changes)
