"""The vendor's staff at their browsers: who they are, and how they get in."""

import itertools
import re
import time
from typing import Any

import pyotp
import requests

from tests.live.servers import Vendor, form_token, run_flask

_numbers = itertools.count(1)


def own_address() -> dict[str, str]:
    """Headers that give a browser an address of its own: sign-ins are limited by address."""
    return {"X-Forwarded-For": f"198.51.100.{next(_numbers)}"}


def code_of(secret: str, *, steps_ahead: int = 0) -> str:
    """What the authenticator app shows; one step ahead is taken too, and is not used up yet."""
    return pyotp.TOTP(secret).at(int(time.time()) + 30 * steps_ahead)


class Staff:
    """An approver and an issuer, each signed in once."""

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor
        self.sessions = {
            email: self._signed_in(email, role)
            for email, role in (
                ("ada@vendor.example", "approver"),
                ("bob@vendor.example", "issuer"),
            )
        }

    def cookies(self, email: str) -> list[Any]:
        """The person's session for the browser."""
        return [
            {"name": cookie.name, "value": cookie.value or "", "url": self.vendor.url}
            for cookie in self.sessions[email].cookies
        ]

    def _signed_in(self, email: str, role: str) -> requests.Session:
        password = f"the password of {email}"
        arguments = ("staff", "create", "--email", email, "--role", role, "--password-stdin")
        run_flask("license_server", self.vendor.env, *arguments, stdin=f"{password}\n")
        session = requests.Session()
        session.trust_env = False
        session.headers.update(own_address())
        page = session.get(f"{self.vendor.url}/login", timeout=20).text
        form = {"email": email, "password": password, "csrf_token": form_token(page)}
        answer = session.post(f"{self.vendor.url}/login", data=form, timeout=20)
        secret = re.search(r'copyable-text">([A-Z2-7 ]{39})<', answer.text)
        assert secret is not None, answer.text
        code = code_of(secret[1].replace(" ", ""))
        form = {"code": code, "csrf_token": form_token(answer.text)}
        answer = session.post(answer.url, data=form, timeout=20, allow_redirects=False)
        assert answer.status_code == 302, answer.text
        return session
