"""The report with hostile values, in Chromium: nothing in it runs, and nothing leaves the page."""

import pytest

from personalize_connectors.job_run import Job, JobRun, parse_timestamp
from personalize_connectors.report.figures import RunFigures
from personalize_connectors.report.page import page as report_page
from personalize_connectors.report.samples import SampleUser

pytestmark = pytest.mark.browser

RUN = JobRun(Job.parse("user_personalization/daily"), parse_timestamp("2026-11-22T03-00-00Z"))
AWAY = "http://127.0.0.1:9/"
HOSTILE = (
    "<script>document.title='ran'</script>",
    f"<img src='{AWAY}x.png' onerror=\"document.title='ran'\">",
    f'"><svg onload="document.title=\'ran\'"><image href="{AWAY}">',
    f"</style><style>body{{background:url({AWAY}css)}}</style>",
    f"</title></head><body onload=document.title='ran'><iframe src='{AWAY}'></iframe>",
    "javascript:document.title='ran'",
    "data:text/html,<script>document.title='ran'</script>",
    f"x');background:url({AWAY}a);color:('",
    f"<link rel=stylesheet href='{AWAY}b'><meta http-equiv=refresh content='0;url={AWAY}c'>",
    "{{ 7 * 7 }}{% raw %}",
    "\u202eright to left\u0000 \ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    "مصباح مكتب",
    "W" * 100_000,
)


def report(*, pictures: bool) -> str:
    """A report whose every text is hostile."""
    items = [
        {"itemId": text, "name": text, "price": text, "image_url": text, "url": text, text: text}
        for text in HOSTILE
    ]
    users = [SampleUser(text, "added", "", items[place:]) for place, text in enumerate(HOSTILE)]
    users += [
        SampleUser("gone", "removed", "", []),
        SampleUser("bare", "added", HOSTILE[0], [{"itemId": "1"}]),
    ]
    delta = dict.fromkeys(("added", "changed", "unchanged", "removed", "points", "points_saved"), 1)
    assets = {
        "decorated_recommendations": {"deltas": {"braze": delta}, "stopped": list(HOSTILE)},
        "braze_sync": {"rejects": dict.fromkeys(HOSTILE, 3)},
    }
    return report_page([RunFigures(RUN, assets)], users, pictures=pictures)


@pytest.fixture
def opened(chromium, tmp_path):
    """Open a report from a file; gives its page, the requests that it made, and the dialogs and errors of scripts."""
    with chromium.new_context(viewport={"width": 360, "height": 800}) as context:

        def open_report(html: str):
            path = tmp_path / "report.html"
            path.write_bytes(html.encode())
            page, requests, ran = context.new_page(), [], []
            page.on("requestfinished", lambda request: requests.append(request.url))
            page.on("requestfailed", lambda one: requests.append(one.url) if one.failure != "csp" else None)
            page.on("dialog", lambda dialog: (ran.append(dialog.message), dialog.dismiss()))
            page.on("pageerror", lambda error: ran.append(str(error)))
            page.goto(path.as_uri(), wait_until="networkidle")
            assert requests.pop(0) == path.as_uri()
            return page, requests, ran

        yield open_report


def test_nothing_runs_and_nothing_leaves(opened):
    """Of hostile names, prices, pictures, reasons and ids only text is left; the page makes no request but itself."""
    page, requests, ran = opened(report(pictures=False))
    assert (requests, ran) == ([], [])
    assert page.title() == "daily · 2026-11-22 03:00"
    assert (
        page.locator("script, iframe, link, object, embed, form, a, img, body [onload], [onerror]").count()
        == 0
    )
    assert page.locator("style").count() == 1
    assert page.locator("meta[http-equiv]").evaluate_all("all => all.map(one => one.httpEquiv)") == [
        "Content-Security-Policy"
    ]
    shown = page.locator("article.user h3 bdi").all_text_contents()
    assert shown == [text[:120].replace("\0", "") for text in HOSTILE] + ["gone", "bare"]


def test_it_fits_a_phone(opened):
    """The longest words do not make the page wider than a phone's screen."""
    page, _, _ = opened(report(pictures=False))
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_pictures_are_all_that_is_asked_for(opened):
    """Where pictures are asked for, only web addresses are loaded, as pictures with a text for those who see none."""
    users = [SampleUser("ana", "added", "", [{"itemId": "1", "image": text}]) for text in HOSTILE]
    users.insert(0, SampleUser("ben", "added", "", [{"itemId": "2", "image": f"{AWAY}p.png"}]))
    page, requests, ran = opened(report_page([RunFigures(RUN, {})], users, pictures=True))
    assert (requests, ran) == ([f"{AWAY}p.png"], [])
    assert page.locator("img").evaluate_all("all => all.map(one => one.alt)") == ["2"]


def test_the_policy_alone_would_hold(opened):
    """Even unescaped, a script and a picture in the page neither run nor load: its policy forbids them."""
    html = report(pictures=False).replace(
        "<main>", f"<main><script>document.title='ran'</script>{HOSTILE[1]}{HOSTILE[3]}"
    )
    page, requests, ran = opened(html)
    assert (page.title(), requests, ran) == ("daily · 2026-11-22 03:00", [], [])
