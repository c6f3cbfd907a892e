"""What can go wrong outside, told apart by what it means for us.

    AdapterError
    ├── NotSent               nothing left us: safe to repeat
    │   └── Throttled         asked to wait, and for how long
    ├── Unavailable           a question got no answer: safe to repeat
    ├── Doubtful              an instruction left us and its fate is unknown: never repeated blindly
    ├── Refused               the other side understood and said no, with a code
    ├── AccountHold           the other side serves none of our orders until a person acts there
    ├── AuthenticationFailed  our credentials are not accepted
    └── UnexpectedReply       a question's answer has a shape we do not know

Messages name operations, codes and field paths; never a value that was sent or received.
"""

from datetime import timedelta


class AdapterError(Exception):
    """Base of every failure an adapter reports. ``code`` is a short word of a closed vocabulary."""

    def __init__(self, message: str, *, code: str = "", retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.code = code or type(self).__name__
        self.retry_after = retry_after


class NotSent(AdapterError):
    """Nothing left us: the connection was refused, or could not be made.

    Where a step before it was answered in a way that we do not know, raise it ``from`` that UnexpectedReply: it is told
    as a change of the interface, not as silence.
    """


class Throttled(NotSent):
    """The other side did not process the call and asks us to come back after ``retry_after``."""


class Unavailable(AdapterError):
    """A question went unanswered: time-out, reset, 5xx. Asking again is harmless."""


class Doubtful(AdapterError):
    """An instruction left us, and no usable answer says what became of it."""


class Refused(AdapterError):
    """The other side understood and refused; ``code`` says why, in its own vocabulary."""


class AccountHold(Refused):
    """Refused for a reason that holds for every order of ours there, e.g. an empty wallet."""


class AuthenticationFailed(AdapterError):
    """Our credentials were not accepted."""


class UnexpectedReply(AdapterError):
    """A question's answer could not be understood; the message names the field."""
