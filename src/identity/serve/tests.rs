use super::*;

fn headers(authorization: &str) -> HeaderMap {
    HeaderMap::from_iter([(header::AUTHORIZATION, authorization.parse().unwrap())])
}

#[test]
fn a_webhook_answers_who_shows_one_of_the_cluster_s_tokens() {
    let digest = |token: &str| format!("{:x}", Sha256::digest(token));
    let known = [digest("new"), digest("old")];
    assert!(shows(&headers("Bearer new"), &known) && shows(&headers("Bearer old"), &known));
    for wrong in ["Bearer other", "new", "Bearer", "Bearer ", "bearer new", &format!("Bearer {}", known[0])] {
        assert!(!shows(&headers(wrong), &known), "{wrong}");
    }
    assert!(!shows(&HeaderMap::new(), &known));
    assert!(shows(&HeaderMap::new(), &[]), "servers of before have none to show");
}
