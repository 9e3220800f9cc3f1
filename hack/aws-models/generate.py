#!/usr/bin/env python3
"""Write the facts of AWS's services that the protocol layer needs.

For each service: model.json, and model/operation.rs with the operations as an enum,
so that one without a handler doesn't compile. Names, shapes, constraints and
locations are taken from the service models of the botocore release pinned in
requirements.txt; their prose is left out. Of a service that isn't served whole,
only the operations in SERVED are there. With --check nothing is written and the
exit code is 1 if a file differs from what would be.
"""

import argparse
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
CRATES = HERE.parent.parent / "crates"
PIN = (HERE / "requirements.txt").read_text().strip()
# For each folder with a model: which one it is, the operations that are served (None: all of them), and whether the
# protocol layer makes the pages of lists.
SERVED = {
    "eks/src": ("eks/2017-11-01", None, True),
    "ecr/src": (
        "ecr/2015-09-21",
        [
            "BatchCheckLayerAvailability",
            "BatchDeleteImage",
            "BatchGetImage",
            "CreateRepository",
            "DeleteLifecyclePolicy",
            "DeleteRepository",
            "DeleteRepositoryPolicy",
            "DescribeImages",
            "DescribeRegistry",
            "DescribeRepositories",
            "GetAuthorizationToken",
            "GetLifecyclePolicy",
            "GetLifecyclePolicyPreview",
            "GetRepositoryPolicy",
            "ListImages",
            "ListTagsForResource",
            "PutImage",
            "PutImageTagMutability",
            "PutLifecyclePolicy",
            "SetRepositoryPolicy",
            "StartLifecyclePolicyPreview",
            "TagResource",
            "UntagResource",
        ],
        False,
    ),
    "identity/src/sts": (
        "sts/2011-06-15",
        ["AssumeRole", "AssumeRoleWithWebIdentity", "GetCallerIdentity", "GetSessionToken"],
        False,
    ),
}
CONSTRAINTS = ("pattern", "min", "max", "enum")


def load(models):
    """Return the service models, each with its paginators, of the pinned release."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", directory, PIN]
        subprocess.run(command, check=True)
        wheel = next(pathlib.Path(directory).glob("*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            return [read(archive, f"botocore/data/{model}") for model in models]


def read(archive, base):
    """Return a service model and its paginators."""
    service = json.loads(gzip.decompress(archive.read(f"{base}/service-2.json.gz")))
    return service, json.loads(archive.read(f"{base}/paginators-1.json"))["pagination"]


def member(owner, name, facts, route):
    """One member of a structure. EKS checks a cluster's name in every path, where the model says String."""
    out = {"shape": facts["shape"]}
    location = facts.get("location")
    wire = facts.get("locationName", name)
    if location == "uri" and wire == "name" and route.startswith("/clusters/{name}"):
        out["shape"] = "ClusterName"
    if location:
        out["in"] = location
    if wire != name:
        out["as"] = wire
    if name in owner.get("required", []):
        out["required"] = True
    if facts.get("idempotencyToken"):
        out["token"] = True
    return out


def shape(facts, route):
    """One shape, without documentation."""
    out = {"type": facts["type"]}
    out.update({key: facts[key] for key in CONSTRAINTS if key in facts})
    if facts["type"] == "structure":
        members = facts["members"].items()
        out["members"] = {name: member(facts, name, inner, route) for name, inner in members}
    if facts["type"] == "list":
        out["member"] = facts["member"]["shape"]
    if facts["type"] == "map":
        out["key"], out["value"] = facts["key"]["shape"], facts["value"]["shape"]
    return out


def references(facts):
    """The names of the shapes that a shape refers to."""
    inner = [m["shape"] for m in facts.get("members", {}).values()]
    return inner + [facts[key] for key in ("member", "key", "value") if key in facts]


def operation(facts, pages, inputs):
    """One operation."""
    out = {"method": facts["http"]["method"], "uri": facts["http"]["requestUri"]}
    out["status"] = facts["http"].get("responseCode", 200)
    for key in ("input", "output"):
        if key in facts:
            out[key] = facts[key]["shape"]
    out["errors"] = sorted(error["shape"] for error in facts.get("errors", []))
    if facts.get("authtype") == "none":
        out["unsigned"] = True
    if pages is not None and "nextToken" in inputs.get(out.get("input"), {}).get("members", {}):
        out["paged"] = pages.get(facts["name"], {}).get("result_key", "")
    return out


def wire(metadata):
    """How the service speaks."""
    out = {"service": metadata.get("signingName", metadata["endpointPrefix"]), "protocol": metadata["protocol"]}
    for key, fact in (("target", "targetPrefix"), ("version", "apiVersion"), ("namespace", "xmlNamespace")):
        if fact in metadata:
            out[key] = metadata[fact]
    return out


def build(service, pages, served):
    """The whole model as text: one line per operation, shape and error, so that a diff can be read."""
    raw = service["shapes"]
    chosen = sorted(service["operations"] if served is None else served)
    operations = {name: operation(service["operations"][name], pages, raw) for name in chosen}
    shapes, queue = {}, []
    for entry in operations.values():
        for key in ("input", "output"):
            if key in entry:
                queue.append((entry[key], entry["uri"] if key == "input" else ""))
    while queue:
        name, route = queue.pop()
        if name in shapes:
            continue
        shapes[name] = shape(raw[name], route)
        queue.extend((inner, "") for inner in references(shapes[name]))
    declared = {name for entry in operations.values() for name in entry["errors"]}
    errors = {
        name: {"status": facts.get("error", {}).get("httpStatusCode", 400), "members": sorted(facts["members"])}
        for name, facts in sorted(raw.items())
        if facts.get("exception") and (served is None or name in declared)
    }
    sections = (
        ("metadata", wire(service["metadata"])),
        ("operations", operations),
        ("shapes", dict(sorted(shapes.items()))),
        ("errors", errors),
    )
    return "{\n" + ",\n".join(section(name, entries) for name, entries in sections) + "\n}\n"


def section(name, entries):
    """One top-level object with an entry per line."""
    lines = (f"{json.dumps(key)}:{json.dumps(value, separators=(',', ':'))}" for key, value in entries.items())
    return f'"{name}":{{\n' + ",\n".join(lines) + "\n}"


def variants(service, served):
    """The operations as an enum."""
    names = "".join(f"    {name},\n" for name in sorted(service["operations"] if served is None else served))
    return f"//! Written by `hack/aws-models/generate.py`.\n\naws::operations! {{\n{names}}}\n"


def main():
    """Generate or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare; skipped if the model can't be fetched")
    check = parser.parse_args().check
    try:
        models = load([model for model, *_ in SERVED.values()])
    except subprocess.CalledProcessError:
        print(f"could not fetch {PIN}", file=sys.stderr)
        return 0 if check else 1
    drifted = False
    for (folder, (_, served, paged)), (service, pages) in zip(SERVED.items(), models):
        model = build(service, pages if paged else None, served)
        files = {"model.json": model, "model/operation.rs": variants(service, served)}
        for target, text in ((CRATES / folder / name, text) for name, text in files.items()):
            if not check:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text)
            elif not target.exists() or target.read_text() != text:
                print(f"{target} is not what {PIN} says: run hack/aws-models/generate.py", file=sys.stderr)
                drifted = True
    return 1 if drifted else 0


if __name__ == "__main__":
    sys.exit(main())
