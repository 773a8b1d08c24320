# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An application is set up on AWX by awx.awx, and released by the jobs that come of it, under ansible-runner."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import yaml

from lab import lifecycle
from lab.checkout import CHECKOUT
from lab.state import Lab
from tests.application import Application
from tests.awx.conftest import SHOP, Apply, apply_on
from tests.awx.controller import Controller, Refused
from tests.awx.jobs import Ran, run
from tests.awx.pattern import META, TEMPLATES, WORKFLOW, names_of_the_playbooks
from tests.guides.examples import examples_of
from tests.tools import HAS_AWX

pytestmark = pytest.mark.skipif(not HAS_AWX, reason="Ansible 14 comes without awx.awx")

CART: dict[str, object] = {
    "awx_application": "cart",
    "awx_credential": "shop: AWS",
    "awx_settings": {
        "cluster": "shop",
        "stable_service": "cart",
        "canary_service": "cart-canary",
        "region": "us-east-1",
        "take": "image",
    },
}


def test_applying_again_changes_nothing(controller: Controller, apply: Apply) -> None:
    before = list(controller.writes)
    assert len(before) > len(TEMPLATES) + len(WORKFLOW["nodes"])
    assert "changed=0 " in apply(SHOP)
    assert controller.writes == before


def test_the_credential_is_of_awxs_own_aws_type(controller: Controller) -> None:
    credential = controller.named("credentials", "shop: AWS")
    assert controller.things["credential_types"][credential["credential_type"]]["name"] == "Amazon Web Services"
    for template in controller.things["job_templates"].values():
        assert controller.links[template["id"], "credentials"] == [credential["id"]]


def test_each_job_template_of_the_pattern_is_there_for_the_application(controller: Controller) -> None:
    assert controller.names("job_templates") >= {f"shop: {template['name']}" for template in TEMPLATES}
    image = controller.named("execution_environments", "canary.ecs")
    inventory = controller.named("inventories", "canary.ecs")
    for template in controller.things["job_templates"].values():
        assert template["allow_simultaneous"] is False
        assert (template["execution_environment"], template["inventory"]) == (image["id"], inventory["id"])
        asked = {name for name in template if name.startswith("ask_") and template[name]}
        assert asked == {"ask_job_type_on_launch"}, "nobody may start it elsewhere, or with other credentials"
    name = META["aap_resources"]["controller_execution_environment"]["image_name"]
    assert image["image"] == f"localhost/{name}:latest"


def test_the_guides_file_sets_up_the_templates_that_the_guide_lists() -> None:
    guide = "docs/awx.md"
    (settings,) = (example.data for example in examples_of(guide) if example.file == "shop-awx.yml")
    with Controller() as fresh:
        apply_on(fresh, {**settings, "awx_access_key": "key", "awx_secret_key": "secret"})
        made = fresh.names("job_templates") | fresh.names("workflow_job_templates")
        project, image = (list(fresh.things[kind].values())[-1] for kind in ("projects", "execution_environments"))
    listed = re.findall(r"^\| (shop: [^|]+) \|", (CHECKOUT / guide).read_text(encoding="utf-8"), re.MULTILINE)
    assert made == set(listed)
    assert (project["scm_url"], project["scm_branch"]) == (settings["awx_project_url"], settings["awx_project_branch"])
    assert image["image"] == settings["awx_image"]


def test_no_survey_asks_for_what_the_application_has_set(controller: Controller) -> None:
    """An answer would outrank a setting, an empty one too. The name of the stack to remove only confirms it."""
    settings = SHOP["awx_settings"]
    assert isinstance(settings, dict)
    asked = {
        name: {question["variable"] for question in controller.questions(controller.named("job_templates", name))}
        for name in controller.names("job_templates")
    }
    assert {name for name, variables in asked.items() if variables & set(settings)} == set()
    assert asked["shop: Destroy"] == {"confirm"}
    assert asked["shop: Promote"] == {"take", "promote_timeout"}


