# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refuses the requests of users and roles that AWS would refuse.

Keys of the forms that AWS gives out (``AKIA...``, ``ASIA...``) are checked: that somebody has the key, that the
signature is right, that the session has not ended, and that policies allow the action on its resources. Any other key
is the account's own, and may do everything: that is how one gets by without permissions.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from lab.control.calls import Request
from lab.control.refusals import Refusal, answer
from lab.control.wsgi import Application, Environ, StartResponse
from lab.permissions.asks import Place, asks_of, parameters_of
from lab.permissions.callers import Signature, caller_of, signs
from lab.permissions.policy import allows

CHECKED = ("AKIA", "ASIA")
# Allowed to everybody. https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
FREE = "sts:GetCallerIdentity"

# Each protocol's own words. https://docs.aws.amazon.com/AmazonECS/latest/APIReference/CommonErrors.html
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
UNKNOWN = Refusal(
    "403 Forbidden",
    {"query": "InvalidClientTokenId", "json": "UnrecognizedClientException", "ec2": "AuthFailure"},
    "The security token included in the request is invalid.",
)
FORGED = Refusal(
    "403 Forbidden",
    {"query": "SignatureDoesNotMatch", "json": "InvalidSignatureException", "ec2": "AuthFailure"},
    "The request signature we calculated does not match the signature you provided.",
)
ENDED = Refusal(
    "403 Forbidden",
    {"query": "ExpiredToken", "json": "ExpiredTokenException", "ec2": "RequestExpired"},
    "The security token included in the request is expired",
)
DENIED = {"query": "AccessDenied", "json": "AccessDeniedException", "ec2": "UnauthorizedOperation"}


class Gate:
    """The middleware. Finds the request that the server put into ``environ["lab.request"]``."""

    def __init__(self, *, account: str) -> None:
        self._account = account

    def __call__(self, application: Application) -> Application:
        """The application behind the gate."""

        def guarded(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            request: Request = environ["lab.request"]
            refusal = self._refusal(request, environ)
            if refusal is None:
                return application(environ, start_response)
            return answer(refusal, request, start_response)

        return guarded

    def _refusal(self, request: Request, environ: Environ) -> Refusal | None:
        """Why a request is not carried out; None where it is."""
        signature = Signature.of(environ)
        if signature is None or not signature.key.startswith(CHECKED):
            return None
        body: bytes = environ["lab.body"]
        caller = caller_of(signature.key, environ.get("HTTP_X_AMZ_SECURITY_TOKEN"), self._account)
        if caller is None:
            return UNKNOWN
        if not signs(caller.credentials, signature, environ, body):
            return FORGED
        if caller.until is not None and caller.until.replace(tzinfo=UTC) < datetime.now(UTC):
            return ENDED
        for ask in asks_of(request, parameters_of(environ, body), Place(signature.region, self._account)):
            if ask.action != FREE and not allows(caller.documents, ask):
                return _denied(caller.arn, ask.action, ask.resource)
        return None


def _denied(who: str, action: str, resource: str) -> Refusal:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html"""
    where = "" if resource == "*" else f" on resource: {resource}"
    because = f"because no identity-based policy allows the {action} action"
    return Refusal("403 Forbidden", DENIED, f"User: {who} is not authorized to perform: {action}{where} {because}")
