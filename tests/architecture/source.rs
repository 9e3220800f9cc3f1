//! A file of the crate: its place among the modules, what it imports, and the lengths in it.

use std::collections::BTreeSet;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit::Visit;
use syn::visit_mut::VisitMut;

/// A file below `src`, without its tests.
pub struct Source {
    /// Path below `src`.
    pub name: String,
    /// Path as a module; empty for `main.rs` and `lib.rs`.
    pub module: Vec<String>,
    text: String,
    code: syn::File,
}

impl Source {
    /// The file `name` with this text.
    pub fn new(name: &str, text: String) -> Self {
        let mut code = syn::parse_file(&text).unwrap_or_else(|e| panic!("{name} can be read: {e}"));
        WithoutTests.visit_file_mut(&mut code);
        let mut module: Vec<String> = name.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        module.retain(|m| !matches!(m.as_str(), "mod" | "main" | "lib"));
        Self { name: name.to_owned(), module, text, code }
    }

    /// Every file below `root`.
    pub fn all(root: &Path) -> Vec<Self> {
        let (mut folders, mut all) = (vec![root.to_owned()], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|e| e == "rs") {
                    let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
                    all.push(Self::new(&name, std::fs::read_to_string(&path).unwrap()));
                }
            }
        }
        all
    }

    /// The module below the crate that the file belongs to.
    pub fn top(&self) -> &str {
        self.module.first().map_or(self.name.trim_end_matches(".rs"), String::as_str)
    }

    /// Whether the file holds nothing but tests of the one beside it.
    pub fn is_test(&self) -> bool {
        self.module.last().is_some_and(|m| m == "tests")
    }

    /// Lines, those of tests among them.
    pub fn lines(&self) -> usize {
        self.text.lines().count()
    }

    /// What is imported or named from the crate's root, as paths below it.
    pub fn imports(&self) -> Vec<Vec<String>> {
        let mut found = Vec::new();
        if !self.is_test() {
            scan(quote(&self.code), &self.module, &mut found);
        }
        found
    }

    /// Every first word of a path: other crates, among the file's own modules and types.
    pub fn crates(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        first_words(quote(&self.code), &mut found);
        found
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

fn quote(code: &syn::File) -> TokenStream {
    code.to_token_stream()
}

fn is(token: Option<&TokenTree>, punctuation: char) -> bool {
    matches!(token, Some(TokenTree::Punct(p)) if p.as_char() == punctuation)
}

fn word(token: Option<&TokenTree>) -> Option<String> {
    if let Some(TokenTree::Ident(ident)) = token { Some(ident.to_string()) } else { None }
}

/// Whether `::` stands at `at`.
fn joined(tokens: &[TokenTree], at: usize) -> bool {
    is(tokens.get(at), ':') && is(tokens.get(at + 1), ':')
}

/// Finds paths that begin at the crate's root, with `crate` or with enough of `super`; in macros too.
fn scan(tokens: TokenStream, module: &[String], found: &mut Vec<Vec<String>>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        if let TokenTree::Group(group) = &tokens[at] {
            let inline = at >= 2 && word(tokens.get(at - 2)).is_some_and(|w| w == "mod");
            let mut inner = module.to_vec();
            inner.extend(word(tokens.get(at.wrapping_sub(1))).filter(|_| inline));
            scan(group.stream(), &inner, found);
        }
        let continues = at >= 2 && joined(&tokens, at - 2);
        match word(tokens.get(at)).as_deref() {
            Some("crate") if !continues && joined(&tokens, at + 1) => expand(&tokens[at + 3..], &[], found),
            Some("super") if !continues => {
                let mut up = 1;
                while joined(&tokens, at + 1) && word(tokens.get(at + 3)).is_some_and(|w| w == "super") {
                    up += 1;
                    at += 3;
                }
                if up >= module.len() && joined(&tokens, at + 1) {
                    expand(&tokens[at + 3..], &[], found);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

/// The paths that begin here: `a::b`, `{a, b::c}` or a glob.
fn expand(tokens: &[TokenTree], before: &[String], found: &mut Vec<Vec<String>>) {
    let mut path = before.to_vec();
    match tokens.first() {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
            let inner: Vec<TokenTree> = group.stream().into_iter().collect();
            for item in inner.split(|t| is(Some(t), ',')).filter(|item| !item.is_empty()) {
                expand(item, before, found);
            }
        }
        Some(TokenTree::Ident(ident)) => {
            path.push(ident.to_string());
            if joined(tokens, 1) { expand(&tokens[3..], &path, found) } else { found.push(path) }
        }
        _ => {
            path.push("*".to_owned());
            found.push(path);
        }
    }
}

fn first_words(tokens: TokenStream, found: &mut BTreeSet<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => first_words(group.stream(), found),
            TokenTree::Ident(ident) if joined(&tokens, at + 1) && (at < 2 || !joined(&tokens, at - 2)) => {
                found.insert(ident.to_string());
            }
            _ => {}
        }
    }
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
