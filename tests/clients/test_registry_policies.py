"""What the ECR API does with images and repositories beside pushes: tags, PutImage, policies, and images that expire."""
import hashlib
import json
import os
import urllib.request

import pytest
from conftest import AWS, boto, refused, run, wait_for

NAME = "000000000000.dkr.ecr.us-east-1.amazonaws.com"
OCI = "application/vnd.oci.image"


@pytest.fixture(scope="module")
def ecr(real):
    return boto(real, service="ecr")


@pytest.fixture
def repository(ecr, request):
    """The name of a repository of the test's own."""
    name = "policies/" + request.node.name.removeprefix("test_").replace("_", "-")
    ecr.create_repository(repositoryName=name)
    yield name
    ecr.delete_repository(repositoryName=name, force=True)


def blob(repository, content):
    """Uploads a layer or a configuration, and says what a manifest has of it."""
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    base = f"http://{os.environ['K3EKS_E2E_REGISTRY']}"
    start = urllib.request.Request(f"{base}/v2/{NAME}/{repository}/blobs/uploads/", method="POST", data=b"")
    with urllib.request.urlopen(start, timeout=30) as answer:
        place = answer.headers["Location"]
    place = place if place.startswith("http") else base + place
    place += ("&" if "?" in place else "?") + f"digest={digest}"
    end = urllib.request.Request(place, method="PUT", data=content, headers={"Content-Type": "application/octet-stream"})
    with urllib.request.urlopen(end, timeout=30) as answer:
        assert answer.status == 201
    return {"digest": digest, "size": len(content)}


def manifest(repository, number):
    """The manifest of an image whose parts were uploaded."""
    config = {"mediaType": f"{OCI}.config.v1+json", **blob(repository, json.dumps({"number": number}).encode())}
    layer = {"mediaType": f"{OCI}.layer.v1.tar", **blob(repository, b"a layer")}
    return json.dumps({"schemaVersion": 2, "mediaType": f"{OCI}.manifest.v1+json", "config": config, "layers": [layer]})


def push(ecr, repository, number, **more):
    """Puts an image, and says its digest."""
    image = ecr.put_image(repositoryName=repository, imageManifest=manifest(repository, number), **more)["image"]
    return image["imageId"]["imageDigest"]


def listed(ecr, repository, status):
    ids = ecr.list_images(repositoryName=repository, filter={"tagStatus": status})["imageIds"]
    return {image["imageDigest"] for image in ids}


def expire(**selection):
    return json.dumps({"rules": [{"rulePriority": 1, "selection": selection, "action": {"type": "expire"}}]})


def test_repositories_have_tags(ecr, repository):
    arn = ecr.describe_repositories(repositoryNames=[repository])["repositories"][0]["repositoryArn"]
    ecr.tag_resource(resourceArn=arn, tags=[{"Key": "team", "Value": "a"}, {"Key": "stage", "Value": "test"}])
    ecr.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert ecr.list_tags_for_resource(resourceArn=arn)["tags"] == [{"Key": "stage", "Value": "test"}]
    assert refused(ecr.tag_resource, resourceArn=arn, tags=[{"Key": "aws:x", "Value": ""}]) == "InvalidTagParameterException"
    assert refused(ecr.list_tags_for_resource, resourceArn=arn + "-none") == "RepositoryNotFoundException"
    assert ecr.list_images(repositoryName=repository)["imageIds"] == []


def test_an_image_gets_another_tag(ecr, repository, real):
    """As ECR's guide shows it: batch-get-image, then put-image."""
    digest = push(ecr, repository, 1, imageTag="v1")
    env = {**os.environ, "AWS_ENDPOINT_URL": real, "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "000000000000",
           "AWS_SECRET_ACCESS_KEY": "any", "AWS_PAGER": "", "AWS": AWS, "REPOSITORY": repository}
    run("sh", "-ec", """
        manifest=$("$AWS" ecr batch-get-image --repository-name "$REPOSITORY" --image-ids imageTag=v1 \
          --query 'images[0].imageManifest' --output text)
        "$AWS" ecr put-image --repository-name "$REPOSITORY" --image-tag stable --image-manifest "$manifest"
    """, env=env)
    [image] = ecr.describe_images(repositoryName=repository)["imageDetails"]
    assert image["imageDigest"] == digest and sorted(image["imageTags"]) == ["stable", "v1"]


