use k3eks::identity::roles::Asker;

use super::*;

#[test]
fn a_folder_of_roles_is_read_and_a_wrong_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let text = "roleArn: arn:aws:iam::444455556666:role/a\nassumeRolePolicyDocument: '{\"Statement\": {\"Effect\": \"Allow\", \
        \"Principal\": {\"AWS\": \"arn:aws:iam::444455556666:user/me\"}, \"Action\": \"sts:AssumeRole\"}}'\n";
    std::fs::write(folder.path().join("a"), text).unwrap();
    let roles = read(folder.path()).unwrap().entries;
    let role = &roles["arn:aws:iam::444455556666:role/a"];
    assert!(role.trusts(&[Asker::Aws("arn:aws:iam::444455556666:user/me")], "sts:AssumeRole", &[]));
    assert!(!role.trusts(&[Asker::Aws("arn:aws:iam::444455556666:user/you")], "sts:AssumeRole", &[]));
    std::fs::write(folder.path().join("b"), "roleArn: x\n").unwrap();
    assert!(
        !read(folder.path()).unwrap().entries["x"].trusts(&[Asker::Aws("me")], "sts:AssumeRole", &[]),
        "by default"
    );
    std::fs::write(folder.path().join("b"), "roleArn: x\ntrust: y\n").unwrap();
    assert!(read(folder.path()).unwrap().problems.first().unwrap().contains("/b"));
    let me = [Asker::Aws("arn:aws:iam::444455556666:user/me")];
    let trusted =
        |roles: &Contents<Role>| roles.entries["arn:aws:iam::444455556666:role/a"].trusts(&me, "sts:AssumeRole", &[]);
    assert!(trusted(&read(folder.path()).unwrap()));
    std::fs::write(folder.path().join("c"), text).unwrap();
    assert!(!trusted(&read(folder.path()).unwrap()), "it is described twice");
}
