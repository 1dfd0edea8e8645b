"""Whether this process was told to stop: what makes `/readyz` say so before the port closes."""

# gunicorn ends a worker 25 seconds after it was told to stop: ten stay for what it has begun.
LONGEST_DRAIN_SECONDS = 15
STOPPING = "The server is stopping: send requests to another one."


class Stop:
    """One process's word; each worker is told by a signal of its own."""

    def __init__(self) -> None:
        """Begin as a process that goes on."""
        self.announced = False

    def announce(self) -> None:
        """Say that the process stops; safe in a signal handler, which must wait for no lock."""
        self.announced = True


STOP = Stop()