def test_the_workflow_on_awx_is_that_of_the_data(controller: Controller) -> None:
    nodes = controller.things["workflow_job_template_nodes"]
    workflow = controller.named("workflow_job_templates", "shop: Release")["id"]
    mine = {node["identifier"]: node for node in nodes.values() if node["workflow_job_template"] == workflow}
    assert set(mine) == {node["identifier"] for node in WORKFLOW["nodes"]}
    for wanted in WORKFLOW["nodes"]:
        node = mine[wanted["identifier"]]
        for way in ("success", "failure"):
            links = controller.links.get((node["id"], f"{way}_nodes"), [])
            assert [nodes[number]["identifier"] for number in links] == wanted.get(way, [])
        kind = "job_templates" if "runs" in wanted else "workflow_approval_templates"
        assert controller.things[kind][node["unified_job_template"]]["name"].startswith("shop: ")
        assert node.get("extra_data", {}) == wanted.get("variables", {})
        # AWX would wait for all that may fail before it rolls back.
        assert not node.get("all_parents_must_converge")


def test_services_that_are_named_have_no_stack_to_deploy_or_destroy(controller: Controller, apply: Apply) -> None:
    apply(CART)
    names = {name for name in controller.names("job_templates") if name.startswith("cart: ")}
    assert names == {"cart: Shift", "cart: Roll back", "cart: Promote", "cart: Status"}
    workflow = controller.named("workflow_job_templates", "cart: Release")
    assert controller.questions(workflow) == []
    nodes = controller.things["workflow_job_template_nodes"].values()
    mine = {node["identifier"] for node in nodes if node["workflow_job_template"] == workflow["id"]}
    assert mine == {node["identifier"] for node in WORKFLOW["nodes"]} - {"deploy"}
    variables = controller.launched("cart: Promote", controller.answered("cart: Promote", {})).variables
    assert variables["take"] == "image"


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("shop: Shift", {}),
        ("shop: Shift", {"percent": 101}),
        ("shop: Shift", {"percent": 25, "stickiness": ""}),
        ("shop: Destroy", {}),
        ("shop: Status", {"percent": 25}),
    ],
)
def test_an_answer_that_cannot_be_is_refused_before_a_job_starts(
    controller: Controller, name: str, answers: dict[str, object]
) -> None:
    with pytest.raises(Refused):
        controller.answered(name, answers)


Launch = Callable[..., Ran]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab of the jobs' own."""
    with lifecycle.own("awx", propagation_delay=0) as found:
        yield found


@pytest.fixture(scope="module")
def shop(lab: Lab) -> Application:
    """The shop, as AWS shows it."""
    return Application(lab, {"stack_name": "shop"})


@pytest.fixture(scope="module")
def launch(lab: Lab, controller: Controller, tmp_path_factory: pytest.TempPathFactory) -> Launch:
    """Run the job of a template of the shop: with answers, as a person, or ``within`` a workflow.

    A job of a workflow gets what those before it have passed on.
    """
    passed_on: dict[str, Any] = {}

    def started(verb: str, *, within: Mapping[str, Any] | None = None, fails: bool = False, **answers: object) -> Ran:
        name = f"shop: {verb}"
        runtime = [controller.answered(name, answers)] if within is None else [within, passed_on, answers]
        job = controller.launched(name, *runtime)
        ran = run(job, tmp_path_factory.mktemp(verb.replace(" ", "-")), AWS_ENDPOINT_URL=lab.endpoint)
        if bool(ran.returncode) != fails:
            pytest.fail(f"{name} with {dict(job.variables)} exited {ran.returncode}\n{ran.output}", pytrace=False)
        passed_on.update(ran.artifacts)
        return ran

    return started


def test_deploy(launch: Launch, shop: Application) -> None:
    ran = launch("Deploy", stable_image="shop:v1", canary_image="shop:v2")
    result = ran.artifacts["canary_result"]
    assert shop.split() == (95, 5)
    assert result["percent"] == 5
    assert result["changed"] is True
    assert [balancer["url"] for balancer in result["load_balancers"]] == [shop.outputs["Url"]]
    assert (shop.image("Stable"), shop.image("Canary")) == ("shop:v1", "shop:v2")
    lines = ran.news_of("Size the canary for its share")
    assert lines, "nothing says what the job waits for"
    for line in lines:
        assert re.fullmatch(r" +app-canary: \d of 2 tasks running, \d of 2 targets healthy \(\d+ s of 600 s\)", line)
        assert line in ran.output.splitlines()


def test_deploy_with_all_left_empty_changes_nothing(launch: Launch, shop: Application) -> None:
    before = shop.state
    ran = launch("Deploy")
    assert shop.state == before
    assert ran.artifacts["canary_result"]["changed"] is False


