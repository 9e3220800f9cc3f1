use super::*;

/// A file holds a name and a value.
fn pair(_: &str, text: &str) -> anyhow::Result<(String, String)> {
    let (name, value) = text.split_once('=').context("give NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn write(folder: &tempfile::TempDir, name: &str, text: &str) {
    std::fs::write(folder.path().join(name), text).unwrap();
}

#[test]
fn only_the_file_that_cannot_be_read_is_left_out_and_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, "one", "a=1");
    write(&folder, "bad", "no pair");
    std::fs::write(folder.path().join("worse"), [0xff, 0xfe]).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("gone")).unwrap();
    let Contents { entries, problems } = read(folder.path(), "pair", pair, None).unwrap();
    assert_eq!((entries.len(), entries["a"].as_str()), (1, "1"));
    let said = problems.into_iter().collect::<Vec<_>>().join("\n");
    for name in ["/bad", "/worse", "/gone"] {
        assert!(said.contains(name), "{said}");
    }
    std::fs::remove_file(folder.path().join("one")).unwrap();
    assert!(read(folder.path(), "pair", pair, None).unwrap().entries.is_empty(), "what is removed is gone");
}

#[test]
fn of_two_files_with_one_name_neither_counts() {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in [("one", "a=1"), ("two", "a=2"), ("three", "b=3")] {
        write(&folder, file, text);
    }
    let contents = read(folder.path(), "pair", pair, None).unwrap();
    assert!(!contents.entries.contains_key("a") && contents.entries.contains_key("b"));
    assert_eq!(contents.problems.len(), 1);
    let said = contents.problems.first().unwrap();
    assert!(said.contains("one, two") && said.contains("pair a"), "{said}");
    let refused = "nobody".to_owned();
    assert_eq!(*read(folder.path(), "pair", pair, Some(&refused)).unwrap().entries["a"], refused);
}
