//! What a path of the distribution API is about.

/// Part of a repository that a path is about.
#[derive(Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The repository's name in the registry behind.
    pub name: &'a str,
    /// `manifests`, `blobs`, `tags` or `referrers`.
    pub kind: &'a str,
    /// What comes after.
    pub reference: &'a str,
}

/// The parts of a path of the distribution API.
pub fn asked(path: &str) -> Option<Asked<'_>> {
    let path = path.strip_prefix("/v2/")?;
    ["manifests", "blobs", "tags", "referrers"].into_iter().find_map(|kind| {
        let (name, reference) = path.rsplit_once(&format!("/{kind}/"))?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || b":._-/=+".contains(&b);
        let fits = !reference.contains("..") && reference.bytes().all(plain);
        // Only uploads have a path of their own below.
        let flat = !reference.contains('/') || kind == "blobs" && reference.starts_with("uploads/");
        (fits && flat).then_some(Asked { name, kind, reference })
    })
}
