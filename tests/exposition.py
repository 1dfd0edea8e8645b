"""Read what a server answers to Prometheus."""

from prometheus_client.parser import text_string_to_metric_families

Samples = dict[str, dict[tuple[tuple[str, str], ...], float]]


def read(text: str) -> Samples:
    """Return name -> labels -> value; a series that is told twice is an error."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            series = found.setdefault(sample.name, {})
            labels = tuple(sorted(sample.labels.items()))
            assert labels not in series, f"{sample.name}{labels} is told twice"
            series[labels] = sample.value
    return found


def value(samples: Samples, name: str, **labels: str) -> float:
    """Return one series' value; `class_` is the label `class`."""
    wanted = {key.rstrip("_"): text for key, text in labels.items()}
    return samples[name][tuple(sorted(wanted.items()))]
