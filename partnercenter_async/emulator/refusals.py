"""What the authority refuses, in Entra ID's shape and under its numbers."""

import time

from partnercenter_async.emulator.generation import JsonObject

_REFUSALS: dict[int, tuple[str, str]] = {
    28000: ("invalid_request", "The scope '{}' is of more than one resource."),
    50011: (
        "invalid_request",
        "The redirect URI '{}' is none of application '{}': it must be one of this machine.",
    ),
    50027: ("invalid_client", "The client assertion is no JWT."),
    50049: ("invalid_instance", "Unknown or invalid instance."),
    50059: ("invalid_request", "The request does not say whose tenant is meant, and nothing in it tells."),
    50148: ("invalid_grant", "The request has no code_verifier for the code_challenge of the authorization request."),
    50149: ("invalid_request", "Invalid Code_Challenge_method parameter."),
    54005: ("invalid_grant", "The code was already redeemed: retry with a new one, or use the refresh token."),
    65001: ("invalid_grant", "The user or administrator has not consented to use the application with ID '{}'."),
    65004: ("access_denied", "The user declined to consent to the application."),
    70000: ("invalid_grant", "The value of the parameter '{}' is not valid."),
    70003: ("unsupported_grant_type", "The emulator does not serve the grant type '{}'."),
    70005: ("unsupported_response_type", "The response type '{}' is not supported: it must be code."),
    70007: ("invalid_request", "The response_mode '{}' is not supported: it must be query, fragment or form_post."),
    70008: ("invalid_grant", "The authorization code has expired: send a new interactive request."),
    70011: ("invalid_scope", "The value of the parameter 'scope' is not valid. The scope {} is not valid."),
    70016: ("authorization_pending", "Authorization is pending. Continue polling."),
    70018: ("bad_verification_code", "Invalid verification code."),
    70020: ("expired_token", "The value of the parameter 'device_code' is not valid. This device code has expired."),
    90002: ("invalid_request", "Tenant '{}' not found. Check the tenant ID, and that this is its cloud."),
    500112: ("invalid_grant", "The reply address '{}' is not '{}', which the authorization request had."),
    501481: ("invalid_grant", "The Code_Verifier does not match the code_challenge of the authorization request."),
    501491: ("invalid_request", "Invalid size of Code_Challenge parameter."),
    700016: ("unauthorized_client", "Application with identifier '{}' was not found in the directory '{}'."),
    700082: ("invalid_grant", "The refresh token has expired due to inactivity."),
    900144: ("invalid_request", "The request body must contain the following parameter: '{}'."),
    900561: ("invalid_request", "The endpoint only accepts {} requests. Received a {} request."),
    7000215: (
        "invalid_client",
        "Invalid client secret provided for app '{}': it takes the value, not the ID.",
    ),
    7000218: ("invalid_client", "The request body must contain 'client_assertion' or 'client_secret'."),
}
"""By AADSTS code: error and text."""
_SUBERRORS = {65001: "consent_required", 700082: "bad_token"}


class EntraError(Exception):
    """A request that Entra ID would refuse, with the AADSTS code; `error` where it is not the code's usual one."""

    def __init__(self, code: int, *values: str, error: str | None = None) -> None:
        usual, text = _REFUSALS[code]
        self.code = code
        self.error = error or usual
        self.status = 401 if usual == "invalid_client" else 400
        self.text = text.format(*values)
        super().__init__(code, self.text)

    def document(self, authority: str, trace_id: str, correlation_id: str) -> JsonObject:
        """Return the error's body."""
        timestamp = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime())
        document: JsonObject = {
            "error": self.error,
            "error_description": (
                f"AADSTS{self.code}: {self.text} Trace ID: {trace_id} Correlation ID: {correlation_id}"
                f" Timestamp: {timestamp}"
            ),
            "error_codes": [self.code],
            "timestamp": timestamp,
            "trace_id": trace_id,
            "correlation_id": correlation_id,
            "error_uri": f"{authority}/error?code={self.code}",
        }
        if self.code in _SUBERRORS:
            document["suberror"] = _SUBERRORS[self.code]
        return document
