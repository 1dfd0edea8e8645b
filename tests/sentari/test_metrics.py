"""The license as Prometheus sees it: absolute times, and nothing of a license that is not there."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from sentari import metrics
from sentari.licensing.state import Facts, LicenseStatus, State, Usage, evaluate
from sentari.licensing.tally import Tally
from sentari.licensing.warnings import EXPIRY_DAYS, OFFLINE_PERCENT, USAGE_PERCENT
from sentari.metrics import LicenseReading
from tests.exposition import Samples, read, value
from tests.sentari.licensing.samples import EXPIRY, ISSUED, make_claims

ROOT = Path(__file__).parents[2]
DAY = timedelta(days=1)
NO_LICENSE = {"sentari_license_state", "sentari_license_check_ins_total"}


def reading(status: LicenseStatus, **changes: object) -> LicenseReading:
    plain = LicenseReading(status, "kid-1", Tally.of([]), ISSUED, 0)
    return replace(plain, **changes)  # type: ignore[arg-type]


def samples(found: LicenseReading) -> Samples:
    return read(metrics.render(found).decode())


def of_the_license(found: Samples) -> set[str]:
    """Return the names of what is told of the license, except what the workers count."""
    told = {name for name in found if name.startswith(("sentari_license_", "sentari_clock_"))}
    return told - {"sentari_license_denied_requests_total"}


def licensed(now: datetime = ISSUED, **terms: object) -> LicenseStatus:
    return evaluate(make_claims(**terms), Facts(usage=Usage(7, 900)), now)


def test_exactly_one_state_is_on() -> None:
    for status in (licensed(), licensed(EXPIRY), evaluate(None, Facts(), ISSUED)):
        states = samples(reading(status))["sentari_license_state"]
        assert {labels[0][1] for labels in states} == {state.value for state in State}
        on = [labels[0][1] for labels, number in states.items() if number]
        assert on == [status.state.value]


def test_dates_are_told_as_seconds_since_1970() -> None:
    found = samples(reading(licensed(), succeeded_at=ISSUED + timedelta(seconds=9)))
    for name, at in (
        ("issued", ISSUED),
        ("expiry", EXPIRY),
        ("grace_end", EXPIRY + 14 * DAY),
        ("read_only_end", EXPIRY + 44 * DAY),
        ("offline_deadline", ISSUED + 365 * DAY),
        ("last_check_in_success", ISSUED + timedelta(seconds=9)),
    ):
        assert value(found, f"sentari_license_{name}_timestamp_seconds") == at.timestamp(), name


def test_usage_limits_and_what_the_license_is_are_told() -> None:
    found = samples(reading(licensed(), tamper_detections=3))
    assert value(found, "sentari_license_devices") == 7
    assert value(found, "sentari_license_devices_limit") == 100
    assert value(found, "sentari_license_packages") == 900
    assert value(found, "sentari_license_packages_limit") == 1000
    assert value(found, "sentari_license_tamper_detected_total") == 3
    info = {"license_id": "lic-1", "tier": "enterprise", "kid": "kid-1"}
    assert value(found, "sentari_license_info", **info) == 1


@pytest.mark.parametrize(("limit", "told"), [(None, None), (0, 0), (1, 1)])
def test_an_unlimited_cap_has_no_limit_and_a_cap_of_nought_has_one(
    limit: int | None, told: int | None
) -> None:
    found = samples(reading(licensed(max_devices=limit, max_packages=limit)))
    for noun in ("devices", "packages"):
        assert found.get(f"sentari_license_{noun}_limit", {}).get(()) == told
        assert f"sentari_license_{noun}" in found


def test_a_license_that_was_never_checked_in_for_has_no_time_of_it() -> None:
    found = samples(reading(licensed(), succeeded_at=None))
    assert "sentari_license_last_check_in_success_timestamp_seconds" not in found


def test_without_a_license_only_its_state_and_the_counters_are_there() -> None:
    found = samples(reading(evaluate(None, Facts(), ISSUED), clock_offsets={"floor": 1.0}))
    assert of_the_license(found) == NO_LICENSE


def test_a_stored_reply_that_does_not_verify_tells_nothing_of_its_own() -> None:
    tampered = evaluate(None, Facts(tampering="The row is gone.", tampered_at=ISSUED), ISSUED)
    found = samples(reading(tampered, tamper_detections=1))
    assert value(found, "sentari_license_state", state="tampered") == 1
    assert value(found, "sentari_license_tamper_detected_total") == 1
    assert not [name for name in found if re.search("info|expiry|limit|deadline", name)]


def test_a_license_with_edited_columns_tells_what_was_signed() -> None:
    facts = Facts(tampering="The column max_devices was changed.", tampered_at=ISSUED)
    found = samples(reading(evaluate(make_claims(), facts, ISSUED)))
    assert value(found, "sentari_license_state", state="tampered") == 1
    assert value(found, "sentari_license_devices_limit") == 100


def test_the_check_ins_and_their_times_are_told() -> None:
    tally = Tally.of([])
    outcomes = {**tally.outcomes, ("success", "none"): 4, ("failure", "dns"): 2}
    within = {**tally.within, "0.5": 4, "+Inf": 2}
    found = samples(reading(licensed(), tally=Tally(outcomes, within, 33.5)))
    name = "sentari_license_check_ins_total"
    assert value(found, name, result="success", cause="none") == 4
    assert value(found, name, result="failure", cause="dns") == 2
    assert value(found, name, result="failure", cause="tls") == 0
    name = "sentari_license_check_in_duration_seconds"
    steps = {"0.1": 0, "0.5": 4, "1.0": 4, "15.0": 4, "+Inf": 6}
    for bound, count in steps.items():
        assert value(found, f"{name}_bucket", le=bound) == count
    assert value(found, f"{name}_count") == 6
    assert value(found, f"{name}_sum") == 33.5


def test_the_clock_is_told_of_when_it_was_compared() -> None:
    assert "sentari_clock_offset_seconds" not in samples(reading(licensed()))
    offsets = {"floor": -301.5, "vendor": 0.25}
    found = samples(reading(licensed(), clock_offsets=offsets))
    for source, seconds in offsets.items():
        assert value(found, "sentari_clock_offset_seconds", source=source) == seconds


def test_a_method_that_somebody_makes_up_is_no_label_of_its_own() -> None:
    metrics.count_request("BREW", 405, None, 0.001)
    metrics.count_request("GET", 200, "overview.index", 0.001)
    requests = samples(reading(licensed()))["sentari_http_requests_total"]
    methods = {dict(labels)["method"] for labels in requests}
    assert "other" in methods
    assert methods <= metrics.METHODS | {"other"}


def families() -> Mapping[str, tuple[str, set[str]]]:
    """Return the type and the labels of every metric that there can be."""
    metrics.count_request("GET", 200, "overview.index", 0.001)
    metrics.count_scan("applied")
    metrics.count_denied("active", "ingest")
    metrics.count_log_anomaly("altered")
    text = metrics.render(reading(licensed(), clock_offsets={"floor": 0.0})).decode()
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    found = {}
    for name, kind in types.items():
        series = read(text).get(name) or read(text)[f"{name}_count"]
        found[name] = (kind, {label for labels in series for label, _ in labels})
    return found


def test_the_page_on_metrics_lists_each_with_its_type_and_labels() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|(.*?)\| (\w+) \| (?:database|workers) \|", page, re.M)
    listed = {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, labels, kind in rows}
    assert listed == families()


RULE = re.compile(
    r"      - alert: (?P<alert>Sentari\w+)\n"
    r"        expr: '(?P<expr>[^'\n]+)'\n"
    r"(?:        for: \d+m\n)?"
    r"        labels:\n          severity: (?P<severity>info|warning|critical)\n"
    r"(?:          threshold: \"(?P<threshold>\d+)\"\n)?"
    r"        annotations:\n          summary: \".+\"\n          description: \".+\"\n"
)


@pytest.fixture
def alerts() -> dict[str, re.Match[str]]:
    """The sample rules, read strictly: what is no rule, group or comment fails."""
    text = (ROOT / "deploy" / "prometheus" / "alerts.yml").read_text()
    rest = re.sub(r"  - name: sentari-[a-z-]+\n    rules:\n", "", RULE.sub("", text))
    assert re.fullmatch(r"(#.*\n)+groups:\n", rest), rest
    found = {match["alert"]: match for match in RULE.finditer(text)}
    assert len(found) == text.count("- alert:"), "a name is used twice"
    return found


def test_the_sample_alerts_ask_only_for_metrics_that_there_are(
    alerts: dict[str, re.Match[str]],
) -> None:
    known = families()
    for match in alerts.values():
        names = re.findall(r"sentari_\w+", match["expr"])
        assert names
        assert set(names) <= set(known), match["alert"]


def thresholds(alerts: dict[str, re.Match[str]], start: str) -> list[int]:
    return [int(m["threshold"]) for name, m in alerts.items() if name.startswith(start)]


def test_there_is_a_sample_alert_for_every_warning(alerts: dict[str, re.Match[str]]) -> None:
    assert tuple(thresholds(alerts, "SentariLicenseExpires")) == EXPIRY_DAYS
    assert tuple(thresholds(alerts, "SentariOfflineBudget")) == OFFLINE_PERCENT
    assert tuple(thresholds(alerts, "SentariDevicesUsage")) == USAGE_PERCENT
    assert tuple(thresholds(alerts, "SentariPackagesUsage")) == USAGE_PERCENT
    for name, match in alerts.items():
        if match["threshold"]:
            assert re.search(rf"[=*] {match['threshold']}\b", match["expr"]), name
    text = " ".join(match["expr"] for match in alerts.values())
    asked = set(re.findall(r'sentari_license_state\{state="(\w+)"\}', text))
    assert asked == {state.value for state in State} - {"active"}
    assert "sentari_clock_offset_seconds" in text


def test_the_sample_dashboard_draws_every_metric_and_no_other() -> None:
    dashboard = json.loads((ROOT / "deploy" / "grafana" / "sentari.json").read_text())
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    known, drawn = families(), set()
    for panel in panels:
        for target in panel.get("targets", []):
            assert target["datasource"] == panel["datasource"]
            for name in re.findall(r"sentari_\w+", target["expr"]):
                kind = known.get(name) or known[re.sub("_(bucket|count|sum)$", "", name)]
                drawn.add(name if name in known else name.rpartition("_")[0])
                asked = re.findall(r"by \(([\w, ]+)\)", target["expr"])
                labels = {label for group in asked for label in group.split(", ")} - {"le"}
                assert labels <= kind[1], target["expr"]
    assert set(known) - drawn == {
        # Of the dates one is shown; the sample alerts tell of the others.
        "sentari_license_grace_end_timestamp_seconds",
        "sentari_license_issued_timestamp_seconds",
        "sentari_license_read_only_end_timestamp_seconds",
    }
