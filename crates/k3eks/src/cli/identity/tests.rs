use identity::roles::Requester;

use super::*;

#[test]
fn a_folder_of_roles_is_read_and_a_wrong_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let text = "roleArn: arn:aws:iam::444455556666:role/a\nassumeRolePolicyDocument: '{\"Statement\": {\"Effect\": \"Allow\", \
        \"Principal\": {\"AWS\": \"arn:aws:iam::444455556666:user/me\"}, \"Action\": \"sts:AssumeRole\"}}'\n";
    std::fs::write(folder.path().join("a"), text).unwrap();
    let roles = read(folder.path()).unwrap().entries;
    let role = &roles[&account_and_name("arn:aws:iam::444455556666:role/a")];
    assert!(role.trusts(&[Requester::Aws("arn:aws:iam::444455556666:user/me")], "sts:AssumeRole", &[]));
    assert!(!role.trusts(&[Requester::Aws("arn:aws:iam::444455556666:user/you")], "sts:AssumeRole", &[]));
    std::fs::write(folder.path().join("b"), "roleArn: x\n").unwrap();
    assert!(
        !read(folder.path()).unwrap().entries["x"].trusts(&[Requester::Aws("me")], "sts:AssumeRole", &[]),
        "by default"
    );
    std::fs::write(folder.path().join("b"), "roleArn: x\ntrust: y\n").unwrap();
    assert!(read(folder.path()).unwrap().problems.first().unwrap().contains("/b"));
    let me = [Requester::Aws("arn:aws:iam::444455556666:user/me")];
    let trusted = |roles: &Contents<Role>| {
        roles.entries[&account_and_name("arn:aws:iam::444455556666:role/a")].trusts(&me, "sts:AssumeRole", &[])
    };
    assert!(trusted(&read(folder.path()).unwrap()));
    std::fs::write(folder.path().join("c"), text).unwrap();
    assert!(!trusted(&read(folder.path()).unwrap()), "it is described twice");
}

#[tokio::test]
async fn a_name_is_one_role_s_whatever_path_stands_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = |arn: &str| {
        format!(
            "roleArn: {arn}\nassumeRolePolicyDocument: {{Statement: {{Effect: Allow, Principal: '*', Action: 'sts:AssumeRole'}}}}\n"
        )
    };
    let open = |path: std::path::PathBuf| Folder::open("role", move || read(&path), CancellationToken::new()).unwrap();
    let (app, other) = ("arn:aws:iam::444455556666:role/team/app", "arn:aws:iam::444455556666:role/evil/App");
    std::fs::write(folder.path().join("a"), file(app)).unwrap();
    let roles = open(folder.path().to_owned());
    assert!(roles.role(app).is_some() && !roles.is_taken(app));
    for same in [other, "arn:aws:iam::444455556666:role/app", "arn:aws-cn:iam::444455556666:role/team/app"] {
        assert!(roles.role(same).is_none() && roles.is_taken(same), "{same}");
    }
    for free in ["arn:aws:iam::111122223333:role/team/app", "arn:aws:iam::444455556666:role/team/app2"] {
        assert!(roles.role(free).is_none() && !roles.is_taken(free), "{free}");
    }
    std::fs::write(folder.path().join("b"), file(other)).unwrap();
    assert!(read(folder.path()).unwrap().problems.first().unwrap().contains("a, b"));
    let roles = open(folder.path().to_owned());
    for neither in [app, other] {
        let role = roles.role(neither).unwrap();
        assert!(
            !role.trusts(&[Requester::Aws("arn:aws:iam::444455556666:user/me")], "sts:AssumeRole", &[]),
            "{neither}"
        );
    }
}
