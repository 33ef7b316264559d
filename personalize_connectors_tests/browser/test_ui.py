"""Dagster's UI on the demo: the graph, a run by clicking, a run by the sensor, and what a delivery shows."""

import re
from collections.abc import Iterator
from itertools import chain

import pyarrow.compute as pc
import pyarrow.dataset as ds
import pytest
from playwright.sync_api import Page, Response, expect

from personalize_connectors import layout
from personalize_connectors.demo.shop import DAYS, PERSONAL_JOB
from personalize_connectors.job_run import Job, JobRun, parse_timestamp

pytestmark = pytest.mark.browser

JOB = Job.parse(PERSONAL_JOB)
CLICKED = JobRun(JOB, parse_timestamp("2026-11-21T05-00-00Z"))
SENSED = JobRun(JOB, DAYS[1])
GROUP = "locations/personalize_connectors.definitions/asset-groups/recommendations/lineage"
LONGEST = 30_000
expect.set_options(timeout=LONGEST)


def test_a_person_runs_watches_and_reads(chromium, shop, screenshots):
    """A run started by clicking and one started by the sensor deliver what the receipts, the UI and the report say."""
    with chromium.new_context(viewport={"width": 1360, "height": 940}, color_scheme="light") as context:
        page = context.new_page()
        page.set_default_timeout(LONGEST)
        rename_a_category(shop)
        shop.emulator.reset()
        click_a_run(page, shop.url, screenshots)
        clicked = delivered(page, shop, CLICKED)
        shop.next_day()
        sensed = delivered(page, shop, SENSED)
        assert min(clicked, sensed) > 0
        assert shop.emulator.stats()["objects_accepted"] == clicked + sensed
        look_at_the_graph(page, shop.url, screenshots)
        read_the_plots(page, shop.url, [clicked, sensed], screenshots)
        read_the_report(page, shop, sensed, screenshots)


def rename_a_category(shop):
    """Give some items other metadata, so that their users change."""
    path = f"{layout.metadata_folder(JOB)}/products.json"
    shop.bucket.write(path, shop.bucket.read(path).replace(b'"category":"tea"', b'"category":"teas"'))


def click_a_run(page: Page, url: str, screenshots):
    """Materialize all assets of a registered job run, chosen in the dialog."""
    page.goto(f"{url}/{GROUP}")
    for asset in ("inference_errors", "braze_sync", "connector_state"):
        expect(page.get_by_text(asset, exact=True).first).to_be_visible()
    page.get_by_role("button", name="Materialize all").click()
    for choice in (str(JOB), CLICKED.run):
        page.get_by_text("Select a partition or create one").first.click()
        page.get_by_role("menuitem", name=choice).click()
        page.keyboard.press("Escape")
    page.get_by_role("button", name="Launch 1 run", exact=True).click()
    page.get_by_text("View", exact=True).click()
    expect(page.get_by_text("Success", exact=True).first).to_be_visible()
    page.screenshot(path=screenshots / "run.png", clip={"x": 240, "y": 0, "width": 1120, "height": 380})


def delivered(page: Page, shop, run: JobRun) -> int:
    """Wait until the UI shows the delivery of a run; its numbers and rows are those of the receipts. Gives how many."""
    page.goto(f"{shop.url}/assets/braze_sync?view=events")
    event = page.get_by_text(run.key).first
    event.wait_for()
    page.goto(f"{shop.url}/assets/braze_sync?view=events&partition={run.key}")
    folder = shop.bucket.local / layout.delivered_run(run, "braze", "receipts")
    receipts = ds.dataset(folder, format="parquet").to_table()
    accepted = receipts.filter(pc.equal(receipts["status"], "accepted"))
    points = pc.sum(accepted["points"]).as_py() or 0
    for name, number in (("accepted", len(accepted)), ("data_points_sent", points)):
        row = page.get_by_role("row").filter(has=page.get_by_text(name, exact=True)).first
        expect(row).to_contain_text(str(number))
    preview = page.get_by_role("row").filter(has=page.get_by_text("preview", exact=True)).first
    expect(preview).to_contain_text(re.compile(r"user-\d+"))
    users = re.findall(r"user-\d+", preview.inner_text())
    assert set(users) <= set(receipts["user_id"].to_pylist())
    return len(accepted)


def look_at_the_graph(page: Page, url: str, screenshots):
    """On a wide screen each asset of the graph says how it is."""
    page.set_viewport_size({"width": 2560, "height": 800})
    page.goto(f"{url}/{GROUP}")
    expect(page.get_by_text("Latest event")).to_have_count(7)
    expect(page.get_by_text("3 partitions")).to_have_count(7)
    page.screenshot(
        path=screenshots / "asset-graph.png", clip={"x": 245, "y": 170, "width": 2235, "height": 560}
    )
    page.set_viewport_size({"width": 1360, "height": 940})


def read_the_plots(page: Page, url: str, numbers: list[int], screenshots):
    """The numbers of all deliveries are plotted: what the plot is given holds those of the runs."""
    page.goto(f"{url}/assets/braze_sync?view=overview")
    plots = page.get_by_role("button", name="Plots")
    plots.wait_for()
    with page.expect_response(lambda answer: set(numbers) <= set(accepted_in(answer))):
        plots.click()
    page.get_by_role("button", name="Events").click()
    expect(page.locator("canvas").first).to_be_visible()
    page.screenshot(path=screenshots / "braze-sync.png")


def accepted_in(answer: Response) -> Iterator[int]:
    """The numbers called accepted in an answer of Dagster's GraphQL."""
    if "/graphql" in answer.url and answer.headers.get("content-type", "").startswith("application/json"):
        yield from _accepted(answer.json())


def _accepted(found: object) -> Iterator[int]:
    if isinstance(found, list):
        yield from chain.from_iterable(map(_accepted, found))
    elif isinstance(found, dict):
        if found.get("label") == "accepted" and isinstance(found.get("intValue"), int):
            yield found["intValue"]
        yield from chain.from_iterable(map(_accepted, found.values()))


def read_the_report(page: Page, shop, accepted: int, screenshots):
    """The run's report opens from its file, and says how many were accepted."""
    page.goto((shop.bucket.local / layout.report(SENSED)).as_uri())
    tile = page.locator(".tiles > div").filter(has_text="accepted")
    expect(tile.locator("dd").first).to_have_text(f"{accepted:,}")
    expect(page.get_by_role("heading", name="What users will see")).to_be_visible()
    assert page.locator("article.user").count() == 10
    page.screenshot(
        path=screenshots / "report.png", full_page=True, clip={"x": 0, "y": 0, "width": 1360, "height": 1800}
    )
