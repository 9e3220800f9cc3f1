//! Who may do what with which repository. Nothing here asks anybody.

use registry_credentials::Holder;

use super::names::{Registry, is_copy, split};

/// The port that a request came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// For clients, who push and pull.
    Clients,
    /// For nodes, which pull.
    Nodes,
}

/// What is done with a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Images, tags or blobs are read.
    Pull,
    /// Images, tags or blobs are added.
    Push,
    /// Images, tags or blobs are removed.
    Delete,
    /// The record that makes it a repository is written or removed.
    Keep,
}

/// What may be touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A repository of an account.
    Repository(Registry),
    /// A copy of an image from elsewhere, which belongs to no account.
    Copy,
    /// The names of all repositories of all accounts.
    Names,
}

impl Target {
    /// What a name in the registry behind stands for; `None` where it is no name there.
    pub fn named(full: &str) -> Option<Self> {
        match split(full) {
            Some((registry, _)) => Some(Self::Repository(registry)),
            None => is_copy(full).then_some(Self::Copy),
        }
    }
}

/// Whether the holder of credentials may do this.
///
/// No policy of a repository lets other accounts in.
pub fn allows(holder: &Holder, port: Port, action: Action, target: &Target) -> bool {
    match holder {
        // It makes and removes repositories, and has answered for who asked it.
        Holder::Api => port == Port::Clients && *target != Target::Copy,
        Holder::Principal { account, .. } => match target {
            Target::Repository(registry) => {
                registry.account == *account
                    && action != Action::Keep
                    && (port == Port::Clients || action == Action::Pull)
            }
            Target::Copy => action == Action::Pull || port == Port::Clients && action == Action::Push,
            Target::Names => false,
        },
        Holder::Cluster { account, .. } => {
            let within = match target {
                Target::Repository(registry) => registry.account == *account,
                Target::Copy => true,
                Target::Names => false,
            };
            port == Port::Nodes && action == Action::Pull && within
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_stays_in_their_account() {
        let one = "000000000000";
        let target = |name: &str| Target::named(name).unwrap();
        let own = target("000000000000.dkr.ecr.us-east-1.amazonaws.com/app");
        let far = target("000000000000.dkr.ecr.eu-west-1.amazonaws.com/app");
        let other = target("111122223333.dkr.ecr.us-east-1.amazonaws.com/app");
        let copy = target("registry.k8s.io/pause");
        let principal = Holder::Principal { account: one.into(), arn: "arn:aws:iam::000000000000:user/ann".into() };
        let nodes = Holder::Cluster { account: one.into(), namespace: "default".into(), name: "demo".into() };
        let targets = [own, far, other, copy, Target::Names];
        let actions = [Action::Pull, Action::Push, Action::Delete, Action::Keep];
        // For each target one letter for each action that is allowed: pull, push, delete, keep.
        for (who, port, expected) in [
            (&principal, Port::Clients, ["lsd-", "lsd-", "----", "ls--", "----"]),
            (&principal, Port::Nodes, ["l---", "l---", "----", "l---", "----"]),
            (&nodes, Port::Clients, ["----"; 5]),
            (&nodes, Port::Nodes, ["l---", "l---", "----", "l---", "----"]),
            (&Holder::Api, Port::Clients, ["lsdk", "lsdk", "lsdk", "----", "lsdk"]),
            (&Holder::Api, Port::Nodes, ["----"; 5]),
        ] {
            let found = targets.each_ref().map(|target| {
                let letter =
                    |(action, letter): (&Action, char)| if allows(who, port, *action, target) { letter } else { '-' };
                actions.iter().zip("lsdk".chars()).map(letter).collect::<String>()
            });
            assert_eq!(found.each_ref().map(String::as_str), expected, "{who:?} on {port:?}");
        }
    }

    #[test]
    fn a_name_that_is_none_is_nobody_s() {
        for name in [
            "app",
            "000000000000.dkr.ecr.us-east-1.amazonaws.com/../111122223333.dkr.ecr.us-east-1.amazonaws.com/app",
            "000000000000.dkr.ecr.us-east-1.amazonaws.com//app",
            "000000000000.dkr.ecr.us-east-1.amazonaws.com/%2e%2e/app",
            "000000000000.dkr.ecr.us-east-1.amazonaws.com%2fapp",
            "/000000000000.dkr.ecr.us-east-1.amazonaws.com/app",
            "000000000000.DKR.ecr.us-east-1.amazonaws.com/app",
            "docker.io/../app",
            "_catalog",
            "",
        ] {
            assert_eq!(Target::named(name), None, "{name}");
        }
    }
}
