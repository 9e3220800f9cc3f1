//! Brings a release to what is wanted, with an eye to what others changed of it.

use std::collections::BTreeMap;

use kube::core::{DynamicObject, GroupVersionKind, TypeMeta};
use kube::discovery::{ApiCapabilities, ApiResource, Scope, pinned_kind};
use kube::{Api, Client};
use serde_json::Value;

use super::conflicts::{self, Conflict};
use crd::addon::ResolveConflicts;
use helm::{Helm, Release};

/// Why a release isn't as it should be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Helm failed.
    #[error(transparent)]
    Helm(#[from] helm::Error),
    /// The rendered chart can't be read or written.
    #[error("chart {chart} renders to what isn't YAML: {why}")]
    Rendered {
        /// Name of the chart.
        chart: String,
        /// What is wrong with it.
        why: String,
    },
    /// The cluster can't be asked for an object.
    #[error("looking at {object}: {}", text::sentence(.source))]
    Cluster {
        /// Kind and name.
        object: String,
        /// The client's error.
        source: kube::Error,
    },
    /// Others have set fields of it, and these stay.
    #[error("{}", conflicts::refusal(.0))]
    Conflicts(Vec<Conflict>),
}

/// Updates a release: `resolve` says what becomes of fields that others have set.
///
/// # Errors
/// [`Error`].
pub async fn update(
    helm: &Helm,
    client: &Client,
    release: &Release,
    resolve: ResolveConflicts,
    kubeconfig: String,
) -> Result<(), Error> {
    // Helm sets everything that the chart has.
    if resolve == ResolveConflicts::Overwrite {
        return Ok(helm.apply(release, None, kubeconfig).await?);
    }
    let wrong = |why: String| Error::Rendered { chart: release.chart.name.clone(), why };
    let rendered = helm.render(release, kubeconfig.clone()).await?;
    let mut objects: Vec<Value> = yaml::read_all(&rendered).map_err(|e| wrong(e.to_string()))?;
    let found = conflicts_of(client, &objects, &release.namespace).await?;
    let kept = settle(&mut objects, &found, resolve)?.then(|| yaml::write_all(&objects));
    let kept = kept.transpose().map_err(|e| wrong(e.to_string()))?;
    Ok(helm.apply(release, kept, kubeconfig).await?)
}

/// Settles the conflicts of each object. Gives whether the objects keep something that others have set.
fn settle(objects: &mut [Value], found: &[Vec<Conflict>], resolve: ResolveConflicts) -> Result<bool, Error> {
    let all: Vec<Conflict> = found.iter().flatten().cloned().collect();
    if all.is_empty() {
        return Ok(false);
    }
    match resolve {
        ResolveConflicts::Overwrite => Ok(false),
        ResolveConflicts::None => Err(Error::Conflicts(all)),
        ResolveConflicts::Preserve => {
            for (object, found) in objects.iter_mut().zip(found) {
                conflicts::keep(object, found);
            }
            Ok(true)
        }
    }
}

/// The conflicts of each object.
async fn conflicts_of(client: &Client, objects: &[Value], namespace: &str) -> Result<Vec<Vec<Conflict>>, Error> {
    let mut kinds = BTreeMap::new();
    let mut all = Vec::new();
    for object in objects {
        // A hook is made anew each time.
        let is_hook = object["metadata"]["annotations"].get("helm.sh/hook").is_some();
        let found = if is_hook { None } else { live(client, object, namespace, &mut kinds).await? };
        all.push(found.map(|live| conflicts::of_object(object, &live)).unwrap_or_default());
    }
    Ok(all)
}

/// Kinds that the cluster was asked for, by API version and name; `None` of one that it doesn't know.
type Kinds = BTreeMap<(String, String), Option<(ApiResource, ApiCapabilities)>>;

/// The object as it is in the cluster, if it is there.
async fn live(client: &Client, object: &Value, namespace: &str, kinds: &mut Kinds) -> Result<Option<Value>, Error> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (types, name) = (
        TypeMeta { api_version: text(&object["apiVersion"]), kind: text(&object["kind"]) },
        text(&object["metadata"]["name"]),
    );
    let failed = |source: kube::Error| Error::Cluster { object: format!("{} {name}", types.kind), source };
    let key = (types.api_version.clone(), types.kind.clone());
    if !kinds.contains_key(&key) {
        kinds.insert(key.clone(), known(client, &types).await.map_err(failed)?);
    }
    let Some(Some((resource, capabilities))) = kinds.get(&key) else { return Ok(None) };
    let own = object["metadata"]["namespace"].as_str().unwrap_or(namespace);
    let api: Api<DynamicObject> = match capabilities.scope {
        Scope::Namespaced => Api::namespaced_with(client.clone(), own, resource),
        Scope::Cluster => Api::all_with(client.clone(), resource),
    };
    let found = api.get_opt(&name).await.map_err(failed)?;
    found.map(serde_json::to_value).transpose().map_err(|e| failed(kube::Error::SerdeError(e)))
}

/// What the cluster says of a kind; `None` if it doesn't know it.
async fn known(client: &Client, types: &TypeMeta) -> Result<Option<(ApiResource, ApiCapabilities)>, kube::Error> {
    let Ok(kind) = GroupVersionKind::try_from(types) else { return Ok(None) };
    match pinned_kind(client, &kind).await {
        Ok(found) => Ok(Some(found)),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(kube::Error::Discovery(_)) => Ok(None),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn objects(data: &str) -> Vec<Value> {
        let object = |name: &str, data: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": data}});
        vec![object("untouched", "ours"), object("changed", data)]
    }

    #[test]
    fn conflicts_end_an_update_or_are_overwritten_or_kept() {
        let mut live = objects("theirs");
        live[1]["metadata"]["managedFields"] =
            json!([{"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {"f:data": {"f:a": {}}}}]);
        let settled = |resolve| {
            let mut wanted = objects("ours");
            let found: Vec<_> = wanted.iter().zip(&live).map(|(w, l)| conflicts::of_object(w, l)).collect();
            settle(&mut wanted, &found, resolve).map(|kept| (kept, wanted))
        };
        let refused = settled(ResolveConflicts::None).unwrap_err().to_string();
        assert!(refused.contains("ConfigMap changed - .data.a") && !refused.contains("untouched"), "{refused}");
        assert_eq!(settled(ResolveConflicts::Overwrite).unwrap(), (false, objects("ours")));
        assert_eq!(settled(ResolveConflicts::Preserve).unwrap(), (true, objects("theirs")));
    }

    #[test]
    fn without_conflicts_the_chart_is_applied_as_it_is() {
        for resolve in [ResolveConflicts::None, ResolveConflicts::Preserve, ResolveConflicts::Overwrite] {
            let mut wanted = objects("ours");
            assert!(!settle(&mut wanted, &[Vec::new(), Vec::new()], resolve).unwrap());
        }
    }
}
