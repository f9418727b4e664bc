//! `skynet memory` and `skynet knowledge`, as types.

use clap::{Args as ClapArgs, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Memory {
    /// List what is remembered about you: instructions first, then by how sure it is.
    List {
        /// At most so many, up to 500.
        #[arg(short = 'n', long, default_value_t = 100)]
        rows: u64,
    },
    /// Find facts in which all words occur, best first; the last word may be a beginning.
    #[command(after_help = "Example: skynet memory search green tea")]
    Search {
        /// Plain words; nothing in them has a meaning of its own.
        #[arg(required = true)]
        words: Vec<String>,
        /// At most so many, up to 50.
        #[arg(short = 'n', long, default_value_t = 10)]
        rows: u64,
    },
    /// Remember something, in place of what was remembered under that name.
    #[command(after_help = "Example: skynet memory learn preference drink \"green tea, no sugar\"\n\
Categories: instruction (what you want done), preference, fact, context, or one of your own.")]
    Learn(Learn),
    /// Forget one fact. It is gone from the database file at the latest when the host stops.
    #[command(after_help = "Example: skynet memory forget preference drink")]
    Forget {
        /// Its category.
        category: String,
        /// Its name in the category.
        key: String,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Learn {
    /// Such as instruction, preference, fact or context: a-z, 0-9, - and _.
    pub(crate) category: String,
    /// Its name in the category.
    pub(crate) key: String,
    /// What to remember, a sentence or two.
    pub(crate) value: String,
    /// How sure it is, 0 to 1. What is less sure never replaces what is more.
    #[arg(long, default_value_t = 1.0)]
    pub(crate) confidence: f64,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Knowledge {
    /// List all articles by topic.
    List,
    /// Find articles in which all words occur, best first; the last word may be a beginning.
    #[command(after_help = "Example: skynet knowledge search deploy")]
    Search {
        /// Plain words; nothing in them has a meaning of its own.
        #[arg(required = true)]
        words: Vec<String>,
        /// At most so many, up to 20.
        #[arg(short = 'n', long, default_value_t = 10)]
        rows: u64,
    },
    /// Print an article.
    Show {
        /// Its topic.
        topic: String,
    },
    /// Write an article, from stdin or a file, in place of the one of that topic.
    #[command(after_help = "Example: skynet knowledge write deploy --tag ops < deploy.md")]
    Write(WriteArticle),
    /// Delete an article.
    Delete {
        /// Its topic.
        topic: String,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct WriteArticle {
    /// Its topic.
    pub(crate) topic: String,
    /// Read it from there in place of stdin: Markdown, up to 64 KiB.
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// A tag; may be given more than once.
    #[arg(long = "tag", value_name = "TAG")]
    pub(crate) tags: Vec<String>,
}
