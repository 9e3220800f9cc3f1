"""The commands of the documents, word for word, in a shell of their own."""
import os
import pathlib
import re
import shutil
import subprocess
import textwrap

import botocore
import pytest
import yaml
from conftest import AWS, boto

ROOT = pathlib.Path(__file__).parents[2]


def documents():
    """Every document with commands, by its path."""
    return {str(path.relative_to(ROOT)): path.read_text()
            for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]}


def all_blocks(text):
    """Each shell block of a document, with the heading that it stands below."""
    heading = ""
    for part in re.findall(r"^#+ [^\n]*$|^ *```.*?^ *```$", text, re.S | re.M):
        if part.startswith("#"):
            heading = part.lstrip("# ")
        elif block := re.match(r" *```sh\n(.*?) *```$", part, re.S):
            yield heading, textwrap.dedent(block[1])


def blocks(document, heading):
    """The shell blocks below a heading of a document."""
    found = [block for below, block in all_blocks((ROOT / document).read_text()) if below == heading]
    assert found, (document, heading)
    return found


GETTING_STARTED, AWS_CLI, ACCESS = "docs/getting-started.md", "docs/guides/aws-cli.md", "docs/guides/access.md"

# Shell blocks that no test here runs.
BLOCKS_NOT_RUN = {
    ("README.md", "Install"): "its commands are those of docs/getting-started.md",
    ("CONTRIBUTING.md", "Build"): "this is what was done before these tests",
    ("CONTRIBUTING.md", "Test"): "hack/e2e.sh does the same",
    ("docs/getting-started.md", "Run"): "they make the management cluster that these tests run in",
    ("docs/guides/access.md", "Enable the keys"): "they take the key of the other tests away",
    ("docs/guides/air-gapped.md", "Images of your own pods and of addons"): "it is about an image of the reader's",
    ("docs/guides/addons.md", "Create, configure, delete"): "test_addons.py has it, with boto3",
    ("docs/guides/addons.md", "Another version"): "test_addons.py has it, with boto3",
    ("docs/guides/addons.md", "cert-manager"): "they remove what test_addons_cert_manager.py leaves behind",
    ("docs/guides/addons.md", "Charts and images"): "`make up` does so with another image, test_addons_cert_manager.py with the others",
    ("docs/guides/images.md", "Push"): "test_registry.py has it",
    ("docs/guides/images.md", "The ECR API"): "test_registry_policies.py has it",
    ("docs/guides/images.md", "Use your own registries"): "test_own_registries.py has it",
    ("docs/guides/images.md", "Registries of k3d"): "test_own_registries.py has it",
    ("docs/guides/images.md", "Images that expire"): "test_registry_policies.py has it, with boto3",
    ("docs/guides/irsa.md", "The OIDC issuer"): "test_identity.py has it",
    ("docs/guides/node-groups.md", "Scale"): "docs/getting-started.md has it",
    ("docs/guides/upgrade.md", "Upgrade the cluster"): "crates/k3eks/tests/e2e/upgrades.rs has upgrades; nodes of the sample would be replaced",
    ("docs/guides/upgrade.md", "Upgrade a node group"): "crates/k3eks/tests/e2e/upgrades.rs has upgrades; nodes of the sample would be replaced",
    ("docs/reference/cli.md", "`k3eks status -o json`"): "test_life.py reads the same JSON",
    ("docs/operations/install.md", "From a release"): "there is no release yet: hack/registry.sh runs it with a registry of its own",
    ("docs/operations/upgrade.md", "Upgrade the operator"): "test_shipping.py upgrades the chart",
}

# Commands between backticks, run beside the blocks of docs/getting-started.md while its cluster is there.
INLINE = {
    "kubectl --namespace k3eks-system logs deployment/k3eks", "kubectl -n k3eks-system logs deployment/k3eks-api", "kubectl describe eks demo", "kubectl events --for eks/demo",
    "kubectl explain eks.spec", "kubectl explain ng.spec", "kubectl get certificateauthorities", "kubectl get eks", "kubectl get eks,ng",
    "kubectl get eks,ng -o wide", "kubectl get k3eks", "kubectl get nodes", "kubectl get updates", "k3d cluster list",
    "docker ps -a --filter label=k3eks.io/cluster", "kubectl config view --raw --flatten",
    "kubectl wait --for=condition=Ready eks/demo --timeout=3m",
}

