//! A file of a crate, and the lengths in it.

use std::path::Path;

use syn::visit::Visit;
use syn::visit_mut::VisitMut;

/// A file of sources; the code is without its tests.
pub struct Source {
    /// The crate, and the path below its sources.
    pub name: String,
    text: String,
    code: syn::File,
}

impl Source {
    /// The file `name` with this text.
    pub fn new(name: &str, text: String) -> Self {
        let mut code = syn::parse_file(&text).unwrap_or_else(|e| panic!("{name} can be read: {e}"));
        WithoutTests.visit_file_mut(&mut code);
        Self { name: name.to_owned(), text, code }
    }

    /// Every file below `root`, the folder of sources of crate `name`.
    pub fn all(root: &Path, name: &str) -> Vec<Self> {
        let (mut folders, mut all) = (vec![root.to_owned()], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|e| e == "rs") {
                    let file = path.strip_prefix(root).unwrap().display();
                    all.push(Self::new(&format!("{name}/{file}"), std::fs::read_to_string(&path).unwrap()));
                }
            }
        }
        all
    }

    /// Whether the file holds nothing but tests of the one beside it.
    pub fn is_test(&self) -> bool {
        self.name.ends_with("tests.rs")
    }

    /// Lines, those of tests among them.
    pub fn lines(&self) -> usize {
        self.text.lines().count()
    }

    /// Name and length of every function.
    pub fn functions(&self) -> Vec<(String, usize)> {
        let mut found = Functions(Vec::new());
        found.visit_file(&self.code);
        found.0
    }
}

/// Leaves out items that are compiled for tests alone.
struct WithoutTests;

impl VisitMut for WithoutTests {
    fn visit_file_mut(&mut self, file: &mut syn::File) {
        file.items.retain(|item| !is_test(item));
        syn::visit_mut::visit_file_mut(self, file);
    }

    fn visit_item_mod_mut(&mut self, module: &mut syn::ItemMod) {
        if let Some((_, items)) = &mut module.content {
            items.retain(|item| !is_test(item));
        }
        syn::visit_mut::visit_item_mod_mut(self, module);
    }
}

fn is_test(item: &syn::Item) -> bool {
    let attributes = match item {
        syn::Item::Mod(i) => &i.attrs,
        syn::Item::Fn(i) => &i.attrs,
        syn::Item::Use(i) => &i.attrs,
        syn::Item::Impl(i) => &i.attrs,
        _ => return false,
    };
    let test = |list: &syn::MetaList| list.tokens.to_string() == "test";
    attributes.iter().any(|a| a.path().is_ident("cfg") && a.meta.require_list().is_ok_and(test))
}

struct Functions(Vec<(String, usize)>);

impl Functions {
    fn add(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let lines = body.brace_token.span.close().end().line - signature.fn_token.span.start().line + 1;
        self.0.push((signature.ident.to_string(), lines));
    }
}

impl<'a> Visit<'a> for Functions {
    fn visit_item_fn(&mut self, function: &'a syn::ItemFn) {
        self.add(&function.sig, &function.block);
        syn::visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'a syn::ImplItemFn) {
        self.add(&function.sig, &function.block);
        syn::visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'a syn::TraitItemFn) {
        if let Some(body) = &function.default {
            self.add(&function.sig, body);
        }
        syn::visit::visit_trait_item_fn(self, function);
    }
}
