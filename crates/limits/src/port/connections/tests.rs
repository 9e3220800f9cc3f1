use super::*;

fn connections(connections: usize, per_address: usize) -> Arc<Connections> {
    Arc::new(Connections::new(Limits { connections, per_address, ..Limits::default() }))
}

fn address(last: u8) -> IpAddr {
    [192, 0, 2, last].into()
}

#[test]
fn strangers_go_first_and_of_them_who_was_idle_longest() {
    let all = connections(3, 3);
    let places: Vec<Place> = (0..3).map(|_| all.place(address(1))).collect();
    places[0].used(true);
    places[1].used(false);
    let fourth = all.place(address(1));
    let ended = || places.iter().map(|place| place.end.is_cancelled()).collect::<Vec<_>>();
    assert_eq!(ended(), [false, false, true], "it never asked for anything");
    let fifth = all.place(address(1));
    assert_eq!(ended(), [false, true, true]);
    let sixth = all.place(address(1));
    assert!(fourth.end.is_cancelled() && !fifth.end.is_cancelled() && !sixth.end.is_cancelled());
    assert!(!places[0].end.is_cancelled(), "who is known stays");
}

#[test]
fn a_crowd_from_one_address_takes_no_other_s_place() {
    let all = connections(4, 3);
    let alone = all.place(address(1));
    let crowd: Vec<Place> = (0..50).map(|_| all.place(address(2))).collect();
    assert!(!alone.end.is_cancelled());
    assert_eq!(crowd.iter().filter(|place| !place.end.is_cancelled()).count(), 3);
    let other = all.place(address(3));
    assert!(!alone.end.is_cancelled() && !other.end.is_cancelled());
    drop(crowd);
    assert_eq!(all.held().1.len(), 2, "who left holds no place");
}
