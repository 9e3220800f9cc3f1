//! The last calls that changed something, as CloudTrail would record them.

use std::collections::VecDeque;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Value, json};
use uuid::Uuid;

use super::metrics::{Exchange, Observer};
use super::sigv4::Caller;
use super::times;

/// Bytes of one value that are kept: no request of a client that means well is anywhere near as large.
const LARGEST: usize = 16 * 1024;
/// Bytes of all records that are kept.
pub const BUDGET: usize = 8 * 1024 * 1024;

/// One record, as it is returned.
struct Record {
    account: Option<String>,
    text: String,
}

#[derive(Default)]
struct Records {
    all: VecDeque<Record>,
    bytes: usize,
}

/// A log of mutating calls, bounded in their number and in bytes.
pub struct EventLog {
    limit: usize,
    budget: usize,
    records: Mutex<Records>,
}

impl EventLog {
    /// A log of the last `limit` calls.
    pub fn new(limit: usize) -> Self {
        Self { limit, budget: BUDGET, records: Mutex::default() }
    }

    /// The calls, oldest first, as a JSON list; of one account only where that is given.
    pub fn json(&self, account: Option<&str>) -> String {
        let records = self.records.lock();
        let told = records.all.iter().filter(|record| account.is_none() || record.account.as_deref() == account);
        let told: Vec<&str> = told.map(|record| record.text.as_str()).collect();
        format!("[{}]", told.join(","))
    }

    /// The calls of an account about the cluster of this name, oldest first.
    pub fn about(&self, account: &str, cluster: &str) -> Vec<Value> {
        let records = self.records.lock();
        // Only those that may be meant are read.
        let told = records.all.iter().filter(|record| record.text.contains(cluster));
        let told = told.filter(|record| record.account.as_deref() == Some(account));
        let told = told.filter_map(|record| serde_json::from_str::<Value>(&record.text).ok());
        let meant =
            |call: &Value| ["name", "clusterName"].iter().any(|field| call["requestParameters"][field] == cluster);
        told.filter(meant).collect()
    }

    fn keep(&self, record: Record) {
        let mut records = self.records.lock();
        records.bytes += record.text.len();
        records.all.push_back(record);
        while records.all.len() > self.limit || records.bytes > self.budget {
            let Some(oldest) = records.all.pop_front() else { return };
            records.bytes -= oldest.text.len();
        }
    }
}

impl Observer for EventLog {
    fn observe(&self, exchange: &Exchange) {
        let (Some(operation), Some(input)) = (exchange.operation, &exchange.input) else { return };
        let caller = exchange.caller.as_ref();
        let account = caller.map(|caller| caller.account.as_str());
        let mut record = json!({
            "eventVersion": "1.11",
            "eventID": Uuid::new_v4().to_string(),
            "eventTime": times::to_seconds(Timestamp::now()),
            "eventType": "AwsApiCall",
            "eventCategory": "Management",
            "managementEvent": true,
            "readOnly": false,
            "eventSource": "eks.amazonaws.com",
            "eventName": operation.name,
            "awsRegion": caller.map(|caller| caller.region.as_str()),
            "recipientAccountId": account,
            "userAgent": exchange.user_agent.as_deref().map(|agent| agent.chars().take(1024).collect::<String>()),
            "requestID": exchange.request_id,
            "userIdentity": caller.map(identity),
            "requestParameters": shortened(input),
            "responseElements": exchange.output.as_ref().map(shortened),
        });
        if let (Some(code), Value::Object(record)) = (exchange.error, &mut record) {
            record.insert("errorCode".into(), code.name().trim_end_matches("Exception").into());
            let message = exchange.output.as_ref().and_then(|body| body.get("message")).cloned();
            record.insert("errorMessage".into(), message.unwrap_or_default());
        }
        self.keep(Record { account: account.map(str::to_owned), text: record.to_string() });
    }
}

/// The value, or how large it is where it would take too much of the memory.
fn shortened(value: &Value) -> Value {
    let bytes = value.to_string().len();
    if bytes > LARGEST { json!({"omitted": format!("{bytes} bytes")}) } else { value.clone() }
}

fn identity(caller: &Caller) -> Value {
    let kind = match caller.principal_arn.rsplit(':').next().unwrap_or_default() {
        "root" => "Root",
        name if name.starts_with("assumed-role/") => "AssumedRole",
        name if name.starts_with("user/") => "IAMUser",
        _ => "Unknown",
    };
    json!({
        "type": kind,
        "arn": caller.principal_arn,
        "accountId": caller.account,
        "accessKeyId": caller.access_key_id,
    })
}

#[cfg(test)]
mod tests;
