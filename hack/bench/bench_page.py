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


# When the page was first painted, when so many rows are there, and when it knows all clusters.
LOADED = """([rows, all]) => new Promise((done) => {
    let first = 0;
    const look = () => {
        if (!first && document.querySelectorAll('#rows tr').length >= rows) first = performance.now();
        const [painted] = performance.getEntriesByName('first-contentful-paint');
        if (first && painted && clusters.size >= all) done([painted.startTime, first, performance.now()]);
        else requestAnimationFrame(look);
    };
    look();
})"""


def measure(endpoint, clusters, make):
    """Size of the page as it is sent, in KB; milliseconds until the page is painted, until the first rows of `clusters` are shown, and
    until all can be searched; until one that `make(name)` made is."""
    url = f"{endpoint}/_k3eks/"
    size = len(urllib.request.urlopen(urllib.request.Request(url, headers={"accept-encoding": "gzip"})).read()) / 1000
    browser_path = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])))
    paints, rows, loads, changes = [], [], [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        for _ in range(5):
            page = browser.new_page()
            page.goto(url)
            # From the navigation's beginning, in the browser's own clock.
            painted, first, whole = page.evaluate(LOADED, [min(clusters, 100), clusters])
            paints.append(painted)
            rows.append(first)
            loads.append(whole)
            page.close()
        page = browser.new_page()
        page.goto(url)
        # Only the first of many rows are there: the new ones are looked for.
        page.fill("#search", "shown-")
        page.wait_for_selector("#empty:not([hidden])")
        for number in range(5):
            name = f"shown-{number}"
            page.evaluate(SHOWN, name)
            begun = time.time()
            make(name)
            changes.append(page.evaluate("() => window.shown") - begun * 1000)
            # A change that follows others at once is told together with them: this is about one that comes alone.
            time.sleep(1)
        browser.close()
    return size, statistics.median(paints), statistics.median(rows), statistics.median(loads), statistics.median(changes)
