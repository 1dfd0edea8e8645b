"""Mails are readable as text and as HTML, and nothing in them can pose as something else."""

from datetime import date, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from html.parser import HTMLParser

import pytest

from license_server.outbox.letter import Code, Facts, Letter
from license_server.outbox.messages import Expiry, Silence, expiry_mail, key_mail, silence_mail
from license_server.outbox.transports import Mail, MailRefusedError, compose
from tests.clocks import NOON

HOSTILE = "</p><img src=//evil.example onerror=x> & \"Co\" 'Ltd'"
KEY = "SENT-CFZ82-Z3ZPX-HPY6D-G9QA2-V4RDG"
EXPIRY = Expiry("Example Ltd", "enterprise", "V4RDG", date(2027, 1, 22), 14, 30)
SILENCE = Silence("Example Ltd", "instance", "0.1.0", NOON, NOON + timedelta(days=1), airgap=False)


def key_letter(
    name: str = "Example Ltd", tier: str = "enterprise", replaces: bool = False
) -> Letter:
    return key_mail(
        customer_name=name,
        license_key=KEY,
        tier=tier,
        expires_at=date(2027, 11, 1),
        replaces=replaces,
    )


class Tags(HTMLParser):
    """The tags and the text of a document."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def mail(letter: Letter, *, recipient: str = "it@example.com", html: bool = True) -> Mail:
    return Mail("id-1", recipient, letter.subject, letter.text, letter.html if html else None, NOON)


def sent(letter: Letter) -> EmailMessage:
    """The message as the recipient's program reads it."""
    raw = bytes(compose(mail(letter), "licenses@vendor.example"))
    message = message_from_bytes(raw, policy=SMTP)
    assert isinstance(message, EmailMessage)
    return message


def test_the_text_is_wrapped_and_the_html_says_the_same() -> None:
    letter = Letter("S", ("word " * 40, Code("A-B"), Facts((("Tier", "x"), ("Expires", "y")))))
    lines = letter.text.splitlines()
    assert max(map(len, lines)) <= 76
    assert "    A-B" in lines
    assert lines[-2:] == ["Tier:    x", "Expires: y"]
    words = Tags(letter.html).text.split()
    assert words.count("word") == 40
    assert [w for w in words if w in ("A-B", "Tier", "x", "Expires", "y")] == [
        "A-B",
        "Tier",
        "x",
        "Expires",
        "y",
    ]


@pytest.mark.parametrize(
    "letter",
    [
        key_letter(HOSTILE, HOSTILE),
        expiry_mail(Expiry(HOSTILE, HOSTILE, "V4RDG", date(2027, 1, 22), 0, 0), today=NOON.date()),
        silence_mail(Silence(HOSTILE, "i", HOSTILE, NOON, NOON, airgap=True)),
    ],
)
def test_what_customers_are_called_is_no_markup_and_loads_nothing(letter: Letter) -> None:
    found = Tags(letter.html)
    assert HOSTILE in " ".join(found.text.split())
    assert not {"img", "script", "link", "iframe", "a"} & set(found.tags)
    assert not {"src", "href", "background", "onerror"} & found.attributes
    assert HOSTILE not in letter.subject


def test_a_word_that_is_longer_than_a_line_stays_whole_in_both_forms() -> None:
    letter = Letter("S", ("x" * 200,))
    assert "x" * 200 in letter.text
    assert "x" * 200 in letter.html


def test_a_mail_carries_both_forms_the_simple_one_first() -> None:
    message = sent(key_letter())
    assert message.get_content_type() == "multipart/alternative"
    first, second = message.iter_parts()
    assert (first.get_content_type(), second.get_content_type()) == ("text/plain", "text/html")
    assert KEY in first.get_content()
    assert KEY in second.get_content()


def test_a_mail_from_before_there_was_html_is_plain_text() -> None:
    message = compose(mail(key_letter(), html=False), "licenses@vendor.example")
    assert message.get_content_type() == "text/plain"


def test_the_headers_say_who_what_and_that_no_person_wrote_it() -> None:
    message = sent(key_letter("Müller & Söhne"))
    assert message["From"] == "licenses@vendor.example"
    assert message["To"] == "it@example.com"
    assert message["Subject"] == "Your Sentari license key"
    assert message["Message-ID"] == "<id-1@vendor.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime == NOON
    assert "Müller & Söhne" in next(iter(message.iter_parts())).get_content()


def test_every_mail_is_seven_bit_and_has_short_lines() -> None:
    raw = bytes(compose(mail(key_letter("Ω" * 200, "Ω" * 64)), "licenses@vendor.example"))
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 78


@pytest.mark.parametrize(
    "trick", ["x@y.z\r\nBcc: all@y.z", "x@y.z\nBcc: all@y.z", "x@y.z\rBcc: a@y"]
)
def test_no_header_can_be_smuggled_in(trick: str) -> None:
    with pytest.raises(MailRefusedError, match="line break"):
        compose(mail(key_letter(), recipient=trick), "licenses@vendor.example")
    subject = Letter(f"Hello {trick}", ("x",))
    with pytest.raises(MailRefusedError, match="line break"):
        compose(mail(subject), "licenses@vendor.example")


def test_a_new_key_says_what_becomes_of_the_old_one() -> None:
    said = "The key you had before"
    assert said in key_letter(replaces=True).text
    assert said not in key_letter().text


def test_an_expiry_says_when_and_what_then_happens() -> None:
    letter = expiry_mail(EXPIRY, today=date(2026, 11, 23))
    assert letter.subject == "Your Sentari license expires on 2027-01-22: 60 days left"
    text = " ".join(letter.text.split())
    assert "60 days from the day of this mail, 2026-11-23" in text
    assert "a warning until 2027-02-05." in text
    assert "From 2027-02-05 the server is read-only" in text
    assert "From 2027-03-07 only signing in" in text


def test_one_day_is_no_days_and_stages_without_days_are_left_out() -> None:
    expiry = Expiry("Example Ltd", "enterprise", "V4RDG", date(2026, 11, 24), 0, 0)
    letter = expiry_mail(expiry, today=date(2026, 11, 23))
    assert letter.subject.endswith("1 day left")
    text = " ".join(letter.text.split())
    assert "warning" not in text
    assert "read-only" not in text
    assert "From 2026-11-24 only signing in" in text


@pytest.mark.parametrize(
    ("airgap", "advice"), [(False, "firewall"), (True, "Offline activation of that server")]
)
def test_a_silence_says_since_when_until_when_and_what_to_do(airgap: bool, advice: str) -> None:
    at = datetime(2026, 11, 23, 1, 5, tzinfo=NOON.tzinfo)
    letter = silence_mail(Silence("Ex", "the-instance", "0.1.0", at, NOON, airgap=airgap))
    assert letter.subject == "Your Sentari server has not checked in since 2026-11-23"
    text = " ".join(letter.text.split())
    assert "2026-11-23 01:05 UTC" in text
    assert "Locks at: 2026-11-23 12:00 UTC" in text
    assert "the-instance" in text
    assert advice in text
