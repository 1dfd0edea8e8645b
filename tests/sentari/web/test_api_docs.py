import re
import shlex
from urllib.parse import urlencode

import pytest

from sentari.api.reference import read_reference
from tests.conftest import AppFactory

PAGE = "/api/v1/docs"


@pytest.fixture
def page(client):
    answer = client.get(PAGE)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    return answer.get_data(as_text=True)


@pytest.fixture
def operations(app):
    return [each for _, found in read_reference(app.spec).tags for each in found]


def test_strangers_read_every_operation_in_every_license_state(page, operations):
    assert len(operations) > 20
    for each in operations:
        assert f'id="{each.anchor}"' in page
        assert f'<span class="mono">{each.path}</span>' in page


def test_every_link_within_the_page_leads_somewhere(page):
    anchors = set(re.findall(r'\bid="([^"]+)"', page))
    links = re.findall(r'href="#([^"]+)"', page)
    assert len(links) > 100
    assert set(links) <= anchors
    assert len(re.findall(r'\bid="', page)) == len(anchors)


def test_the_page_loads_nothing_from_elsewhere(page):
    loaded = re.findall(r'<(?:link|script|img)\b[^>]*(?:href|src)="([^"]+)"', page)
    assert all(address.startswith("/static/") for address in loaded)


def test_people_come_before_agents_and_addresses_are_in_order(operations):
    tags = list(dict.fromkeys(each.tag for each in operations))
    assert tags == ["Account", "Audit", "Inventory", "License", "Tokens", "Users", "Agents"]
    paths = [each.path for each in operations if each.tag == "Inventory"]
    assert paths == sorted(paths)


def test_the_examples_name_the_public_address(make_app: AppFactory, usual_url):
    app = make_app(usual_url, public_url="https://sentari.example.com")
    answer = app.test_client().get(PAGE, headers={"Host": "evil.example"})
    assert "SENTARI=https://sentari.example.com" in answer.get_data(as_text=True)


def test_who_may_ask_and_what_is_taken_is_told(operations):
    by_anchor = {each.anchor: each for each in operations}
    packages = by_anchor["inventory_list_packages"]
    assert packages.asks == "an API token of any role"
    assert packages.licensed
    sizes = next(each for each in packages.parameters if each.name == "page_size")
    assert (sizes.kind, sizes.notes) == ("whole number", "1 to 500; 50 if left out")
    assert by_anchor["license_activate"].asks == "an admin's API token"
    assert by_anchor["license_show"].asks == "anybody; a token of an admin is told more"
    assert by_anchor["agent_register"].asks == "anybody, without a token"
    assert "device token" in by_anchor["agent_scan"].asks
    assert by_anchor["inventory_sbom"].answers[0].files == ("application/vnd.cyclonedx+json",)


def sent(client, example):
    """Ask as curl would be told to."""
    words = shlex.split(example.replace("\\\n", " "))
    assert words[:2] == ["curl", "-s"]
    address, options, query = None, {"method": "GET", "headers": {}}, {}
    rest = iter(words[2:])
    for word in rest:
        if word == "-X":
            options["method"] = next(rest)
        elif word == "-H":
            name, value = next(rest).split(": ", 1)
            options["headers"][name] = value
        elif word == "-d":
            options |= {"data": next(rest), "method": "POST"}
        elif word == "--data-urlencode":
            name, value = next(rest).split("=", 1)
            query[name] = value
        elif word != "-G":
            assert address is None
            address = word
    assert address.startswith("$SENTARI/")
    # Only a number is an address.
    address = re.sub(r"\$(?:USER|TOKEN|SESSION)_ID", "1", address)
    return client.open(address.removeprefix("$SENTARI") + "?" + urlencode(query), **options)


def test_every_example_is_a_request_that_the_server_knows(client, operations):
    for each in operations:
        answer = sent(client, each.example)
        told = [found.status for found in each.answers]
        assert str(answer.status_code) in told, (each.example, answer.get_data(as_text=True))
        # Without a token most are not let in; what is asked is at least an address of the server.
        if told[0] != "404" and answer.status_code in (400, 404, 422):
            assert answer.json["code"] not in ("not_found", "malformed", "invalid"), each.example


def test_an_example_sends_what_must_be_there(operations):
    by_anchor = {each.anchor: each.example for each in operations}
    assert "--data-urlencode 'name=...'" in by_anchor["inventory_list_locations"]
    assert "-X DELETE" in by_anchor["inventory_remove_device"]
    assert '"hostname": "..."' in by_anchor["agent_register"]
    assert "$DEVICE_ID" in by_anchor["inventory_read_device"]
    assert "$DEVICE_TOKEN" in by_anchor["agent_config"]
