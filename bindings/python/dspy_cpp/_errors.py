"""The library's exceptions: one class per kind, all derived from `Error`."""

from __future__ import annotations


class Error(Exception):
    """A failure that the caller has to handle. `kind` is the name of the kind, such as "parse_error"; `facts`
    has the details besides the message: tokens needed and available, missing fields, the text that could not
    be read, the part that could.
    """

    kind = "error"

    def __init__(self, message: str, facts: dict | None = None):
        super().__init__(message)
        self.message = message
        self.facts = facts or {}

    def __reduce__(self):
        return type(self), (self.message, self.facts)


def _kind(name: str, kind: str, doc: str, *bases: type) -> type[Error]:
    made = type(name, (Error, *bases), {"kind": kind, "__doc__": doc, "__module__": "dspy_cpp"})
    _by_kind[kind] = made
    return made


_by_kind: dict[str, type[Error]] = {}

SignatureError = _kind("SignatureError", "signature_error", "The notation or the class describes no signature.", ValueError)
BadInput = _kind("BadInput", "bad_input", "A value handed to a program is missing or of the wrong type.", ValueError)
ParseError = _kind("ParseError", "parse_error", "A reply lacks fields or holds values of another type.")
InvalidParameter = _kind("InvalidParameter", "invalid_parameter", "An option is outside its range.", ValueError)
ConfigError = _kind("ConfigError", "config_error", "Nothing, or the wrong thing, was configured.")
IOError = _kind("IOError", "io_error", "A file or pipe could not be read or written.", OSError)
ModelNotFound = _kind("ModelNotFound", "model_not_found", "There is no model file of that name.")
ModelNotLoaded = _kind("ModelNotLoaded", "model_not_loaded", "The model was unloaded, or never loaded.")
ModelLoadError = _kind("ModelLoadError", "model_load_error", "The file is not a model, or is damaged.")
TokenizationFailed = _kind("TokenizationFailed", "tokenization_failed", "Text could not be turned into tokens.")
ContextTooLong = _kind("ContextTooLong", "context_too_long", "The prompt has more tokens than fit.")
TokenBudgetExhausted = _kind("TokenBudgetExhausted", "token_budget_exhausted", "The budget of tokens is spent.")
RateLimitExceeded = _kind("RateLimitExceeded", "rate_limit_exceeded", "There were too many requests.")
InferenceFailed = _kind("InferenceFailed", "inference_failed", "The model could not compute an answer.")
BackendError = _kind("BackendError", "backend_error", "The inference library or a device failed, or is not installed.")
AuthenticationFailed = _kind("AuthenticationFailed", "authentication_failed", "A provider does not accept the key.")
BillingError = _kind("BillingError", "billing_error", "The account has no money left.")
Refused = _kind("Refused", "refused", "A provider did not accept the request as it is.")
Unsupported = _kind("Unsupported", "unsupported", "The model or the backend has no such ability.")
Unavailable = _kind("Unavailable", "unavailable", "A provider could not be reached.")
Timeout = _kind("Timeout", "timeout", "A provider did not answer in time.", TimeoutError)
StreamBroken = _kind("StreamBroken", "stream_broken", "A streamed reply ended in the middle.")
DeadlineExceeded = _kind("DeadlineExceeded", "deadline_exceeded", "The deadline of the call passed.", TimeoutError)
Cancelled = _kind("Cancelled", "cancelled", "The caller asked to stop.")


def from_facts(facts: dict) -> Error:
    """The exception for an error as the library writes it as JSON."""
    facts = dict(facts)
    kind = facts.pop("kind", "error")
    message = facts.pop("message", kind)
    return _by_kind.get(kind, Error)(message, facts)


__all__ = ["Error", *(made.__name__ for made in _by_kind.values())]
