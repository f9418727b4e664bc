//! What this plugin sees of the host: facts about the person of the call, and articles.

use skynet_plugin_sdk::services::{knowledge, memory};

pub(crate) use knowledge::Article;
pub(crate) use memory::Entry;

/// The host, or a test in its place. Errors are sentences of the host's.
pub(crate) trait Shelf {
    fn facts(&self, query: &str, limit: u32) -> Result<Vec<Entry>, String>;
    fn learn(&self, entry: &Entry) -> Result<(), String>;
    fn forget(&self, category: &str, key: &str) -> Result<bool, String>;
    fn articles(&self, query: &str, limit: u32) -> Result<Vec<Article>, String>;
    fn write(&self, article: &Article) -> Result<(), String>;
}

/// The real one.
pub(crate) struct Host;

impl Shelf for Host {
    fn facts(&self, query: &str, limit: u32) -> Result<Vec<Entry>, String> {
        memory::search(query, limit)
    }

    fn learn(&self, entry: &Entry) -> Result<(), String> {
        memory::learn(entry)
    }

    fn forget(&self, category: &str, key: &str) -> Result<bool, String> {
        memory::forget(category, key)
    }

    fn articles(&self, query: &str, limit: u32) -> Result<Vec<Article>, String> {
        knowledge::search(query, limit)
    }

    fn write(&self, article: &Article) -> Result<(), String> {
        knowledge::write(article)
    }
}
