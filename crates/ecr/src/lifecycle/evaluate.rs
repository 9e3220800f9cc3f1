//! Which images expire.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::policy::{Keep, Policy, Selection};
use crate::inventory::Image;

/// An image that a rule lets expire.
#[derive(Clone, Debug)]
pub struct Expiring {
    /// The image.
    pub image: Image,
    /// The rule's priority.
    pub priority: u64,
}

/// The images that expire at `now`, manifest lists before the images that they have.
///
/// Rules are all looked at with all images there, and applied by priority: an image that a rule is about isn't removed by
/// a later one, though that counts it. An image stays while a manifest list that stays has it. What refers to an image,
/// such as a signature, goes with the image and not before.
pub fn expiring(images: &[Image], policy: &Policy, now: Timestamp) -> Vec<Expiring> {
    // Of what was pushed at an unknown time nobody can say that it is old.
    let pushed = |image: &Image| image.pushed_at.unwrap_or(now);
    let mut by: Vec<Option<u64>> = vec![None; images.len()];
    let mut claimed = vec![false; images.len()];
    let subjects = subjects(images);
    for rule in &policy.rules {
        let about = images.iter().enumerate().filter(|(_, image)| is_about(&rule.selection, &image.tags));
        let mut about: Vec<usize> = about.map(|(at, _)| at).filter(|at| subjects[*at].is_none()).collect();
        about.sort_by(|a, b| pushed(&images[*b]).cmp(&pushed(&images[*a])).then(a.cmp(b)));
        let beyond: Vec<usize> = match rule.keep {
            Keep::Newest(count) => about.iter().copied().skip(usize::try_from(count).unwrap_or(usize::MAX)).collect(),
            Keep::Days(days) => {
                let age = SignedDuration::from_hours(i64::try_from(days).unwrap_or(i64::MAX).min(LONGEST) * 24);
                about.iter().copied().filter(|at| now.duration_since(pushed(&images[*at])) > age).collect()
            }
        };
        for at in beyond {
            if !claimed[at] {
                by[at] = Some(rule.priority);
            }
        }
        for at in about {
            claimed[at] = true;
        }
    }
    keep_listed(images, &mut by);
    // As often as referrers refer to referrers.
    for _ in images {
        let follow = |at: usize| if by[at].is_none() { by[subjects[at]?] } else { by[at] };
        let next: Vec<_> = (0..images.len()).map(follow).collect();
        if next == by {
            break;
        }
        by = next;
    }
    keep_listed(images, &mut by);
    let mut expiring: Vec<_> = images
        .iter()
        .zip(by)
        .filter_map(|(image, by)| by.map(|priority| Expiring { image: image.clone(), priority }))
        .collect();
    expiring.sort_by_key(|one| one.image.images.is_empty());
    expiring
}

/// Days that no image is older than.
const LONGEST: i64 = 1_000_000;

/// The image that each refers to.
fn subjects(images: &[Image]) -> Vec<Option<usize>> {
    let at: HashMap<_, _> = images.iter().enumerate().map(|(at, image)| (image.digest.as_str(), at)).collect();
    let subject = |(own, image): (usize, &Image)| at.get(image.subject.as_deref()?).copied().filter(|at| *at != own);
    images.iter().enumerate().map(subject).collect()
}

/// Keeps the images of manifest lists that stay, which may be lists again.
fn keep_listed(images: &[Image], by: &mut [Option<u64>]) {
    loop {
        let listed: HashSet<_> =
            images.iter().zip(&*by).filter(|(_, by)| by.is_none()).flat_map(|(image, _)| &image.images).collect();
        let kept: Vec<_> =
            (0..images.len()).filter(|at| by[*at].is_some() && listed.contains(&images[*at].digest)).collect();
        if kept.is_empty() {
            return;
        }
        for at in kept {
            by[at] = None;
        }
    }
}

fn is_about(selection: &Selection, tags: &[String]) -> bool {
    let each = |wanted: &[String], fits: fn(&str, &str) -> bool| {
        wanted.iter().all(|wanted| tags.iter().any(|tag| fits(wanted, tag)))
    };
    match selection {
        Selection::Any => true,
        Selection::Untagged => tags.is_empty(),
        Selection::Prefixes(prefixes) => each(prefixes, |prefix, tag| tag.starts_with(prefix)),
        Selection::Patterns(patterns) => each(patterns, matches),
    }
}

/// Whether the whole tag is what the pattern says; `*` stands for any text.
fn matches(pattern: &str, tag: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == tag };
    let Some(mut left) = tag.strip_prefix(first) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return left.ends_with(part);
        }
        let Some((_, after)) = left.split_once(part) else { return false };
        left = after;
    }
    true
}

#[cfg(test)]
mod tests;
