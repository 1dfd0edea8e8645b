import json

import pytest
from cryptography import x509

from sentari.agents.authority import fingerprint
from sentari.startup import prepare


def run(app, *arguments):
    return app.test_cli_runner().invoke(args=["ca", *arguments])


def sha256(path):
    return fingerprint(x509.load_pem_x509_certificate(path.read_bytes()))


def test_the_fingerprints_are_of_the_served_certificate_and_of_the_ca(
    make_app, usual_url, tmp_path
):
    app = make_app(usual_url, tls_self=True)
    prepare(app)
    found = json.loads(run(app, "show-fingerprint", "--json").stdout)
    assert run(app, "export", "--output", str(tmp_path / "ca.pem")).exit_code == 0
    assert found == {
        "server": sha256(tmp_path / "tls" / "server.pem"),
        "ca": sha256(tmp_path / "ca.pem"),
    }
    lines = run(app, "show-fingerprint").stdout.splitlines()
    assert lines == [f"server\t{found['server']}", f"ca\t{found['ca']}"]


def test_of_an_own_chain_the_first_certificate_is_meant(make_app, usual_url, tmp_path):
    prepare(make_app(usual_url, tls_self=True))
    own, ca = tmp_path / "tls" / "server.pem", tmp_path / "ca.pem"
    chain = tmp_path / "chain.pem"
    app = make_app(usual_url, tls_cert=chain, tls_key=own)
    run(app, "export", "--output", str(ca))
    chain.write_bytes(own.read_bytes() + ca.read_bytes())
    found = json.loads(run(app, "show-fingerprint", "--json").stdout)
    assert found["server"] == sha256(own)


def test_without_tls_only_the_ca_has_a_fingerprint(make_app, usual_url):
    app = make_app(usual_url)
    prepare(app)
    assert json.loads(run(app, "show-fingerprint", "--json").stdout)["server"] is None
    assert "terminator" in run(app, "show-fingerprint").stdout


def test_the_export_is_the_ca_and_nothing_secret(make_app, usual_url):
    app = make_app(usual_url)
    prepare(app)
    printed = run(app, "export").stdout
    assert len(x509.load_pem_x509_certificates(printed.encode())) == 1
    assert "PRIVATE" not in printed


@pytest.mark.parametrize("command", ["show-fingerprint", "export"])
def test_before_the_first_start_there_is_no_ca(make_app, usual_url, command):
    done = run(make_app(usual_url), command)
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)


def test_a_served_certificate_that_is_gone_is_one_line_and_status_1(make_app, usual_url, tmp_path):
    app = make_app(usual_url, tls_self=True)
    prepare(app)
    for content in (None, b"nonsense"):
        path = tmp_path / "tls" / "server.pem"
        path.unlink() if content is None else path.write_bytes(content)
        done = run(app, "show-fingerprint")
        assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
