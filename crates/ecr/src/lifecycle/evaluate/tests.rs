use serde_json::{Value, json};

use super::*;
use crate::engine::Manifest;
use crate::lifecycle::policy::Rule;

fn now() -> Timestamp {
    "2026-11-29T12:00:00Z".parse().unwrap()
}

fn aged(digest: &str, tags: &[&str], days: i64, manifest: &Value) -> Image {
    let manifest =
        Manifest { digest: digest.into(), media_type: String::new(), bytes: manifest.to_string().into(), pushed: None };
    Image {
        tags: tags.iter().map(ToString::to_string).collect(),
        pushed_at: Some(now() - SignedDuration::from_hours(days * 24)),
        ..Image::untagged(manifest)
    }
}

fn image(digest: &str, tags: &[&str], days: i64) -> Image {
    aged(digest, tags, days, &json!({}))
}

fn list(digest: &str, tags: &[&str], days: i64, images: &[&str]) -> Image {
    let images: Vec<_> = images.iter().map(|digest| json!({"digest": digest})).collect();
    aged(digest, tags, days, &json!({"manifests": images}))
}

fn prefixes(all: &[&str]) -> Selection {
    Selection::Prefixes(all.iter().map(ToString::to_string).collect())
}

fn patterns(all: &[&str]) -> Selection {
    Selection::Patterns(all.iter().map(ToString::to_string).collect())
}

/// The digests that expire, each with the priority of its rule; rules have the priorities 1, 2, ...
fn expired(images: &[Image], rules: &[(Selection, Keep)]) -> Vec<(String, u64)> {
    let rules = (1..).zip(rules).map(|(priority, (selection, keep))| Rule {
        priority,
        selection: selection.clone(),
        keep: *keep,
    });
    let policy = Policy { rules: rules.collect() };
    expiring(images, &policy, now()).into_iter().map(|one| (one.image.digest, one.priority)).collect()
}

fn by(digest: &str, priority: u64) -> (String, u64) {
    (digest.to_owned(), priority)
}

#[test]
fn the_oldest_beyond_a_count_expire() {
    let images = [image("a", &["1"], 1), image("b", &[], 9), image("c", &["2", "3"], 5), image("d", &[], 7)];
    assert_eq!(expired(&images, &[(Selection::Any, Keep::Newest(2))]), [by("b", 1), by("d", 1)]);
    assert_eq!(expired(&images, &[(Selection::Any, Keep::Newest(4))]), []);
    assert_eq!(expired(&images, &[(Selection::Untagged, Keep::Newest(1))]), [by("b", 1)]);
    assert_eq!(expired(&[], &[(Selection::Any, Keep::Newest(1))]), []);
}

#[test]
fn what_is_older_than_so_many_days_expires() {
    let images = [image("a", &["1"], 13), image("b", &["2"], 14), image("c", &["3"], 15)];
    assert_eq!(expired(&images, &[(Selection::Any, Keep::Days(14))]), [by("c", 1)]);
    assert_eq!(expired(&images, &[(Selection::Any, Keep::Days(u64::MAX))]), []);
    let unknown = Image { pushed_at: None, ..image("d", &[], 0) };
    assert_eq!(expired(&[unknown], &[(Selection::Any, Keep::Days(1))]), []);
}

#[test]
fn a_rule_is_about_images_that_have_all_its_tags() {
    let images = [image("a", &["prod-1", "web"], 1), image("b", &["prod-2"], 2), image("c", &["web"], 3)];
    let none = Keep::Days(0);
    assert_eq!(expired(&images, &[(prefixes(&["prod"]), none)]), [by("a", 1), by("b", 1)]);
    assert_eq!(expired(&images, &[(prefixes(&["prod", "we"]), none)]), [by("a", 1)]);
    assert_eq!(expired(&images, &[(patterns(&["prod-*"]), none)]), [by("a", 1), by("b", 1)]);
    assert_eq!(expired(&images, &[(patterns(&["*1", "web"]), none)]), [by("a", 1)]);
    assert_eq!(expired(&[image("a", &[], 1)], &[(patterns(&["*"]), none)]), [], "it has no tag");
}

