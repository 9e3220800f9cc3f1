//! Policies of repositories.

use super::*;

#[tokio::test]
async fn a_policy_is_kept_until_it_is_deleted() {
    let registry = fake_registry::listen().await;
    let ask = async |operation: &str, text: Option<&str>| {
        let input = json!({"repositoryName": "app", "policyText": text});
        let (_, kind, body) = sent_to(&registry, operation, input.to_string()).await;
        (kind, body)
    };
    assert_eq!(ask("GetRepositoryPolicy", None).await.0, "RepositoryNotFoundException");
    ask("CreateRepository", None).await;
    let (kind, body) = ask("GetRepositoryPolicy", None).await;
    let told =
        "Repository policy does not exist for the repository with name 'app' in the registry with id '000000000000'";
    assert_eq!((kind.as_str(), &body["message"]), ("RepositoryPolicyNotFoundException", &json!(told)));
    let policy = r#"{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "ecr:*"}]}"#;
    let kept = json!({"registryId": "000000000000", "repositoryName": "app", "policyText": policy});
    assert_eq!(ask("SetRepositoryPolicy", Some(policy)).await, (String::new(), kept.clone()));
    let (kind, body) = ask("SetRepositoryPolicy", Some("{")).await;
    let told = "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'";
    assert_eq!((kind.as_str(), &body["message"]), ("InvalidParameterException", &json!(told)));
    assert_eq!(ask("GetRepositoryPolicy", None).await.1, kept);
    assert_eq!(ask("DeleteRepositoryPolicy", None).await.1, kept);
    assert_eq!(ask("DeleteRepositoryPolicy", None).await.0, "RepositoryPolicyNotFoundException");
}