def test_images_are_put_as_ecr_puts_them(ecr, repository):
    text = manifest(repository, 1)
    layer = json.loads(text)["layers"][0]["digest"]
    none = "sha256:" + "0" * 64
    told = ecr.batch_check_layer_availability(repositoryName=repository, layerDigests=[layer, none])["layers"]
    assert [(one["layerAvailability"], one.get("layerSize")) for one in told] == [("AVAILABLE", 7), ("UNAVAILABLE", None)]
    put = {"repositoryName": repository, "imageTag": "v1"}
    assert refused(ecr.put_image, **put, imageManifest=text.replace(layer, none)) == "LayersNotFoundException"
    index = json.dumps({"schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": [
        {"mediaType": f"{OCI}.manifest.v1+json", "digest": none, "size": 2}]})
    assert refused(ecr.put_image, **put, imageManifest=index) == "ReferencedImagesNotFoundException"
    assert refused(ecr.put_image, **put, imageManifest=text, imageDigest=none) == "ImageDigestDoesNotMatchException"
    ecr.put_image(**put, imageManifest=text)
    assert refused(ecr.put_image, **put, imageManifest=text) == "ImageAlreadyExistsException"
    ecr.put_image_tag_mutability(repositoryName=repository, imageTagMutability="IMMUTABLE")
    assert refused(ecr.put_image, **put, imageManifest=manifest(repository, 2)) == "ImageTagAlreadyExistsException"


def test_a_repository_policy_is_kept(ecr, repository):
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "ecr:*"}]})
    assert refused(ecr.get_repository_policy, repositoryName=repository) == "RepositoryPolicyNotFoundException"
    assert refused(ecr.set_repository_policy, repositoryName=repository, policyText="{") == "InvalidParameterException"
    ecr.set_repository_policy(repositoryName=repository, policyText=policy)
    assert ecr.get_repository_policy(repositoryName=repository)["policyText"] == policy
    ecr.delete_repository_policy(repositoryName=repository)
    assert refused(ecr.delete_repository_policy, repositoryName=repository) == "RepositoryPolicyNotFoundException"


def test_images_expire(ecr, repository):
    old, middle, new = (push(ecr, repository, number, imageTag="v1") for number in (1, 2, 3))
    assert listed(ecr, repository, "UNTAGGED") == {old, middle} and listed(ecr, repository, "TAGGED") == {new}
    policy = expire(tagStatus="untagged", countType="imageCountMoreThan", countNumber=1)
    ecr.start_lifecycle_policy_preview(repositoryName=repository, lifecyclePolicyText=policy)
    ecr.get_waiter("lifecycle_policy_preview_complete").wait(repositoryName=repository)
    preview = ecr.get_lifecycle_policy_preview(repositoryName=repository)
    assert [image["imageDigest"] for image in preview["previewResults"]] == [old]
    assert preview["summary"]["expiringImageTotalCount"] == 1 and listed(ecr, repository, "ANY") == {old, middle, new}
    bad = policy.replace("untagged", "tagged")
    assert refused(ecr.put_lifecycle_policy, repositoryName=repository, lifecyclePolicyText=bad) == "InvalidParameterException"
    ecr.put_lifecycle_policy(repositoryName=repository, lifecyclePolicyText=policy)
    wait_for("the policy to be carried out", lambda: listed(ecr, repository, "UNTAGGED") == {middle}, 60)
    wait_for("its time", lambda: ecr.get_lifecycle_policy(repositoryName=repository)["lastEvaluatedAt"].year > 2000)
    # A push is enough, too.
    newest = push(ecr, repository, 4, imageTag="v1")
    wait_for("the next image to expire", lambda: listed(ecr, repository, "ANY") == {new, newest}, 60)
    ecr.delete_lifecycle_policy(repositoryName=repository)
    assert refused(ecr.get_lifecycle_policy, repositoryName=repository) == "LifecyclePolicyNotFoundException"


def test_an_image_stays_while_an_index_has_it(ecr, repository):
    """The pieces of an image for several platforms have no tags of their own."""
    piece, lonely = push(ecr, repository, 1), push(ecr, repository, 2)
    text = manifest(repository, 1)
    index = json.dumps({"schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": [
        {"mediaType": f"{OCI}.manifest.v1+json", "digest": piece, "size": len(text)}]})
    every = ecr.put_image(repositoryName=repository, imageManifest=index, imageTag="all")["image"]["imageId"]["imageDigest"]
    [failure] = ecr.batch_delete_image(repositoryName=repository, imageIds=[{"imageDigest": piece}])["failures"]
    assert failure["failureCode"] == "ImageReferencedByManifestList"
    newest = push(ecr, repository, 3)
    ecr.put_lifecycle_policy(
        repositoryName=repository, lifecyclePolicyText=expire(tagStatus="untagged", countType="imageCountMoreThan", countNumber=1))
    wait_for("the policy to be carried out", lambda: listed(ecr, repository, "ANY") == {piece, every, newest}, 60)
    assert lonely not in listed(ecr, repository, "ANY")
