use super::*;
use serde_json::json;

#[test]
fn addresses_are_free_ones_of_the_upper_end() {
    let subnet: Ipv4Net = "172.18.0.0/16".parse().unwrap();
    let all = free(subnet, &BTreeSet::new(), 7, 3).unwrap();
    assert!(
        all.iter().all(|address| subnet.contains(address) && *address > Ipv4Addr::new(172, 18, 191, 255)),
        "{all:?}"
    );
    let others = free(subnet, &all.iter().copied().collect(), 7, 3).unwrap();
    assert!(all.iter().all(|address| !others.contains(address)));
    let small: Ipv4Net = "10.0.0.0/28".parse().unwrap();
    assert_eq!(free(small, &BTreeSet::new(), 0, 3).unwrap().len(), 3);
    assert_eq!(free(small, &BTreeSet::new(), 0, 4), None, "the rest is Docker's");
}

#[test]
fn a_server_s_labels_say_what_all_are_known_by() {
    let all = [Ipv4Addr::new(10, 0, 0, 9), Ipv4Addr::new(10, 0, 0, 8)];
    let labelled = |text: &str| serde_json::from_value(json!({"Config": {"Labels": {LABEL: text}}})).unwrap();
    assert_eq!(of(&labelled(&label(&all))), all);
    assert!(of(&ContainerInspectResponse::default()).is_empty());
}

#[test]
fn a_server_shows_itself_to_the_others_by_its_own_address() {
    let all = [1, 2, 3].map(|n| Ipv4Addr::new(10, 0, 0, n));
    let text = String::from_utf8(script(&all, 1).unwrap().content).unwrap();
    assert!(text.contains("ip address add 10.0.0.2/32") && text.contains("for other in 10.0.0.1 10.0.0.3; do"));
    assert!(text.contains("src 10.0.0.2"));
    assert_eq!(script(&[], 0), None);
}
