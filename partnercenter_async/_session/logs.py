"""The package's logger."""

import logging

from partnercenter_async.errors import escaped


class _Escaping(logging.Filter):
    """Lets nothing foreign steer whoever reads the log, or forge a line of it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Make the texts of a record visible."""
        if isinstance(record.args, tuple):
            record.args = tuple(each if isinstance(each, int | float) else escaped(str(each)) for each in record.args)
        return True


logger = logging.getLogger("partnercenter_async")
logger.addFilter(_Escaping())
