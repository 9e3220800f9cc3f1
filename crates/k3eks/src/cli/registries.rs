//! Container registries of all clusters, as the operator is told of them.

use crd::registries::Registries;

/// Reads `spec.registries` of a cluster, in YAML or JSON.
///
/// # Errors
/// What can't be read.
pub fn read(text: &str) -> Result<Registries, String> {
    let all: Registries = if text.trim().is_empty() {
        Registries::default()
    } else {
        yaml::read(text).map_err(|e| format!("not what spec.registries of a cluster is: {e}"))?
    };
    let names = all.mirrors.iter().map(|one| &one.registry).chain(all.configs.iter().map(|one| &one.registry));
    match names.into_iter().find(|name| name.is_empty() || name.contains('/')) {
        Some(name) => Err(format!("'{name}' isn't the host of a registry, such as docker.io or registry:5000")),
        None => Ok(all),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_are_read_from_json_and_yaml() {
        let json = r#"{"mirrors": [{"registry": "docker.io", "endpoints": ["https://mirror"]}]}"#;
        assert_eq!(read(json).unwrap().mirrors[0].endpoints, ["https://mirror"]);
        let yaml = "configs:\n- registry: mirror\n  authSecretRef: {name: login}\n";
        assert_eq!(read(yaml).unwrap().configs[0].registry, "mirror");
        assert_eq!(read("").unwrap(), Registries::default());
    }

    #[test]
    fn what_is_no_registry_is_refused() {
        assert!(read("mirrors: nothing").unwrap_err().starts_with("not what spec.registries"));
        let url = read(r#"{"mirrors": [{"registry": "https://docker.io", "endpoints": []}]}"#).unwrap_err();
        assert!(url.contains("isn't the host of a registry"), "{url}");
    }
}
