"""The console page in a real Chromium: how large, how fast with many clusters, how soon it shows a change."""
import shutil
import statistics
import time
import urllib.request

from playwright.sync_api import sync_playwright


# When the frame begins in which the row is there, by the wall clock.
SHOWN = """(name) => {
    window.shown = new Promise((done) => {
        const observer = new MutationObserver(() => {
            if (![...document.querySelectorAll('#rows .name')].some((link) => link.textContent === name)) return;
            observer.disconnect();
            requestAnimationFrame(() => done(Date.now()));
        });
        observer.observe(document.getElementById('rows'), { childList: true });
    });
}"""


def measure(endpoint, clusters, make):
    """Size in KB; milliseconds until the first rows of `clusters` are shown and all can be searched; until all rows are there; until one
    that `make(name)` made is."""
    url = f"{endpoint}/_k3eks/"
    size = len(urllib.request.urlopen(url).read()) / 1000
    browser_path = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])))
    loads, wholes, changes = [], [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        for _ in range(5):
            page = browser.new_page()
            page.goto(url)
            # From the navigation's beginning, in the browser's own clock.
            usable, whole = page.evaluate(f"""() => new Promise((done) => {{
                let usable = null;
                const look = () => {{
                    const rows = document.querySelectorAll('#rows tr').length;
                    if (!usable && rows >= 100 && parseInt(document.getElementById('count').textContent) >= {clusters}) usable = performance.now();
                    if (rows >= {clusters}) done([usable, performance.now()]);
                    else requestAnimationFrame(look);
                }};
                look();
            }})""")
            loads.append(usable)
            wholes.append(whole)
            page.close()
        page = browser.new_page()
        page.goto(url)
        # Not by a function: the page's content policy lets nobody evaluate text.
        page.wait_for_selector(f"#rows tr:nth-child({clusters})", state="attached")
        for number in range(5):
            name = f"shown-{number}"
            page.evaluate(SHOWN, name)
            begun = time.time()
            make(name)
            changes.append(page.evaluate("() => window.shown") - begun * 1000)
            # A change that follows others at once is told together with them: this is about one that comes alone.
            time.sleep(1)
        browser.close()
    return size, statistics.median(loads), statistics.median(wholes), statistics.median(changes)