# The others.
INLINE_NOT_RUN = {
    "aws eks update-cluster-version --name demo --kubernetes-version 1.36": "crates/k3eks/tests/e2e/upgrades.rs has upgrades; nodes of the sample would be replaced",
    "docker builder prune": "it removes what others on the machine have",
    "docker restart k3d-reg": "it is about a registry of the reader's",
    "docker image prune": "it removes what others on the machine have",
    "docker pull ghcr.io/k3d-io/k3d-proxy:5.9.0": "it needs a registry of the Internet",
    "docker system prune": "it is a warning",
    "export AWS_ENDPOINT_URL=http://127.0.0.1:4566": "the shell of each test has it",
    "source .k3eks/k3eks.env": "it is in the blocks that are run",
    "helm test k3eks -n k3eks-system": "test_shipping.py has it",
    "k3d cluster create mgmt --volume /var/run/docker.sock:/var/run/docker.sock": "as a block of docs/guides/air-gapped.md",
    "kubectl edit eks demo": "it opens an editor",
    "kubectl -n kube-system get configmap aws-auth -o yaml": "test_identity.py looks at it",
    "kubectl -n kube-system describe": "what it describes is the reader's",
    "kubectl -n k3eks-system rollout restart deployment/k3eks": "the operator of all tests would be away",
    "kubectl apply --server-side -k config/default": "test_shipping.py has it, as a dry run",
    "kubectl delete eks --all": "it deletes the clusters of the other tests",
    "make advisories": "it needs a database of the Internet", "make bench": "it takes an hour", "make chaos": "it restarts Docker", "make clean": "it deletes the caches", "make down": "it ends the management cluster",
    "make check-generated": "`make test` runs it", "make lint": "`make test` runs it", "make unit": "`make test` runs it", "make e2e": "it runs these tests",
    "make docs": "it takes minutes to build mdBook", "make generate": "it writes files of the repository", "make aws-models": "it needs the Internet",
    "make release-binary": "the workflow release.yml runs it", "make setup": "it made the machine ready for these tests", "make test": "it runs these tests",
    "make up": "it made the management cluster that these tests run in", "make up SAMPLE=no": "in the workflow of docs/guides/github-actions.md",
    "sysctl fs.inotify.max_user_instances=8192 fs.inotify.max_user_watches=524288": "it changes the kernel of the machine",
    "sysctl fs.inotify.max_user_instances=8192": "it changes the kernel of the machine",
}

COMMANDS = "aws curl docker export helm k3d kubectl make source sysctl".split()


def inline():
    """Whole commands between backticks: neither the mere name of one, as prose has it, nor with a placeholder."""
    for text in documents().values():
        prose = re.sub(r"^ *```.*?^ *```", "", text, flags=re.S | re.M)
        for span in re.findall(r"`([^`\n]+)`", prose):
            words = span.split()
            if len(words) == 1 or words[0] not in COMMANDS or re.search(r"…|\bNAME\b|NAMESPACE|<|would ", span):
                continue
            named = len(words) == 2 and words[0] in ("docker", "helm", "kubectl") or len(words) == 3 and words[0] in ("aws", "k3d", "kubectl")
            if named and span not in INLINE and not {"prune"} & set(words):
                continue
            yield span


