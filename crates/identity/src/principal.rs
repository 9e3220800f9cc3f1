//! IAM principals.

use arn::Arn;
use aws::sigv4::Key;

/// Stands for the name of the EC2 instance that signs in. There are none here: a session chooses its own name, and any session of
/// the role of a cluster's nodes could pass for any node.
pub const INSTANCE: &str = "{{EC2PrivateDNSName}}";

/// The IAM principal that signed a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Principal {
    /// Its ARN as STS has it: of a user, a root user, or a session of a role.
    pub arn: String,
    /// The role of a session, with its path; else the same as `arn`.
    pub identity: String,
    /// `identity` without a role's path, which the ARN of a session lacks: what `aws-auth` is compared with.
    pub canonical: String,
    /// The account.
    pub account: String,
    /// Name of the session, or of the user.
    pub session: String,
    /// Id as STS has it: of a user, or of a role, followed by the name of the session.
    pub id: String,
    /// The key that was used.
    pub access_key_id: String,
}

impl Principal {
    /// The owner of `key`.
    pub fn of(key: &Key) -> Self {
        let who = Self::new(key.principal_arn(), key.account(), key.access_key_id());
        let identity = key.role_arn().map_or_else(|| who.canonical.clone(), str::to_owned);
        Self { identity, ..who }
    }

    /// The principal of this ARN. A session's role is taken to have no path.
    pub fn new(arn: &str, account: &str, access_key_id: &str) -> Self {
        let canonical = canonical(arn);
        let session = if arn.ends_with(":root") { "root" } else { arn.rsplit('/').next().unwrap_or(arn) };
        Self {
            identity: canonical.clone(),
            id: id(arn, account),
            session: session.to_owned(),
            account: account.to_owned(),
            access_key_id: access_key_id.to_owned(),
            canonical,
            arn: arn.to_owned(),
        }
    }

    /// Whether an ARN, of a role with its path, of a session, of a user or of a root user, is that of this principal.
    pub fn is(&self, arn: &str) -> bool {
        arn == self.arn || arn == self.identity
    }

    /// Fills in the variables of a template, such as `{{SessionName}}`; not [`INSTANCE`], which is never known.
    pub fn render(&self, template: &str) -> String {
        template
            .replace("{{SessionName}}", &self.session.replace('@', "-"))
            .replace("{{SessionNameRaw}}", &self.session)
            .replace("{{AccountID}}", &self.account)
            .replace("{{AccessKeyID}}", &self.access_key_id)
    }
}

/// The ARN of the role of a session: `arn:aws:iam::1:role/r` of `arn:aws:sts::1:assumed-role/r/s`.
pub fn canonical(arn: &str) -> String {
    let Ok(parsed) = arn.parse::<Arn>() else { return arn.to_owned() };
    if parsed.service != "sts" {
        return arn.to_owned();
    }
    let mut parts = parsed.resource.split('/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("assumed-role"), Some(role), Some(_)) => {
            format!("arn:{}:iam::{}:role/{role}", parsed.partition, parsed.account)
        }
        _ => arn.to_owned(),
    }
}

/// An id in the form of IAM's, the same for the same principal.
fn id(arn: &str, account: &str) -> String {
    if arn.ends_with(":root") {
        return account.to_owned();
    }
    let canonical = canonical(arn);
    let digest = crd::names::digest(&[&canonical])[..17].to_uppercase();
    match arn.split(":assumed-role/").nth(1).and_then(|rest| rest.split_once('/')) {
        Some((_, session)) => format!("AROA{digest}:{session}"),
        None => format!("AIDA{digest}"),
    }
}

/// ARN of a session of a role.
pub fn assumed_role_arn(role: &Arn, session: &str) -> String {
    let name = role.resource.rsplit('/').next().unwrap_or(&role.resource);
    format!("arn:{}:sts::{}:assumed-role/{name}/{session}", role.partition, role.account)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn a_session_is_its_role_whose_path_belongs_to_its_name() {
        let role = "arn:aws:iam::111122223333:role/team/Admin";
        let arn = assumed_role_arn(&role.parse().unwrap(), "me@home");
        assert_eq!(arn, "arn:aws:sts::111122223333:assumed-role/Admin/me@home");
        let key = Key::new("ASIA1", "s", "111122223333", &arn).temporary("t", SystemTime::now()).of_role(role);
        let who = Principal::of(&key);
        assert!(who.is(role) && who.is(&arn));
        assert_eq!(who.canonical, "arn:aws:iam::111122223333:role/Admin");
        assert!(!who.is(&who.canonical) && !who.is("arn:aws:iam::111122223333:role/other/Admin"));
        assert_eq!(who.render("{{AccountID}}:{{SessionName}}:{{SessionNameRaw}}"), "111122223333:me-home:me@home");
        assert_eq!(who.render(INSTANCE), INSTANCE);
        assert!(who.id.starts_with("AROA") && who.id.ends_with(":me@home"));
    }

    #[test]
    fn users_and_root_users_are_themselves() {
        let user = Principal::of(&Key::new("AKIA1", "s", "1", "arn:aws:iam::1:user/ann"));
        assert_eq!((user.session.as_str(), user.canonical.as_str()), ("ann", "arn:aws:iam::1:user/ann"));
        let root = Principal::of(&Key::new("test", "s", "1", "arn:aws:iam::1:root"));
        assert_eq!((root.id.as_str(), root.session.as_str()), ("1", "root"));
        assert_eq!(canonical("arn:aws:sts::1:federated-user/x"), "arn:aws:sts::1:federated-user/x");
    }
}