def test_shift_in_a_workflow(launch: Launch, shop: Application) -> None:
    """What the deployment passed on outranks what the node has, and must not stand in its way."""
    ran = launch("Shift", within={"percent": 12.5}, canary_image="shop:v2")
    result = ran.artifacts["canary_result"]
    assert result["percent"] == 12.5
    assert result["changed"] is True
    stable, canary = shop.split()
    assert canary * 7 == stable
    rule = result["rules"][0]
    assert (rule["rule_arn"], rule["stable"], rule["canary"]) == (shop.outputs["RuleArn"], stable, canary)


def test_status(launch: Launch, shop: Application) -> None:
    ran = launch("Status", within={})
    result = ran.artifacts["canary_result"]
    assert result["percent"] == 12.5
    assert result["changed"] is False
    assert "shop:v2" in ran.output and shop.outputs["Url"] in ran.output


def test_a_job_that_fails_says_why_and_passes_nothing_on(launch: Launch, shop: Application) -> None:
    before = shop.state
    ran = launch("Promote", within={}, fails=True)
    assert "12.5 %" in ran.output
    assert ran.artifacts == {}
    assert shop.state == before


def test_roll_back(launch: Launch, shop: Application) -> None:
    ran = launch("Roll back")
    result = ran.artifacts["canary_result"]
    assert shop.split() == (100, 0)
    assert (result["percent"], result["changed"]) == (0, True)
    assert (shop.image("Stable"), shop.image("Canary")) == ("shop:v1", "shop:v2")
    assert shop.capacity("Canary") == (2, 2, 2)


def test_shift_everything(launch: Launch, shop: Application) -> None:
    ran = launch("Shift", percent=100)
    assert shop.split() == (0, 100)
    assert ran.artifacts["canary_result"]["percent"] == 100


def test_promote(launch: Launch, shop: Application) -> None:
    ran = launch("Promote", within={})
    result = ran.artifacts["canary_result"]
    assert shop.split() == (100, 0)
    assert shop.image("Stable") == "shop:v2"
    assert result["stable"]["images"] == result["canary"]["images"] == {"app": "shop:v2"}
    assert (result["promoted"], result["changed"]) == (True, True)


def test_status_for_machines(launch: Launch, shop: Application) -> None:
    ran = launch("Status", format="json")
    release = shop.service("Stable")["taskDefinition"]
    assert ran.artifacts["canary_result"]["stable"]["task_definition"] == release
    task = re.search(r"TASK \[[^]]*Show how far the canary is\].*?=> (\{.*?^\})", ran.output, re.DOTALL | re.MULTILINE)
    assert task and json.loads(task[1])["msg"]["stable"]["task_definition"] == release


def test_status_for_people_fits_a_narrow_page(launch: Launch) -> None:
    table = re.findall(r'^ +"[a-z ].*$', launch("Status").output, re.MULTILINE)
    assert len(table) >= 10
    assert max(map(len, table)) <= 80


def test_roll_back_what_was_promoted(launch: Launch, shop: Application) -> None:
    ran = launch("Roll back", restore="true")
    assert (shop.image("Stable"), shop.image("Canary")) == ("shop:v1", "shop:v2")
    assert ran.artifacts["canary_result"]["changed"] is True


def test_destroy_with_another_name_than_that_of_the_stack_removes_nothing(launch: Launch, shop: Application) -> None:
    before = shop.state
    ran = launch("Destroy", fails=True, confirm="shop-test")
    assert "The stack to remove is shop, and confirm is 'shop-test': nothing was removed." in ran.output
    assert shop.state == before


def test_destroy(launch: Launch, shop: Application) -> None:
    ran = launch("Destroy", confirm="shop")
    assert ran.artifacts["canary_result"]["changed"] is True
    clusters = shop.client("ecs").list_clusters()["clusterArns"]
    assert [arn for arn in clusters if arn.endswith("/shop")] == []


def test_what_is_passed_on_is_no_variable_that_anything_reads(launch: Launch) -> None:
    """AWX makes extra variables of it, which outrank all others."""
    specs = yaml.safe_load((CHECKOUT / "roles/canary/meta/argument_specs.yml").read_text(encoding="utf-8"))
    options = {name for entry in specs["argument_specs"].values() for name in entry["options"]}
    passed_on = set(launch("Destroy", confirm="shop").artifacts)
    assert passed_on == {"canary_result"}
    assert passed_on & (options | names_of_the_playbooks()) == set()