def test_every_command_is_run_or_said_why_not():
    source = pathlib.Path(__file__).read_text()
    names = {"GETTING_STARTED": GETTING_STARTED, "AWS_CLI": AWS_CLI, "ACCESS": ACCESS}
    run = {(names.get(document, document.strip('"')), heading) for document, heading in re.findall(r'blocks\(("[^"]+"|[A-Z_]+), "([^"]+)"\)', source)}
    found = {(name, heading) for name, text in documents().items() for heading, _ in all_blocks(text)}
    assert found == run | set(BLOCKS_NOT_RUN), (found - run - set(BLOCKS_NOT_RUN), (run | set(BLOCKS_NOT_RUN)) - found)
    assert not set(BLOCKS_NOT_RUN) & run, "a block that is said not to be run"
    spans = set(inline())
    listed = INLINE | set(INLINE_NOT_RUN)
    assert spans == listed, (spans - listed, listed - spans)


def test_the_readme_has_the_commands_of_the_guides():
    readme, guide = ("README.md", "Install"), (GETTING_STARTED, "Run")
    assert blocks(*readme) == blocks(*guide)
    guides = blocks(GETTING_STARTED, "Make a cluster") + blocks(GETTING_STARTED, "Use the cluster") + blocks(AWS_CLI, "Create a cluster")
    lines = {line for block in guides for line in block.splitlines()}
    yaml_way, aws_way = blocks("README.md", "First cluster")
    assert set((yaml_way + aws_way).splitlines()) <= lines, set((yaml_way + aws_way).splitlines()) - lines


def test_kubeconfigs_that_commands_write_are_no_one_s_commit(tmp_path):
    text = "".join(documents().values()) + (ROOT / "hack/up.sh").read_text()
    files = {*re.findall(r"(?:> |--kubeconfig )([\w.-]+\.kubeconfig)\b", text), ".k3eks/demo.kubeconfig.aws", ".k3eks/k3eks.env"}
    assert {"demo.kubeconfig", "web.kubeconfig", "viewer.kubeconfig", "mgmt.kubeconfig"} <= files
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    shutil.copy(ROOT / ".gitignore", tmp_path)
    for name in files:
        assert subprocess.run(["git", "-C", str(tmp_path), "check-ignore", "-q", name]).returncode == 0, name


