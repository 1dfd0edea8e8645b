"""The words of the mails. PURE."""

from datetime import date

TITLE = "Your Sentari license key"


def key_mail(
    *, customer_name: str, license_key: str, tier: str, expires_at: date, replaces: bool
) -> str:
    """Return the text of the mail that brings a license key."""
    opening = (
        "Here is your new Sentari license key. The key you had before no longer works; your\n"
        "server keeps its license until its offline days are over, so install this one soon."
        if replaces
        else "Here is your Sentari license key."
    )
    return f"""Hello {customer_name},

{opening}

    {license_key}

Tier:     {tier}
Expires:  {expires_at.isoformat()} (UTC)

Paste the key in Settings > License of your Sentari server, or start the server with
SENTARI_LICENSE_KEY set to it. The server then fetches its license by itself; it needs
HTTPS to the license server. Without a network, the same page makes a request file.

Keep this mail: for your safety we store no copy of the key and cannot show it again.
If it is lost, ask your representative for a new one.

Sentari
"""
