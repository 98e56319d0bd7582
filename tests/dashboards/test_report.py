"""The report is whole, safe, self-contained and readable without liquidations."""

import json
import re
from pathlib import Path

import pytest

from crossmargin.dashboards import report
from crossmargin.dashboards.captions import QUIET
from crossmargin.dashboards.figures.style import CONFIG
from tests.dashboards.synthetic import SyntheticRun, synthetic_run

SECTIONS = (
    "price-btc-perp",
    "price-eth-perp",
    "depth",
    "health",
    "waterfall",
    "insurance",
    "cascade",
    "contagion",
    "accounts",
    "classes",
    "spread",
    "lost",
    "quality",
)


@pytest.fixture(scope="module")
def page(crash: SyntheticRun) -> str:
    return report.report_html(crash)


@pytest.fixture(scope="module")
def own(page: str) -> str:
    """The page without plotly.js."""
    start = page.index("<script>/**") if "<script>/**" in page else page.index("MathJaxConfig")
    return page[:start] + page[page.index('<script type="application/json"') :]


def figures(page: str) -> dict:
    found = re.search(r'id="figures">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


@pytest.mark.parametrize("name", SECTIONS)
def test_all_sections_are_there(own: str, name: str) -> None:
    assert f'<section id="{name}"><h2>' in own
    assert f'href="#{name}"' in own


def test_every_chart_has_a_place_a_label_and_numbers(own: str) -> None:
    charts = figures(own)["charts"]
    assert len(charts) == 10
    for name in charts:
        assert f'id="{name}"' in own
    assert own.count('<figure aria-label="') == len(charts)
    assert own.count("<details>") == len(charts)


def test_no_other_host_is_named(own: str) -> None:
    assert not re.findall(r"https?://", own)
    assert "url(" not in own
    assert "@import" not in own


def test_the_browser_is_told_to_fetch_nothing(page: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    assert policy[1].startswith("default-src 'none'")
    assert "http" not in policy[1]
    assert not re.findall(
        r"<(?:script|img|link|iframe)[^>]*\s(?:src|href)=", page[: page.index("MathJax")]
    )


def test_no_chart_goes_to_a_cloud(own: str) -> None:
    config = figures(own)["config"]
    assert config == json.loads(json.dumps(CONFIG))
    assert "sendChartToCloud" in config["modeBarButtonsToRemove"]
    assert config["plotlyServerURL"] == ""
    assert config["displaylogo"] is config["showSendToCloud"] is False


def test_text_of_a_scenario_is_escaped(own: str) -> None:
    assert "A &lt;made-up&gt; crash" in own
    assert "<made-up>" not in own
    assert "&lt;20x&gt; leverage &amp; no patience" in own
    assert "A source &amp; its page" in own


def test_names_cannot_end_the_script() -> None:
    run = synthetic_run(steps=40, n=4)
    name = "x</script><script>alert(1)</script>"
    run.accounts["population"] = run.accounts["population"].replace("makers", name)
    assert "<script>alert" not in report.report_html(run)


def test_headline_numbers_are_those_of_the_summary(own: str, crash: SyntheticRun) -> None:
    assert f">{crash.summary['liquidated_accounts']}</b>" in own
    assert "In short." in own
    assert f"seed {crash.seed}" in own


def test_file_is_small(page: str) -> None:
    assert len(page.encode()) < 8_000_000


def test_a_quiet_run_says_so_in_words(quiet: SyntheticRun) -> None:
    page = report.report_html(quiet)
    assert "No account was liquidated" in page
    assert page.count(QUIET) == 6
    assert set(figures(page)["charts"]) >= {"chart-price-btc-perp", "chart-insurance"}
    assert "chart-cascade" not in figures(page)["charts"]
    assert ">nan" not in page.lower()


def test_it_is_written_whole_or_not_at_all(
    tmp_path: Path, quiet: SyntheticRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    assert report.write_report(quiet, path) == path
    before = path.read_bytes()
    assert before.endswith(b"</html>\n")
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        report.write_report(quiet, path)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == before


def test_the_same_run_makes_the_same_page(quiet: SyntheticRun) -> None:
    assert report.report_html(quiet) == report.report_html(quiet)
