"""The README's commands, word for word, in a shell of their own."""
import os
import pathlib
import re
import shutil
import subprocess

import botocore
import pytest
from conftest import AWS, boto

ROOT = pathlib.Path(__file__).parents[2]


def blocks(heading):
    """The shell blocks below a heading of the README."""
    text = (ROOT / "README.md").read_text()
    section = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.S | re.M)[1]
    found = re.findall(r"^```sh\n(.*?)^```", section, re.S | re.M)
    assert found, heading
    return found


@pytest.fixture
def shell(real, management, tmp_path):
    """Runs commands where a user would, with a kubeconfig of its own, and fails where one of them does."""
    (tmp_path / "config").symlink_to(ROOT / "config")

    def shell(*scripts):
        kubeconfig = tmp_path / "kubeconfig"
        shutil.copy(management, kubeconfig)
        env = {**os.environ, "KUBECONFIG": str(kubeconfig), "HOME": str(tmp_path), "AWS_PAGER": "",
               "PATH": f"{os.path.dirname(AWS)}:{os.environ['PATH']}",
               "AWS_DATA_PATH": os.path.join(os.path.dirname(botocore.__file__), "data")}
        script = "\n".join(scripts).replace("http://127.0.0.1:4566", real)
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=400)
        assert done.returncode == 0, (script, done.stdout[-3000:], done.stderr[-3000:])
        return done.stdout
    return shell


def test_a_first_cluster(shell):
    make, way_in, workload, change, *rest = blocks("A first cluster")
    # What a person waits for by looking.
    wait = "kubectl wait --for=condition=Ready eks/demo ng/demo-workers ng/demo-batch --timeout=3m"
    said = shell(make.replace(" --watch", ""), wait, way_in, workload, change)
    assert "eks.amazonaws.com/nodegroup" not in said and "NODEGROUP" in said and "demo-dedicated created" in said
    for script in rest:
        assert "adopted" in shell(script, "kubectl get eks adopted", "kubectl delete eks adopted")


def test_the_eks_api(shell, real):
    said = shell(*blocks("The EKS API"))
    assert "Ready" in said
    boto(real).delete_cluster(name="web")


def test_who_you_are(shell, real):
    variables = next(line for line in blocks("The EKS API")[0].splitlines() if line.startswith("export "))
    people, *objects = blocks("Who you are")
    said = shell(variables, people)
    assert "yes" in said and "serviceaccount/app annotated" in said
    for script in objects:
        made = re.search(r"create (secret|configmap) (?:generic )?(\S+)", script)
        shell(script, f"kubectl -n k3eks-system delete {made[1]} {made[2]}")
    boto(real).delete_cluster(name="team")
