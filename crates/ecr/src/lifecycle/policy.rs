//! What a lifecycle policy says.

use std::borrow::Borrow;

use serde_json::{Map, Value};
use text::json_type;

/// Rules of a policy at most.
const RULES: usize = 50;
/// Wildcards of a tag pattern at most.
const WILDCARDS: usize = 4;

/// A lifecycle policy: its rules, the first to apply first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The rules.
    pub rules: Vec<Rule>,
}

/// A rule: which images it is about, and which of these expire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its `rulePriority`.
    pub priority: u64,
    /// The images that it is about.
    pub selection: Selection,
    /// Those of them that stay.
    pub keep: Keep,
}

/// The images that a rule is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Selection {
    /// Those without tags.
    Untagged,
    /// All.
    Any,
    /// Those that have a tag for each of these beginnings.
    Prefixes(Vec<String>),
    /// Those that have a tag for each of these patterns; `*` stands for any text.
    Patterns(Vec<String>),
}

/// The images that stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// So many, the newest ones.
    Newest(u64),
    /// Those that were pushed within so many days.
    Days(u64),
}

/// Reads a policy.
///
/// # Errors
/// What is wrong with it.
pub fn parse(text: &str) -> Result<Policy, String> {
    let policy: Value = serde_json::from_str(text).map_err(|error| format!("the text is not JSON: {error}"))?;
    let policy = object(&policy, &["rules"], &[])?;
    let rules = array(&policy["rules"])?;
    if rules.len() > RULES {
        return Err(format!("array is too long: must have at most {RULES} elements but instance has {}", rules.len()));
    }
    let mut rules = rules.iter().map(rule).collect::<Result<Vec<_>, _>>()?;
    rules.sort_by_key(|rule| rule.priority);
    for pair in rules.windows(2) {
        if pair[0].priority == pair[1].priority {
            return Err(format!("rulePriority {} is that of more than one rule", pair[0].priority));
        }
        if pair[0].selection == Selection::Any {
            return Err("a rule with tagStatus any must have the highest rulePriority".to_owned());
        }
    }
    let mut selections: Vec<_> = rules.iter().map(|rule| &rule.selection).collect();
    selections.sort();
    if let Some(pair) = selections.windows(2).find(|pair| pair[0] == pair[1]) {
        let what = match pair[0] {
            Selection::Prefixes(tags) => format!("tagPrefixList {}", quoted(tags)),
            Selection::Patterns(tags) => format!("tagPatternList {}", quoted(tags)),
            Selection::Untagged | Selection::Any => "tagStatus untagged".to_owned(),
        };
        return Err(format!("{what} is that of more than one rule"));
    }
    Ok(Policy { rules })
}

fn rule(rule: &Value) -> Result<Rule, String> {
    let rule = object(rule, &["rulePriority", "selection", "action"], &["description"])?;
    rule.get("description").map(string).transpose()?;
    let action = object(&rule["action"], &["type"], &[])?;
    one_of(&action["type"], &["expire"])?;
    let more = ["countUnit", "tagPrefixList", "tagPatternList"];
    let selection = object(&rule["selection"], &["tagStatus", "countType", "countNumber"], &more)?;
    Ok(Rule {
        priority: positive(&rule["rulePriority"])?,
        selection: images(selection)?,
        keep: keep(selection, positive(&selection["countNumber"])?)?,
    })
}

