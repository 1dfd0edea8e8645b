"""What may stand in an address."""

from werkzeug.routing import BaseConverter


class RecordConverter(BaseConverter):
    """The id of a record: a UUID in lower case; anything else names nothing."""

    regex = "[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
