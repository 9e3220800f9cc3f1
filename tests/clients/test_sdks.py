"""One whole life of a cluster in each of the AWS SDKs: programs of tests/clients/sdk, built by hack/sdks.sh."""
import os
import subprocess

import pytest


@pytest.mark.parametrize("sdk", ["go", "javascript", "java", "rust"])
def test_a_cluster_lives(records, sdk):
    env = {**os.environ, "AWS_ENDPOINT_URL_EKS": records, "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "000000000000",
           "AWS_SECRET_ACCESS_KEY": "any", "AWS_EC2_METADATA_DISABLED": "true"}
    done = subprocess.run([os.path.join(os.environ["K3EKS_SDKS"], sdk), f"life-{sdk}"], env=env, text=True, capture_output=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "both are gone", done.stdout
