//! Repositories, and the way to sign in.

use std::collections::{BTreeMap, BTreeSet};

use aws::error::ApiError;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures::StreamExt;
use jiff::Timestamp;
use registry_credentials::{Holder, TOKEN};
use serde_json::{Value, json};
use uuid::Uuid;

use super::tags;
use crate::call::Call;
use crate::error::EcrError as _;
use crate::inventory;
use crate::names::is_repository;
use crate::record::{self, Record};

/// Records that are read at once.
const AT_ONCE: usize = 16;

/// `CreateRepository`
pub async fn create(call: Call) -> Result<Value, ApiError> {
    let name = call.input.repository()?;
    let full = call.registry.repository(name);
    let record = Record {
        created_at: Timestamp::now().as_second(),
        image_tag_mutability: call.input.mutability()?.unwrap_or_else(|| "MUTABLE".to_owned()),
        image_scanning_configuration: or(
            call.input.image_scanning_configuration.as_ref(),
            json!({"scanOnPush": false}),
        ),
        encryption_configuration: or(call.input.encryption_configuration.as_ref(), json!({"encryptionType": "AES256"})),
        tags: tags::added(&BTreeMap::new(), call.input.tags.as_deref().unwrap_or_default())?,
        policy: None,
        lifecycle_policy: None,
    };
    let _changes = call.ecr.changes.lock().await;
    if record::read(&call.ecr.engine, &full).await?.is_some() {
        return Err(ApiError::repository_exists(&call.registry, name));
    }
    record::write(&call.ecr.engine, &full, &record).await?;
    Ok(json!({"repository": shown(&call, name, &record)}))
}

/// `DescribeRepositories`
pub async fn describe(call: Call) -> Result<Value, ApiError> {
    let engine = &call.ecr.engine;
    if let Some(names) = &call.input.repository_names {
        let mut all = Vec::new();
        for name in names {
            if !is_repository(name) {
                return Err(ApiError::invalid_name());
            }
            all.push(shown(&call, name, &call.record(name).await?));
        }
        return Ok(json!({"repositories": all}));
    }
    let prefix = format!("{}/", call.registry);
    let names = engine.repositories(&prefix).await?;
    let read = |full: String| async move { record::read(engine, &full).await.map(|record| (full, record)) };
    let read: Vec<_> = futures::stream::iter(names).map(read).buffered(AT_ONCE).collect().await;
    let mut all = Vec::new();
    for found in read {
        let (full, record) = found?;
        let name = full.strip_prefix(&prefix).unwrap_or(&full);
        all.extend(record.map(|record| shown(&call, name, &record)));
    }
    let (page, next) = call.input.page(all, 100)?;
    Ok(json!({"repositories": page, "nextToken": next}))
}

/// `DeleteRepository`
pub async fn delete(call: Call) -> Result<Value, ApiError> {
    let name = call.input.repository()?;
    let (engine, full) = (&call.ecr.engine, call.registry.repository(name));
    let _changes = call.ecr.changes.lock().await;
    let record = call.record(name).await?;
    let revisions = engine.inventory(&full).await?.unwrap_or_default().revisions;
    let images = inventory::images(engine, &full, &revisions).await?;
    if !images.is_empty() && !call.input.force {
        return Err(ApiError::not_empty(&call.registry, name));
    }
    let own = engine.manifest(&full, record::TAG).await?.map(|own| own.digest);
    // With lists of referrers and the like, which are no images.
    let all: BTreeSet<String> =
        images.into_iter().map(|image| image.digest).chain(revisions.into_iter().map(|one| one.digest)).collect();
    for digest in all.iter().filter(|digest| own.as_ref() != Some(digest)) {
        engine.delete(&full, digest).await?;
    }
    // Last: a deletion that is interrupted before leaves the repository there.
    if let Some(own) = own {
        engine.delete(&full, &own).await?;
    }
    call.ecr.previews.lock().remove(&full);
    Ok(json!({"repository": shown(&call, name, &record)}))
}

/// `PutImageTagMutability`
pub async fn put_mutability(call: Call) -> Result<Value, ApiError> {
    let name = call.input.repository()?;
    let wanted = call.input.mutability()?;
    let wanted = wanted.ok_or_else(|| ApiError::invalid("imageTagMutability", "must not be null"))?;
    call.change(name, |record| {
        record.image_tag_mutability.clone_from(&wanted);
        Ok(())
    })
    .await?;
    Ok(json!({"registryId": call.registry.account, "repositoryName": name, "imageTagMutability": wanted}))
}

/// `DescribeRegistry`: nothing is copied to other registries.
pub fn registry(call: &Call) -> Value {
    json!({"registryId": call.registry.account, "replicationConfiguration": {"rules": []}})
}

/// `GetAuthorizationToken`
pub fn token(call: &Call) -> Value {
    let expires = Timestamp::now().as_second() + TOKEN;
    let holder = Holder::Principal { account: call.registry.account.clone(), arn: call.principal.clone() };
    let user = holder.user();
    let password = match &call.ecr.key {
        Some(key) => key.password(holder, Some(expires)),
        // The registry asks for none: whoever reaches its port may push.
        None => Uuid::new_v4().to_string(),
    };
    let token = BASE64_STANDARD.encode(format!("{user}:{password}"));
    let proxy = format!("http://{}", call.ecr.address);
    json!({"authorizationData": [{"authorizationToken": token, "expiresAt": expires, "proxyEndpoint": proxy}]})
}

fn or(given: Option<&Value>, default: Value) -> Value {
    given.cloned().unwrap_or(default)
}

fn shown(call: &Call, name: &str, record: &Record) -> Value {
    let registry = &call.registry;
    json!({
        "repositoryArn": registry.arn(name),
        "registryId": registry.account,
        "repositoryName": name,
        "repositoryUri": format!("{}/{}", call.ecr.address, registry.repository(name)),
        "createdAt": record.created_at,
        "imageTagMutability": record.image_tag_mutability,
        "imageScanningConfiguration": record.image_scanning_configuration,
        "encryptionConfiguration": record.encryption_configuration,
    })
}
