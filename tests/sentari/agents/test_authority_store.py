import threading

import pytest
from sqlalchemy import func, select

from sentari.agents.authority import fingerprint
from sentari.agents.authority_store import AuthorityError, AuthorityStore
from sentari.agents.models import CertificateAuthority
from sentari.audit.store import newest
from sentari.extensions import current, db, writing
from tests.clocks import NOON


def ensure(store=None):
    with writing() as session:
        return (store or current().authorities).ensure(session, NOON)


def test_the_ca_is_made_once_and_its_key_is_sealed(make_app, database_url):
    with make_app(database_url).app_context():
        assert current().authorities.certificate(db.session()) is None
        made = ensure()
        assert ensure().certificate == made.certificate
        assert ensure().key.private_numbers() == made.key.private_numbers()
        assert current().authorities.certificate(db.session()) == made.certificate
        row = db.session.scalars(select(CertificateAuthority)).one()
        assert "PRIVATE" not in row.sealed_private_key
        event = newest(db.session(), ["CA_CREATED"])
        assert event.details() == {"sha256": fingerprint(made.certificate)}


def test_another_secret_key_opens_no_ca_and_says_so(make_app, usual_url):
    with make_app(usual_url).app_context():
        made = ensure()
        stranger = AuthorityStore("another secret of the tests, also long enough")
        with pytest.raises(AuthorityError, match="SENTARI_SECRET_KEY"):
            ensure(stranger)
        assert stranger.certificate(db.session()) == made.certificate


def test_servers_that_start_at_once_agree_on_one_ca(make_app, database_url):
    apps = [make_app(database_url) for _ in range(4)]
    barrier, found = threading.Barrier(len(apps)), []

    def start(app):
        with app.app_context():
            barrier.wait()
            found.append(ensure().certificate)
            db.session.remove()

    threads = [threading.Thread(target=start, args=(app,)) for app in apps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(apps)
    assert len({fingerprint(certificate) for certificate in found}) == 1
    with apps[0].app_context():
        assert db.session.scalar(select(func.count()).select_from(CertificateAuthority)) == 1
