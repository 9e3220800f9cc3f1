"""32 clients at once: nothing is lost, nothing is doubled."""
from concurrent.futures import ThreadPoolExecutor

from conftest import boto, wait_for

ACCOUNT = "323232323232"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
NETWORK = {"subnetIds": ["subnet-1", "subnet-2"]}


def test_32_clients_at_once(records):
    clients = [boto(records, ACCOUNT) for _ in range(32)]

    def life(number):
        eks, name = clients[number], f"many-{number}"
        eks.create_cluster(name=name, roleArn=ROLE, resourcesVpcConfig=NETWORK, clientRequestToken=f"token-{name}")
        again = eks.create_cluster(name=name, roleArn=ROLE, resourcesVpcConfig=NETWORK, clientRequestToken=f"token-{name}")
        wait_for(name, lambda: eks.describe_cluster(name=name)["cluster"]["status"] == "ACTIVE", 60)
        eks.tag_resource(resourceArn=again["cluster"]["arn"], tags={"number": str(number)})
        for group in ("a", "b"):
            eks.create_nodegroup(clusterName=name, nodegroupName=group, nodeRole=ROLE, subnets=["subnet-1"])
        assert sorted(eks.list_nodegroups(clusterName=name)["nodegroups"]) == ["a", "b"]
        update = eks.update_cluster_config(name=name, deletionProtection=True)["update"]
        wait_for("the update", lambda: eks.describe_update(name=name, updateId=update["id"])["update"]["status"] == "Successful", 60)
        return eks.describe_cluster(name=name)["cluster"]

    with ThreadPoolExecutor(32) as pool:
        clusters = list(pool.map(life, range(32)))
    assert [c["tags"] for c in clusters] == [{"number": str(n)} for n in range(32)]
    eks = clients[0]
    pages = eks.get_paginator("list_clusters").paginate(PaginationConfig={"PageSize": 10})
    listed = [name for page in pages for name in page["clusters"]]
    assert sorted(listed) == sorted(f"many-{n}" for n in range(32)) and len(set(listed)) == 32
    assert boto(records, "111111111111").list_clusters()["clusters"] == [], "another account is another world"
    assert boto(records, ACCOUNT, "eu-west-1").list_clusters()["clusters"] == [], "another region is another world"

    def end(number):
        eks, name = clients[number], f"many-{number}"
        update = eks.update_cluster_config(name=name, deletionProtection=False)["update"]
        wait_for("the update", lambda: eks.describe_update(name=name, updateId=update["id"])["update"]["status"] == "Successful", 60)
        for group in ("a", "b"):
            eks.delete_nodegroup(clusterName=name, nodegroupName=group)
        wait_for("the node groups' end", lambda: not eks.list_nodegroups(clusterName=name)["nodegroups"], 60)
        eks.delete_cluster(name=name)

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(end, range(32)))
    wait_for("the clusters' end", lambda: not eks.list_clusters()["clusters"], 60)
