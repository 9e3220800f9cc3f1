use super::*;

fn cluster() -> EKSClusterConfig {
    serde_json::from_value(json!({
        "apiVersion": "eks.cattle.io/v1", "kind": "EKSClusterConfig",
        "metadata": {"name": "demo", "namespace": "default"}, "spec": {"region": "eu-west-1"},
    }))
    .unwrap()
}

fn account(annotations: Value) -> ServiceAccount {
    serde_json::from_value(json!({"metadata": {"name": "app", "annotations": annotations}})).unwrap()
}

fn pod(annotations: Value, containers: Value) -> Pod {
    serde_json::from_value(
        json!({"metadata": {"name": "p", "annotations": annotations}, "spec": {"containers": containers}}),
    )
    .unwrap()
}

fn changed(pod: &Pod, injection: &Injection) -> Value {
    let mut value = serde_json::to_value(pod).unwrap();
    json_patch::patch(&mut value, &patch(pod, injection).unwrap()).unwrap();
    value
}

fn variable<'a>(container: &'a Value, name: &str) -> Option<&'a str> {
    container["env"].as_array()?.iter().find(|v| v["name"] == name)?["value"].as_str()
}

#[test]
fn a_service_account_with_a_role_gives_its_pods_a_token_for_sts() {
    let role = "arn:aws:iam::111122223333:role/app";
    let account = account(json!({"eks.amazonaws.com/role-arn": role, "eks.amazonaws.com/token-expiration": "1200"}));
    let pod = pod(json!({}), json!([{"name": "a"}]));
    let changed = changed(&pod, &for_irsa(&cluster(), &account, &pod).unwrap());
    let container = &changed["spec"]["containers"][0];
    assert_eq!(variable(container, "AWS_ROLE_ARN"), Some(role));
    assert_eq!(variable(container, "AWS_REGION"), Some("eu-west-1"));
    assert_eq!(variable(container, "AWS_ENDPOINT_URL_STS"), Some("http://10.100.0.11"));
    assert_eq!(container["volumeMounts"][0]["mountPath"], "/var/run/secrets/eks.amazonaws.com/serviceaccount");
    let token = &changed["spec"]["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"];
    assert_eq!((&token["audience"], &token["expirationSeconds"]), (&json!("sts.amazonaws.com"), &json!(1200)));
    assert!(for_irsa(&cluster(), &self::account(json!({})), &pod).is_none());
}

#[test]
fn containers_that_are_skipped_or_have_their_own_way_stay_as_they_are() {
    let pod = pod(
        json!({"eks.amazonaws.com/skip-containers": "b, c"}),
        json!([{"name": "a", "env": [{"name": "AWS_REGION", "value": "mine"}]}, {"name": "b"},
            {"name": "d", "env": [{"name": "AWS_ROLE_ARN", "value": "x"}]}]),
    );
    let changed = changed(&pod, &for_pod_identity(&cluster(), &pod));
    let containers = &changed["spec"]["containers"];
    assert_eq!(variable(&containers[0], "AWS_REGION"), Some("mine"));
    assert_eq!(
        variable(&containers[0], "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        Some("http://169.254.170.23/v1/credentials")
    );
    assert_eq!(containers[1], json!({"name": "b"}));
    assert_eq!(variable(&containers[2], "AWS_CONTAINER_CREDENTIALS_FULL_URI"), None);
    let again: Pod = serde_json::from_value(changed).unwrap();
    assert!(patch(&again, &for_pod_identity(&cluster(), &again)).unwrap().0.is_empty(), "a second call adds nothing");
}

#[test]
fn a_pod_says_how_long_its_token_is_good_within_limits() {
    let of = |text: &str| pod(json!({"eks.amazonaws.com/token-expiration": text}), json!([]));
    assert_eq!(for_pod_identity(&cluster(), &of("3600")).life, 3600);
    assert_eq!(for_pod_identity(&cluster(), &of("1")).life, SHORTEST);
    assert_eq!(for_pod_identity(&cluster(), &of("soon")).life, TOKEN_LIFE);
}
