"""People and pods that use a child cluster: kubectl and the aws CLI with their credentials, and an image for pods."""
import json
import os
import subprocess
import sys
import tempfile
import textwrap
import time

AWS = os.path.join(os.path.dirname(sys.executable), "aws")
TOOLS = os.environ["K3EKS_SDKS"]
IMAGE = "k3eks-test/whoami:1"


class Failed(Exception):
    pass


def run(*command, env=None, stdin=None):
    done = subprocess.run(command, env={**os.environ, **(env or {})}, text=True, capture_output=True, input=stdin, timeout=120)
    if done.returncode:
        raise Failed(done.stdout + done.stderr)
    return done.stdout


class Person:
    """Somebody with credentials and a home of their own: profiles, and a kubeconfig that `aws eks update-kubeconfig` wrote."""

    def __init__(self, endpoint, key="test", secret="test", role=None, session="me"):
        self.home = tempfile.mkdtemp()
        self.env = {"HOME": self.home, "AWS_CONFIG_FILE": f"{self.home}/aws", "KUBECONFIG": f"{self.home}/kubeconfig", "AWS_PROFILE": "me",
                    "AWS_PAGER": "", "PATH": f"{os.path.dirname(AWS)}:{TOOLS}:{os.environ['PATH']}", "AWS_EC2_METADATA_DISABLED": "true"}
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL_EKS"):
            self.env[name] = ""
        base = f"region = us-east-1\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"
        me = f"region = us-east-1\nrole_arn = {role}\nsource_profile = base\nrole_session_name = {session}\n" if role else base
        with open(f"{self.home}/aws", "w") as file:
            services = f"[services here]\neks =\n  endpoint_url = {endpoint}\nsts =\n  endpoint_url = {endpoint}\n"
            file.write(f"[profile base]\nservices = here\n{base}\n[profile me]\nservices = here\n{me}\n{services}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL_EKS"):
            del self.env[name]

    def run(self, *command, stdin=None):
        env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        done = subprocess.run(command, env={**env, **self.env}, text=True, capture_output=True, input=stdin, timeout=120)
        if done.returncode:
            raise Failed(done.stdout + done.stderr)
        return done.stdout

    def aws(self, *arguments):
        return json.loads(self.run("aws", *arguments, "--output", "json") or "{}")

    def sign_in(self, cluster):
        self.run("aws", "eks", "update-kubeconfig", "--name", cluster)
        return self

    def kubectl(self, *arguments, stdin=None):
        return self.run("kubectl", *arguments, stdin=stdin)

    def may(self, *what):
        """Whether the API server says that this may be done; raises where nobody is signed in."""
        try:
            return self.run("kubectl", "auth", "can-i", *what).strip() == "yes"
        except Failed as failed:
            if str(failed).startswith("no"):
                return False
            raise

    def refused(self):
        """What the API server says to somebody whom it doesn't know."""
        try:
            self.kubectl("get", "--raw", "/version")
        except Failed as failed:
            return "Unauthorized" in str(failed) or "must be logged in" in str(failed) or "provide credentials" in str(failed)
        return False


def within(seconds, what, found):
    """Polls until `found` is true, or was asked in vain after `seconds`: a look that was begun in time counts, however long it took."""
    begun = time.monotonic()
    while True:
        asked = time.monotonic()
        if found():
            return
        assert asked - begun < seconds, f"waited {seconds} s for {what}"
        time.sleep(0.1)


def load_image(nodes):
    """Brings the image of the program to nodes that could pull it from nowhere."""
    folder = tempfile.mkdtemp()
    run("cp", f"{TOOLS}/whoami", folder)
    with open(f"{folder}/Dockerfile", "w") as file:
        file.write('FROM scratch\nCOPY whoami /whoami\nENTRYPOINT ["/whoami"]\n')
    run("docker", "build", "-q", "-t", IMAGE, folder, env={"DOCKER_BUILDKIT": "0"})
    for node in nodes:
        subprocess.run(f"docker save {IMAGE} | docker exec -i {node} ctr -a /run/k3s/containerd/containerd.sock -n k8s.io images import -",
                       shell=True, check=True, capture_output=True, timeout=120)


def pod(name, account, annotations=None):
    """A pod that says who it is to AWS, and ends."""
    return json.dumps({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "annotations": annotations or {}},
        "spec": {"serviceAccountName": account, "restartPolicy": "Never",
                 "containers": [{"name": "whoami", "image": IMAGE, "imagePullPolicy": "Never"}]}})


def service_account(name, role=None):
    return textwrap.dedent(f"""
        apiVersion: v1
        kind: ServiceAccount
        metadata:
          name: {name}
          annotations: {json.dumps({"eks.amazonaws.com/role-arn": role} if role else {})}
    """)
