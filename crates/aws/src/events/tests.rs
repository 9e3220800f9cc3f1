use std::time::Duration;

use super::*;
use crate::error::ErrorCode;
use crate::fixtures::model;

fn exchange(operation: &str, input: Option<Value>) -> Exchange {
    Exchange {
        request_id: "r".into(),
        operation: model().operation(operation),
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

fn records(log: &EventLog) -> Vec<Value> {
    serde_json::from_str(&log.json(None)).unwrap()
}

#[test]
fn the_log_has_a_budget_and_each_account_its_own_part() {
    let log = EventLog { budget: 20_000, ..EventLog::new(1000) };
    for number in 0..100 {
        let mut called = exchange("DeleteCluster", Some(json!({"name": "a".repeat(4000), "number": number})));
        called.caller = Some(Caller {
            account: format!("{:012}", number % 2),
            region: "us-east-1".into(),
            access_key_id: None,
            principal_arn: String::new(),
            identity_arn: String::new(),
            verified: true,
        });
        log.observe(&called);
    }
    assert!(log.json(None).len() < 20_100);
    let numbers = |account| {
        let all: Vec<Value> = serde_json::from_str(&log.json(Some(account))).unwrap();
        all.iter().map(|record| record["requestParameters"]["number"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!((numbers("000000000000"), numbers("000000000001")), (vec![96, 98], vec![97, 99]));
    log.observe(&exchange("DeleteCluster", Some(json!({"name": "a".repeat(LARGEST)}))));
    assert!(records(&log).last().unwrap()["requestParameters"]["omitted"].is_string());
}

#[test]
fn the_last_changes_are_kept_and_reads_are_not() {
    let log = EventLog::new(2);
    log.observe(&exchange("DescribeCluster", None));
    assert!(records(&log).is_empty());
    for name in ["a", "b", "c"] {
        log.observe(&exchange("DeleteCluster", Some(json!({"name": name}))));
    }
    let names: Vec<_> = records(&log).iter().map(|record| record["requestParameters"]["name"].clone()).collect();
    assert_eq!(names, ["b", "c"]);
}

#[test]
fn a_refusal_has_its_code_and_message() {
    let log = EventLog::new(2);
    let mut refused = exchange("DeleteCluster", Some(json!({"name": "a"})));
    refused.error = Some(ErrorCode::RESOURCE_NOT_FOUND);
    refused.output = Some(json!({"message": "none"}));
    log.observe(&refused);
    let record = &records(&log)[0];
    assert_eq!((&record["errorCode"], &record["errorMessage"]), (&json!("ResourceNotFound"), &json!("none")));
}
