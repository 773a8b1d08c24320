# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the reference promises of a plugin's results, held against results of runs on the lab."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "dict": (dict,),
    "list": (list,),
}
# Of Ansible and amazon.aws, in the result of any module.
COMMON = {
    *("changed", "failed", "msg", "warnings", "deprecations", "invocation", "diff", "exception", "action"),
    *("error", "boto3_version", "botocore_version", "response_metadata", "resource_actions", "ansible_facts"),
}
# Where a string of the lab cannot look as AWS's own does.
UNLIKE = {"load_balancers.dns_name", "load_balancers.url", "rules.protocol"}

ARN = re.compile(r"arn:aws:[\w-]+:[\w-]*:\d*:([\w-]+)[/:][\w./:-]*")
ARN_IN_A_SENTENCE = re.compile(rf"{ARN.pattern}|arn:aws:\.\.\.")


def mismatches(
    documented: Mapping[str, Any], results: Sequence[Any], *, within: str = "", nullable: bool = False
) -> Iterator[str]:
    """What is wrong with the documentation of some return values, ``results`` being what runs returned of them.

    Values are ``nullable`` where the one that they are in says that they may be null.
    """
    dicts = [result for result in results if isinstance(result, dict)]
    for name in sorted({name for result in dicts for name in result} - set(documented) - (set() if within else COMMON)):
        yield f"{within}{name} is returned, and not documented"
    for name, field in documented.items():
        values = [result[name] for result in dicts if name in result]
        if not values:
            yield f"{within}{name} was returned by no run"
        yield from _of_field(f"{within}{name}", field, values, nullable=nullable)


def _of_field(path: str, field: Mapping[str, Any], values: Sequence[Any], *, nullable: bool) -> Iterator[str]:
    """What is wrong with one of them."""
    may_be_null = nullable or "null" in str(field["description"]).lower()
    for value in values:
        if not (may_be_null if value is None else _is(value, field["type"])):
            yield f"{path} is documented as {field['type']}, and was {value!r}"
    if "sample" in field:
        yield from _of_sample(path, field, [value for value in values if value is not None])
    elif "contains" not in field:
        yield f"{path} has no sample"
    if "contains" in field:
        inner = [item for value in values for item in (value if isinstance(value, list) else [value])]
        yield from mismatches(
            field["contains"], [item for item in inner if item is not None], within=f"{path}.", nullable=may_be_null
        )


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, TYPES[kind]) and (kind == "bool" or not isinstance(value, bool))


def _of_sample(path: str, field: Mapping[str, Any], values: Sequence[Any]) -> Iterator[str]:
    """What is wrong with a sample: it must look like something that was returned."""
    sample = field["sample"]
    if not _is(sample, field["type"]):
        yield f"the sample of {path} is no {field['type']}: {sample!r}"
    elif isinstance(sample, dict):
        if values and not any(_keys(sample) <= _keys(value) for value in values):
            yield f"the sample of {path} has other keys than what was returned: {_keys(values[0])}"
    elif field["type"] in ("str", "list") and path not in UNLIKE:
        found = {shape(item) for value in values for item in (value if isinstance(value, list) else [value])}
        for item in sample if isinstance(sample, list) else [sample]:
            if shape(item) not in found:
                yield f"the sample of {path} looks like nothing that was returned: {shape(item)} in {sorted(found)}"


def _keys(value: Any) -> set[str]:
    """The keys of a dict and of those within it."""
    if not isinstance(value, dict):
        return set()
    own = {shape(key) for key in value}
    return own | {f"{shape(key)}.{inner}" for key, found in value.items() for inner in _keys(found)}


def shape(value: Any) -> str:
    """A value without what differs from run to run: an ARN is its type of resource, ids and numbers are 0."""
    text = value if isinstance(value, str) else json.dumps(value)
    text = ARN.sub(r"<\1>", text) if ARN.fullmatch(text) else ARN_IN_A_SENTENCE.sub("<arn>", text)
    text = re.sub(r"[\w.-]+\.dkr\.ecr\.[\w.-]+/", "", text)
    text = re.sub(r"\b[0-9a-f]{32}\b", "0", text)
    return re.sub(r"\d+", "0", text)
