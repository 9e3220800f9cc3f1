use super::*;

fn headers(authorization: &str) -> HeaderMap {
    HeaderMap::from_iter([(header::AUTHORIZATION, authorization.parse().unwrap())])
}

#[test]
fn a_webhook_answers_who_shows_one_of_the_cluster_s_tokens() {
    let digest = |token: &str| format!("{:x}", Sha256::digest(token));
    let known = [digest("new"), digest("old")];
    assert!(has_token(&headers("Bearer new"), &known) && has_token(&headers("Bearer old"), &known));
    for wrong in ["Bearer other", "new", "Bearer", "Bearer ", "bearer new", &format!("Bearer {}", known[0])] {
        assert!(!has_token(&headers(wrong), &known), "{wrong}");
    }
    assert!(!has_token(&HeaderMap::new(), &known));
    assert!(!has_token(&HeaderMap::new(), &[]));
}

#[test]
fn a_webhook_asks_for_nothing_only_where_servers_may_have_nothing() {
    let cluster = |spec: serde_json::Value, provider: Option<&str>| -> EKSClusterConfig {
        let applied =
            provider.map(|provider| json!({"provider": provider, "name": "n", "version": "1.36", "image": "i"}));
        serde_json::from_value(json!({
            "apiVersion": "eks.cattle.io/v1", "kind": "EKSClusterConfig", "metadata": {"name": "c"}, "spec": spec,
            "status": {"applied": applied},
        }))
        .unwrap()
    };
    assert!(may_have_no_token(&cluster(json!({}), Some("k3d"))));
    assert!(!may_have_no_token(&cluster(json!({}), Some("metadata"))), "it has no servers");
    assert!(!may_have_no_token(&cluster(json!({"imported": true}), Some("k3d"))), "its servers know no webhooks");
    assert!(!may_have_no_token(&cluster(json!({}), None)), "it was never made");
}