#[test]
fn patterns_are_of_the_whole_tag() {
    for (pattern, tag, wanted) in [
        ("prod", "prod", true),
        ("prod", "prod1", false),
        ("prod*", "prod", true),
        ("*web", "prodweb", true),
        ("*web", "webs", false),
        ("*test*1*2*", "mytest-1-x-2", true),
        ("*test*1*2*", "mytest-2-x-1", false),
        ("a*a", "a", false),
        ("a*a", "aa", true),
        ("*", "", true),
        ("**", "any", true),
    ] {
        assert_eq!(matches(pattern, tag), wanted, "{pattern} {tag}");
    }
}

#[test]
fn an_image_that_a_rule_is_about_is_not_removed_by_a_later_one() {
    let images = [image("a", &["prod-1"], 30), image("b", &["prod-2"], 20), image("c", &["dev"], 10)];
    let rules = [(prefixes(&["prod"]), Keep::Newest(1)), (Selection::Any, Keep::Days(5))];
    assert_eq!(expired(&images, &rules), [by("a", 1), by("c", 2)]);
}

#[test]
fn a_later_rule_counts_images_of_an_earlier_one() {
    let images = [image("a", &["prod"], 1), image("b", &["dev-1"], 2), image("c", &["dev-2"], 3)];
    let rules = [(prefixes(&["prod"]), Keep::Newest(9)), (Selection::Any, Keep::Newest(2))];
    assert_eq!(expired(&images, &rules), [by("c", 2)]);
    let gone = [(prefixes(&["prod"]), Keep::Days(0)), (Selection::Any, Keep::Newest(2))];
    assert_eq!(expired(&images, &gone), [by("a", 1), by("c", 2)], "also those that go");
}

#[test]
fn an_image_stays_while_a_list_that_stays_has_it() {
    let images = [image("a", &[], 9), image("b", &[], 9), list("c", &["all"], 1, &["a"])];
    assert_eq!(expired(&images, &[(Selection::Untagged, Keep::Days(1))]), [by("b", 1)]);
    let old = [image("a", &[], 9), list("c", &["all"], 9, &["a"])];
    assert_eq!(expired(&old, &[(Selection::Any, Keep::Days(1))]), [by("c", 1), by("a", 1)], "the list goes first");
    let nested = [image("a", &[], 9), list("b", &[], 9, &["a"]), list("c", &["all"], 1, &["b"])];
    assert_eq!(expired(&nested, &[(Selection::Untagged, Keep::Days(1))]), [], "lists of lists");
}

#[test]
fn the_order_of_images_pushed_at_once_is_fixed() {
    let images = [image("a", &[], 1), image("b", &[], 1), image("c", &[], 1)];
    assert_eq!(expired(&images, &[(Selection::Any, Keep::Newest(1))]), [by("b", 1), by("c", 1)]);
}

#[test]
fn what_refers_to_an_image_goes_with_it_and_not_before() {
    let digest = |letter: &str| format!("sha256:{}", letter.repeat(64));
    let signature = |of: &str, by: &str| aged(&digest(by), &[], 30, &json!({"subject": {"digest": digest(of)}}));
    let images = [
        image(&digest("a"), &["new"], 1),
        image(&digest("b"), &["old"], 20),
        signature("a", "c"),
        signature("b", "d"),
        signature("d", "e"),
        signature("f", "0"),
    ];
    let mut all = expired(&images, &[(Selection::Any, Keep::Days(10))]);
    all.sort();
    assert_eq!(all, [by(&digest("0"), 1), by(&digest("b"), 1), by(&digest("d"), 1), by(&digest("e"), 1)]);
}
