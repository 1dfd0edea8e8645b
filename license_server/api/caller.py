"""Who acts in this request."""

from license_server.access import caller
from license_server.acting import act_of
from license_server.licenses.service import Act


def by_caller() -> Act:
    """Return an act of this moment by the member of staff who sent the request."""
    return act_of(caller().actor)
