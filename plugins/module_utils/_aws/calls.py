# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one door to AWS: every call, its retries, its pages, and its errors in words a user can act on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

try:
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        EndpointConnectionError,
        NoCredentialsError,
        ParamValidationError,
    )
except ImportError:
    # AnsibleAWSModule reports the missing library before any call is made.
    pass

from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError

# Refused before any effect, so repeating is safe for every operation: calls that came too often, and those on what an
# earlier call is still changing. amazon.aws's AWSRetry knows `Throttling` (elbv2), but not the spelling of the others.
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/CommonErrors.html
# https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html
REFUSED_FOR_NOW = [
    "ThrottlingException",
    "Throttling",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "ConcurrentUpdateException",
]

# A call that ends like this may have taken effect all the same; any other error code is a refusal.
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/CommonErrors.html
# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/CommonErrors.html
SERVER_ERRORS = [
    "InternalError",
    "InternalFailure",
    "InternalServiceException",
    "ServerException",
    "ServiceUnavailable",
]
_UNDECIDED = {"", *SERVER_ERRORS, "500", "502", "503", "504"}

_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_REJECTED = {
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "IncompleteSignature",
    "AuthFailure",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
# Which is not always the call's own: RegisterTaskDefinition needs iam:PassRole too.
_ACTION = re.compile(r"not authorized to perform:? ([a-z-]+:\w+)")


class AwsError(CanaryError):
    """AWS refused or did not answer a call, or it was not even ``sent``.

    ``code`` is AWS's own error code, empty where there was no answer.
    """

    def __init__(self, message: str, *, code: str, operation: str, sent: bool = True, **facts: Any) -> None:
        super().__init__(message, error={"code": code, "operation": operation}, **facts)
        self.code = code
        self.operation = operation
        self.sent = sent

    @property
    def undecided(self) -> bool:
        """Whether the call may have taken effect all the same."""
        return self.sent and self.code in _UNDECIDED

    @property
    def passing(self) -> bool:
        """Whether the same call may succeed a while later."""
        return self.undecided or self.code in REFUSED_FOR_NOW


def call(client: Any, operation: str, *, on: str, **parameters: Any) -> dict[str, Any]:
    """Make one API call, repeated as its client does (see ``_module``).

    ``operation`` is the client's method name (``modify_rule``); ``on`` names the resource in the words of the error
    that the user sees if the call fails. Raises `AwsError`.
    """
    try:
        answer: dict[str, Any] = getattr(client, operation)(aws_retry=True, **parameters)
        return answer
    except (ClientError, BotoCoreError) as error:
        raise _in_words(error, operation, on) from error


def pages(client: Any, operation: str, key: str, *, on: str, **parameters: Any) -> Iterator[Any]:
    """Every entry of ``key`` over all pages of a describe call, page by page, each page retried as `call` does.

    Works for both of AWS's markers that this collection meets: ``Marker``/``NextMarker`` (elbv2) and
    ``nextToken`` (ECS, Application Auto Scaling as ``NextToken``).
    """
    marker: dict[str, Any] = {}
    while True:
        answer = call(client, operation, on=on, **parameters, **marker)
        yield from answer.get(key, [])
        marker = _next_page(answer)
        if not marker:
            return


def _next_page(answer: dict[str, Any]) -> dict[str, Any]:
    """The parameter that asks for the page after this one; empty after the last."""
    for returned, sent in (("NextMarker", "Marker"), ("nextToken", "nextToken"), ("NextToken", "NextToken")):
        if answer.get(returned):
            return {sent: answer[returned]}
    return {}


def _in_words(error: Exception, operation: str, on: str) -> AwsError:
    """One sentence for the user: what failed on which resource, and what to do."""
    name = "".join(part.capitalize() for part in operation.split("_"))
    if isinstance(error, NoCredentialsError):
        why = "no AWS credentials were found: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        return AwsError(f"{name} on {on} was not sent: {why}.", code="", operation=name, sent=False)
    if isinstance(error, EndpointConnectionError):
        why = "the AWS endpoint could not be reached: check the region, the network and AWS_ENDPOINT_URL"
        return AwsError(f"{name} on {on} failed: {why} ({error}).", code="", operation=name)
    if isinstance(error, ParamValidationError):
        return AwsError(f"{name} on {on} was not sent: {error}", code="", operation=name, sent=False)
    if not isinstance(error, ClientError):
        return AwsError(f"{name} on {on} failed: {error}", code="", operation=name)
    details = error.response.get("Error", {})
    code, text = details.get("Code", ""), details.get("Message", "")
    return AwsError(f"{name} on {on} failed: {_way_out(code, text, name)}", code=code, operation=name)


def _way_out(code: str, text: str, name: str) -> str:
    """AWS's own words, and for the errors that every account meets what to do about them."""
    if code in _EXPIRED:
        return f"the AWS credentials have expired ({code}): log in again, or renew the session token."
    if code in _REJECTED:
        return f"AWS does not accept the credentials ({code}): check the access key, its secret and the session token."
    if code in _DENIED:
        action = _ACTION.search(text)
        return f"permission denied ({code}): allow {action[1] if action else name} to the caller. AWS says: {text}"
    if "NotFound" in code:
        return f"{code}: {text.rstrip('.')}. Check that it exists, and the region."
    return f"{code}: {text}"
