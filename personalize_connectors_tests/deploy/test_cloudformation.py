"""The AWS template: what the linter says, what moto makes of it, and that its policies are those of deploy/iam."""

import json
import os
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
import yaml
from cfnlint import decode
from moto import mock_aws

import personalize_connectors
from personalize_connectors_tests.s3 import KEYS

DEPLOY = Path(personalize_connectors.__file__).parents[1] / "deploy"
TEMPLATE = DEPLOY / "cloudformation.yaml"
# What moto's CloudFormation does not make.
UNKNOWN_TO_MOTO = {
    "AWS::SecretsManager::Secret",
    "AWS::S3::BucketPolicy",
    "AWS::ServiceDiscovery::PrivateDnsNamespace",
    "AWS::ServiceDiscovery::Service",
}


@pytest.fixture
def template():
    """The template, with CloudFormation's functions in their long form."""
    found, problems = decode.decode(str(TEMPLATE))
    assert not problems
    return json.loads(json.dumps(found))


def test_the_linter_finds_nothing():
    """No error and no warning of cfn-lint."""
    done = subprocess.run(
        [Path(sys.executable).parent / "cfn-lint", TEMPLATE], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.filterwarnings("ignore:Tried to parse")
@pytest.mark.parametrize("topic", ["", "arn:aws:sns:eu-west-1:123456789012:runs"])
def test_moto_makes_all_that_it_knows(monkeypatch, caplog, template, topic):
    """The stack is made, with bucket, address, database, services and roles; what moto does not know is named."""
    # An attribute of something that moto does not make.
    del template["Resources"]["CodeService"]["Properties"]["ServiceRegistries"]
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        subnets = [subnet["SubnetId"] for subnet in boto3.client("ec2").describe_subnets()["Subnets"][:2]]
        vpc = boto3.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
        parameters = {
            "BrazeEndpoint": "https://rest.iad-01.braze.com",
            "BrazeApiKey": "a-key-of-braze",
            "Image": "registry.example/personalize-connectors:1",
            "VpcId": vpc,
            "SubnetIds": ",".join(subnets),
            "NotificationTopicArn": topic,
        }
        client = boto3.client("cloudformation")
        client.create_stack(
            StackName="connectors",
            TemplateBody=json.dumps(template),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        stack = client.describe_stacks(StackName="connectors")["Stacks"][0]
        made = client.list_stack_resources(StackName="connectors")["StackResourceSummaries"]
        services = boto3.client("ecs").list_services(cluster="prod-personalize-connectors")["serviceArns"]
    unknown = {
        record.getMessage().rpartition(" ")[2]
        for record in caplog.records
        if "No Moto" in record.getMessage()
    }
    expected = {
        name
        for name, resource in template["Resources"].items()
        if resource["Type"] not in UNKNOWN_TO_MOTO and (topic or resource.get("Condition") != "HasTopic")
    }
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert unknown == UNKNOWN_TO_MOTO
    assert {resource["LogicalResourceId"] for resource in made} - {
        ""
    } == expected  # moto names one of them not
    assert len(services) == 3


def test_policies_are_those_of_the_documents(template):
    """The template's statements are those that the tests hold against the code, with its own names."""
    names = {
        "arn:aws:": "arn:${AWS::Partition}:",
        "ROOT_BUCKET": "${RootBucket}",
        "OUTPUT_BUCKET": "${UpstreamStackName}-*",
        "REGION": "${AWS::Region}",
        "ACCOUNT": "${AWS::AccountId}",
        "ENVIRONMENT_NAME": "${EnvironmentName}",
    }
    policies = {
        policy["PolicyName"]: policy for policy in template["Resources"]["TaskRole"]["Properties"]["Policies"]
    }
    for name in ("run", "personalize"):
        text = (DEPLOY / "iam" / f"{name}.json").read_text()
        for placeholder, value in names.items():
            text = text.replace(placeholder, value)
        assert statements(policies[name]["PolicyDocument"]) == statements(json.loads(text))


def statements(document):
    """The statements with each resource as a list of texts."""
    found = []
    for statement in document["Statement"]:
        resources = statement["Resource"]
        resources = resources if isinstance(resources, list) else [resources]
        texts = [one["Fn::Sub"] if isinstance(one, dict) else one for one in resources]
        found.append({**statement, "Resource": texts})
    return found


def test_commands_are_those_of_the_compose_file(template):
    """Both installations start the same commands, which `make test-production` starts natively."""
    services = yaml.safe_load((DEPLOY / "docker-compose.yaml").read_text())["services"]
    for name in ("code", "daemon", "webserver"):
        (container,) = template["Resources"][f"{name.title()}Task"]["Properties"]["ContainerDefinitions"]
        assert (container["Name"], container["Command"]) == (name, services[name]["command"])


def test_processes_are_asked_how_they_are_as_in_the_compose_file(template):
    """Code server and daemon answer to the same command in both; the webserver is asked by the load balancer."""
    services = yaml.safe_load((DEPLOY / "docker-compose.yaml").read_text())["services"]
    for name in ("code", "daemon"):
        (container,) = template["Resources"][f"{name.title()}Task"]["Properties"]["ContainerDefinitions"]
        assert container["HealthCheck"]["Command"] == services[name]["healthcheck"]["test"]


def test_arns_are_of_the_partition_in_which_the_stack_is(template):
    """No ARN names the partition `aws` itself."""
    assert "arn:aws:" not in json.dumps(template)


def test_all_variables_of_the_production_settings_are_set(template):
    """Each variable that deploy/dagster.yaml and deploy/workspace.yaml read is set by both installations."""
    wanted = {
        word.strip("}{ ,")
        for name in ("dagster.yaml", "workspace.yaml")
        for word in (DEPLOY / name).read_text().split("env: ")[1:]
        for word in [word.split("}")[0]]
    }
    compose = yaml.safe_load((DEPLOY / "docker-compose.yaml").read_text())["x-connectors"]["environment"]
    assert wanted <= set(compose)
    for name in ("CodeTask", "DaemonTask", "WebserverTask"):
        (container,) = template["Resources"][name]["Properties"]["ContainerDefinitions"]
        given = {entry["Name"] for entry in [*container["Environment"], *container["Secrets"]]}
        assert wanted <= given
