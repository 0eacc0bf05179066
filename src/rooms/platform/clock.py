"""The clock of the machine, behind the kernel's ``Clock``."""

from datetime import UTC, datetime

from rooms.kernel.time import Instant, cut


class SystemClock:
    """The present instant as the operating system knows it."""

    def now(self) -> Instant:
        """Give the present instant, UTC, cut to milliseconds."""
        return cut(datetime.now(UTC))