fn images(selection: &Map<String, Value>) -> Result<Selection, String> {
    let status = one_of(&selection["tagStatus"], &["tagged", "untagged", "any"])?;
    let lists = (selection.get("tagPrefixList"), selection.get("tagPatternList"));
    match (status, lists) {
        ("untagged", (None, None)) => Ok(Selection::Untagged),
        ("any", (None, None)) => Ok(Selection::Any),
        ("tagged", (Some(prefixes), None)) => Ok(Selection::Prefixes(tags(prefixes)?)),
        ("tagged", (None, Some(patterns))) => {
            let patterns = tags(patterns)?;
            match patterns.iter().find(|pattern| pattern.matches('*').count() > WILDCARDS) {
                Some(pattern) => Err(format!("tag pattern \"{pattern}\" has more than {WILDCARDS} wildcards")),
                None => Ok(Selection::Patterns(patterns)),
            }
        }
        ("tagged", (None, None)) => Err(missing(&["tagPatternList"])),
        ("tagged", _) => Err("a rule has either tagPrefixList or tagPatternList, not both".to_owned()),
        (_, (Some(_), _)) => Err(unwanted("tagPrefixList")),
        (_, (None, Some(_))) => Err(unwanted("tagPatternList")),
        // `one_of` lets no other status through.
        (_, (None, None)) => Err(missing(&["tagStatus"])),
    }
}

fn keep(selection: &Map<String, Value>, number: u64) -> Result<Keep, String> {
    let unit = selection.get("countUnit");
    if one_of(&selection["countType"], &["imageCountMoreThan", "sinceImagePushed"])? == "imageCountMoreThan" {
        return unit.map_or(Ok(Keep::Newest(number)), |_| Err(unwanted("countUnit")));
    }
    one_of(unit.ok_or_else(|| missing(&["countUnit"]))?, &["days"])?;
    Ok(Keep::Days(number))
}

/// Beginnings or patterns of tags, in order: the order says nothing.
fn tags(list: &Value) -> Result<Vec<String>, String> {
    let mut tags = array(list)?.iter().map(|tag| string(tag).map(str::to_owned)).collect::<Result<Vec<_>, _>>()?;
    if tags.iter().any(String::is_empty) {
        return Err("string \"\" is too short (length: 0, required minimum: 1)".to_owned());
    }
    tags.sort();
    tags.dedup();
    Ok(tags)
}

fn object<'a>(value: &'a Value, required: &[&str], more: &[&str]) -> Result<&'a Map<String, Value>, String> {
    let object = value.as_object().ok_or_else(|| other_type(value, "object"))?;
    if let Some(name) = object.keys().find(|name| ![required, more].concat().contains(&name.as_str())) {
        return Err(unwanted(name));
    }
    let gone: Vec<_> = required.iter().copied().filter(|name| !object.contains_key(*name)).collect();
    if gone.is_empty() { Ok(object) } else { Err(missing(&gone)) }
}

fn array(value: &Value) -> Result<&[Value], String> {
    let array = value.as_array().ok_or_else(|| other_type(value, "array"))?;
    if array.is_empty() {
        return Err("array is too short: must have at least 1 elements but instance has 0 elements".to_owned());
    }
    Ok(array)
}

fn string(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| other_type(value, "string"))
}

fn positive(value: &Value) -> Result<u64, String> {
    let number = value.as_i64().ok_or_else(|| other_type(value, "integer"))?;
    let positive = u64::try_from(number).ok().filter(|number| *number > 0);
    positive.ok_or_else(|| format!("numeric instance is lower than the required minimum (minimum: 1, found: {number})"))
}

fn one_of<'a>(value: &'a Value, values: &[&str]) -> Result<&'a str, String> {
    let text = string(value)?;
    if values.contains(&text) {
        return Ok(text);
    }
    Err(format!("instance value (\"{text}\") not found in enum (possible values: {})", quoted(values)))
}

fn other_type(value: &Value, allowed: &str) -> String {
    let found = json_type(value);
    format!("instance type ({found}) does not match any allowed primitive type (allowed: [\"{allowed}\"])")
}

fn missing(names: &[&str]) -> String {
    format!("object has missing required properties ({})", quoted(names))
}

fn unwanted(name: &str) -> String {
    format!("object instance has properties which are not allowed by the schema: [\"{name}\"]")
}

fn quoted<S: Borrow<str>>(names: &[S]) -> String {
    format!("[\"{}\"]", names.join("\",\""))
}

#[cfg(test)]
mod tests;
