# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who signed a request: the users and the assumed roles that the emulator knows, with the policies that they have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.iam.access_control import AssumedRoleAccessKey, CreateAccessKeyFailure, IAMUserAccessKey
from moto.iam.models import Policy
from moto.sts.models import sts_backends

from lab.control.wsgi import Environ

PARTITION = "aws"


@dataclass(frozen=True)
class Signature:
    """What a request's Authorization header says."""

    key: str
    region: str
    service: str
    headers: tuple[str, ...]
    value: str

    @classmethod
    def of(cls, environ: Environ) -> Signature | None:
        """The signature of a request; None where it has none."""
        text = environ.get("HTTP_AUTHORIZATION", "")
        parts = dict(part.strip().partition("=")[::2] for part in text.partition(" ")[2].split(","))
        scope = parts.get("Credential", "").split("/")
        if len(scope) < 5:
            return None
        return cls(scope[0], scope[2], scope[3], tuple(parts["SignedHeaders"].split(";")), parts["Signature"])


@dataclass(frozen=True)
class Caller:
    """Who has a key. ``until`` is when the session ends, None for a key that does not end."""

    arn: str
    credentials: Credentials
    documents: tuple[dict[str, Any], ...]
    until: datetime | None


def caller_of(key: str, token: str | None, account: str) -> Caller | None:
    """The caller that a key belongs to; None for a key, or a session token, that nobody was given."""
    headers = {"X-Amz-Security-Token": token} if token else {}
    kind = AssumedRoleAccessKey if key.startswith("ASIA") else IAMUserAccessKey
    try:
        found = kind(account_id=account, partition=PARTITION, access_key_id=key, headers=headers)
    except (CreateAccessKeyFailure, KeyError):
        return None
    role = sts_backends[account][PARTITION].get_assumed_role_from_access_key(key)
    documents = tuple(_document(policy) for policy in found.collect_policies())
    return Caller(found.arn, found.create_credentials(), documents, role.expiration if role else None)


def _document(policy: Any) -> dict[str, Any]:
    """A policy's document, in whichever of its forms the emulator keeps it."""
    if isinstance(policy, Policy):
        policy = next(version.document for version in policy.versions if version.is_default)
    document: dict[str, Any] = json.loads(policy if isinstance(policy, str) else policy["policy_document"])
    return document


def signs(credentials: Credentials, signature: Signature, environ: Environ, body: bytes) -> bool:
    """Whether a request's signature is the one that these credentials make.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    """
    query = f"?{environ['QUERY_STRING']}" if environ.get("QUERY_STRING") else ""
    request = AWSRequest(
        method=environ["REQUEST_METHOD"],
        url=f"http://{environ['HTTP_HOST']}{environ.get('PATH_INFO', '/')}{query}",
        data=body,
        headers={name: _header(environ, name) for name in signature.headers},
    )
    request.context["timestamp"] = environ.get("HTTP_X_AMZ_DATE", "")
    auth = SigV4Auth(credentials, signature.service, signature.region)
    text = auth.string_to_sign(request, auth.canonical_request(request))
    return bool(auth.signature(text, request) == signature.value)


def _header(environ: Mapping[str, Any], name: str) -> str:
    key = name.upper().replace("-", "_")
    return str(environ.get(key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}", ""))
