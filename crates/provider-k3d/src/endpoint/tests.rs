use super::*;

fn of(sources: &[&str], counted: bool) -> String {
    let sources = sources.iter().map(|source| source.parse().unwrap()).collect();
    String::from_utf8(script(&PublicEndpoint { sources, counted }).content).unwrap()
}

#[test]
fn this_machine_is_a_source_like_others() {
    assert!(of(&["127.0.0.0/8"], false).contains("-s \"$gateway\" -j RETURN"));
    assert!(of(&["203.0.113.0/24"], false).contains("-s \"$gateway\" -j REJECT"));
    assert!(of(&["203.0.113.0/24"], false).contains("for source in 203.0.113.0/24; do"));
    assert!(of(&[], false).contains("for source in ; do"));
}

#[test]
fn the_operator_s_port_is_open_to_its_host_alone() {
    let closed = of(&["203.0.113.0/24"], true);
    let redirects: Vec<&str> = closed.lines().filter(|l| l.contains("REDIRECT") && !l.starts_with("old=")).collect();
    assert_eq!(redirects.len(), 2, "for both chains: {redirects:?}");
    assert!(redirects.iter().all(|line| line.contains("-s \"$gateway\"")), "{redirects:?}");
    assert!(closed.contains("-t nat -D $old"), "a server of before had it open to all");
}

#[test]
fn use_is_counted_where_somebody_wants_to_know() {
    let counting = of(&["0.0.0.0/0"], true);
    assert!(counting.contains("--comment used") && !counting.contains("REJECT"));
    let table = "Chain K3EKS-USED (1 references)\n    pkts      bytes target\n      12     700 RETURN  all  --  lo\n       5     300  all  /* used */\n       2     100  all  /* used */\n";
    assert_eq!(packets(table), 7);
}