@pytest.fixture
def shell(real, management, tmp_path):
    """Runs commands where a user would, with a kubeconfig of its own, and fails where one of them does."""
    for folder in ("config", "charts"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    (tmp_path / ".cache/k3eks").mkdir(parents=True)
    (tmp_path / ".cache/k3eks/bin").symlink_to(os.path.dirname(shutil.which("k3d")))

    (tmp_path / ".k3eks").mkdir()
    (tmp_path / ".k3eks/k3eks.env").write_text(
        f"export AWS_ENDPOINT_URL={real} AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1\n")

    def shell(*scripts):
        kubeconfig = tmp_path / "kubeconfig"
        shutil.copy(management, kubeconfig)
        env = {**os.environ, "KUBECONFIG": str(kubeconfig), "HOME": str(tmp_path), "AWS_PAGER": "",
               "PATH": f"{os.path.dirname(AWS)}:{os.environ['PATH']}",
               "AWS_DATA_PATH": os.path.join(os.path.dirname(botocore.__file__), "data")}
        script = "\n".join(scripts).replace("http://127.0.0.1:4566", real)
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, (script, done.stdout[-3000:], done.stderr[-3000:])
        return done.stdout
    return shell


def test_getting_started(shell):
    make, = blocks(GETTING_STARTED, "Make a cluster")
    use, secret, workload = blocks(GETTING_STARTED, "Use the cluster")
    change, = blocks(GETTING_STARTED, "Change and delete it")
    # What a person waits for by looking.
    wait = "kubectl wait --for=condition=Ready eks/demo ng/demo-workers ng/demo-batch ng/demo-dedicated --timeout=3m"
    said = shell(make.replace(" --watch", ""), wait, use, secret, workload, *sorted(INLINE), change)
    assert "eks.amazonaws.com/nodegroup" not in said and "NODEGROUP" in said
    assert "demo-dedicated created" in said and '"demo-dedicated" deleted' in said


def test_import(shell):
    adopt, = blocks("docs/guides/import.md", "A k3d cluster")
    assert "adopted" in shell(adopt, "kubectl get eks adopted", "kubectl delete eks adopted")


def test_the_aws_cli(shell, real):
    said = shell(*blocks(AWS_CLI, "Create a cluster"))
    assert "Ready" in said
    boto(real).delete_cluster(name="web")


def test_access(shell, real):
    variables = next(line for line in blocks(AWS_CLI, "Create a cluster")[0].splitlines() if line.startswith("source "))
    people = blocks(ACCESS, "Add an administrator and a viewer")
    pods = blocks("docs/guides/irsa.md", "IRSA") + blocks("docs/guides/irsa.md", "EKS Pod Identity")
    said = shell(variables, *people, *pods)
    assert "yes" in said and "serviceaccount/app annotated" in said
    for script in blocks(ACCESS, "Keys") + blocks(ACCESS, "Roles"):
        made = re.search(r"create (secret|configmap) (?:generic )?(\S+)", script)
        shell(script, f"kubectl -n k3eks-system delete {made[1]} {made[2]}")
    boto(real).delete_cluster(name="team")


def test_in_github_actions(shell, real, management):
    job = yaml.safe_load(re.search(r"```yaml\n(.*?)```", (ROOT / "docs/guides/github-actions.md").read_text(), re.S)[1])["jobs"]["eks"]
    variables = "\n".join(f"export {name}={value}" for name, value in job["env"].items())
    packages, up, use, failed = [step["run"] for step in job["steps"] if "run" in step]
    # Whoever runs this there isn't root: what hack/setup.sh would install has to be there before. Two are on every runner.
    setup = (ROOT / "hack/setup.sh").read_text()
    wanted = set(re.findall(r"\w+:([\w.-]+)", re.search(r"wanted=\((.*)\)", setup)[1])) | set(re.findall(r"missing\+=\(([a-z0-9-]+)\)", setup))
    assert wanted - {"util-linux", "python3"} <= set(packages.split())
    assert up == "make -C k3eks up SAMPLE=no"
    # What `make up` made here has another name.
    failed = failed.replace("k3eks/.k3eks/k3eks.kubeconfig", management).replace("k3eks doctor", f"k3eks doctor --endpoint {real}")
    said = shell(variables, use, failed)
    assert "Ready" in said and "Active" in said and re.search(r"^Name: +ci$", said, re.M)
    boto(real).delete_cluster(name="ci")


def test_without_internet_access(shell, tmp_path):
    # The documents' name for it may be that of a management cluster which somebody uses.
    name = "k3eks-docs"
    delete = ["k3d", "cluster", "delete", name]
    carry, install, source = (block.replace("mgmt", name) for block in
                              blocks("docs/guides/air-gapped.md", "Carry and install") + blocks("docs/operations/install.md", "From source"))
    # What a run that was cut short left.
    subprocess.run(delete, capture_output=True)
    try:
        said = shell(carry, install, "kubectl -n k3eks-system wait --for=condition=Available deployment/k3eks deployment/k3eks-api --timeout=60s",
                     "kubectl apply -f - <<'E'", '{"apiVersion": "eks.cattle.io/v1", "kind": "EKSClusterConfig", "metadata": {"name": "far"}, "spec": {}}', "E",
                     "kubectl wait --for=condition=Ready eks/far --timeout=120s", *blocks("docs/operations/install.md", "Uninstall"))
        assert "far condition met" in said and 'release "k3eks" uninstalled' in said
        left = subprocess.run(["docker", "ps", "-aq", "--filter", "name=eks-far"], capture_output=True, text=True, check=True).stdout
        assert left == ""
        # The way of installing from source, in the management cluster that is there already, with the image that is built already.
        build = tmp_path / "hack/image.sh"
        build.parent.mkdir()
        build.write_text("#!/bin/sh\ndocker image ls --format '{{.Repository}}:{{.Tag}}' k3eks | head -1\n")
        build.chmod(0o755)
        shell(f"export KUBECONFIG=$PWD/{name}.kubeconfig", source,
              "kubectl -n k3eks-system wait --for=condition=Available deployment/k3eks deployment/k3eks-api --timeout=90s")
    finally:
        subprocess.run(delete, capture_output=True)
