//! The last calls that changed something, as CloudTrail would record them.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use uuid::Uuid;

use super::metrics::{Exchange, Observer};
use super::sigv4::Caller;

/// Bytes of one value that are kept: no request of a client that means well is anywhere near as large.
const LARGEST: usize = 64 * 1024;

/// A bounded log of mutating calls.
pub struct EventLog {
    limit: usize,
    records: Mutex<VecDeque<Value>>,
}

impl EventLog {
    /// A log of the last `limit` calls.
    pub fn new(limit: usize) -> Self {
        Self { limit, records: Mutex::default() }
    }

    /// The calls, oldest first.
    pub fn records(&self) -> Vec<Value> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
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
            "eventTime": chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            "eventType": "AwsApiCall",
            "eventCategory": "Management",
            "managementEvent": true,
            "readOnly": false,
            "eventSource": "eks.amazonaws.com",
            "eventName": operation.name,
            "awsRegion": caller.map(|caller| caller.region.as_str()),
            "recipientAccountId": account,
            "userAgent": exchange.user_agent,
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
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.push_back(record);
        while records.len() > self.limit {
            records.pop_front();
        }
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
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::eks::error::ErrorCode;
    use crate::eks::model;

    fn exchange(operation: &str, input: Option<Value>) -> Exchange {
        Exchange {
            request_id: "r".into(),
            operation: model::eks().operation(operation),
            resource: "c".into(),
            caller: None,
            user_agent: None,
            status: 200,
            error: None,
            elapsed: Duration::ZERO,
            input,
            output: None,
        }
    }

    #[test]
    fn the_last_changes_are_kept_and_reads_are_not() {
        let log = EventLog::new(2);
        log.observe(&exchange("DescribeCluster", None));
        assert!(log.records().is_empty());
        for name in ["a", "b", "c"] {
            log.observe(&exchange("DeleteCluster", Some(json!({"name": name}))));
        }
        let names: Vec<_> = log.records().iter().map(|record| record["requestParameters"]["name"].clone()).collect();
        assert_eq!(names, ["b", "c"]);
    }

    #[test]
    fn a_refusal_has_its_code_and_message() {
        let log = EventLog::new(2);
        let mut refused = exchange("DeleteCluster", Some(json!({"name": "a"})));
        refused.error = Some(ErrorCode::ResourceNotFound);
        refused.output = Some(json!({"message": "none"}));
        log.observe(&refused);
        let record = &log.records()[0];
        assert_eq!((&record["errorCode"], &record["errorMessage"]), (&json!("ResourceNotFound"), &json!("none")));
    }
}
