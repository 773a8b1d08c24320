# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every module of this collection is: an AnsibleAWSModule whose failures are sentences.

``main()`` of a module builds a `CanaryModule` and hands it to `run` with the function that does the work.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import _load_params
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.canary.ecs.plugins.module_utils._aws.calls import REFUSED_FOR_NOW, SERVER_ERRORS
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._canary.given import refuse_booleans

# An older one drops the deployment strategy from what ECS answers, and a service whose traffic ECS moves itself would
# look like any other. https://github.com/boto/botocore/blob/develop/CHANGELOG.rst (1.39.5)
OLDEST_BOTOCORE = "1.40.0"

_ONE_ATTEMPT = {"retries": {"total_max_attempts": 1}}


class _Refused(AWSRetry):
    """Repeats what AWS refused for now, and nothing that may have taken effect."""

    @staticmethod
    def found(response_code: str, catch_extra_error_codes: list[str] | None = None) -> bool:
        return response_code in REFUSED_FOR_NOW


class CanaryModule(AnsibleAWSModule):
    """The module class: supports check mode, and makes clients that repeat calls where that is safe."""

    def __init__(self, argument_spec: dict[str, Any], **settings: Any) -> None:
        super().__init__(argument_spec=argument_spec, supports_check_mode=True, **settings)
        self._own = argument_spec

    def refuse_booleans(self) -> None:
        """Raise `CanaryError` for true and false where a number is meant, looking at the options as they were given."""
        refuse_booleans(self._own, _load_params())

    def warn(self, message: str) -> None:
        """Warn the user. Not as amazon.aws does: its way of passing warnings on is deprecated in ansible-core."""
        self._module.warn(message)

    def client_of(self, service: str) -> Any:
        """A boto3 client for ``service`` (``elbv2``, ``ecs``, ``application-autoscaling``).

        It repeats what AWS refused for now, and where the server failed: for calls that may take effect twice.
        """
        repeated = [*REFUSED_FOR_NOW, *SERVER_ERRORS]
        retry = AWSRetry.jittered_backoff(retries=10, delay=1, max_delay=20, catch_extra_error_codes=repeated)
        return self.client(service, retry_decorator=retry)

    def client_of_once(self, service: str) -> Any:
        """A boto3 client for calls that must not be made twice: it repeats what AWS refused for now, and nothing else.

        botocore by itself repeats a call whose answer was lost, whether it took effect or not.
        https://docs.aws.amazon.com/boto3/latest/guide/retries.html
        """
        retry = _Refused.jittered_backoff(retries=10, delay=1, max_delay=20)
        return self.client(service, retry_decorator=retry, config=_ONE_ATTEMPT)

    def client_of_one_attempt(self, service: str) -> Any:
        """A boto3 client that makes each call once: for whoever looks, before the next attempt, whether it is right."""
        return self.client(service, retry_decorator=lambda call: call, config=_ONE_ATTEMPT)


def run(module: CanaryModule, work: Callable[[CanaryModule], dict[str, Any]]) -> None:
    """Do the work and end the module: its result on success, the error's sentence and facts on failure."""
    module.require_botocore_at_least(OLDEST_BOTOCORE, reason="to know how ECS deploys a service")
    try:
        module.refuse_booleans()
        result = work(module)
    except CanaryError as error:
        module.fail_json(msg=str(error), **error.facts)
    module.exit_json(**result)
