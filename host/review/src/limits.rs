//! How much of a stranger's file is looked at, and from where on something is worth a
//! finding. Two kinds: budgets, beyond which a file is refused before anything
//! validates it, here and at admission; and sizes that are odd and no more.

use std::time::Duration;

/// Bytes of a component that are analysed. A Python interpreter with its libraries has 20 MB.
pub const FILE_BYTES: usize = 32 * 1024 * 1024;
/// Functions, all modules summed. A JavaScript engine has 30,000; a million take a
/// validator seconds.
pub const FUNCTIONS: u64 = 50_000;
/// Types, of modules and components, and what is declared inside of them, summed. A thousand
/// is a large plugin.
pub const TYPES: u64 = 20_000;
/// Types inside one another. A validator goes down into them on its stack; an interface in a
/// component in a component is three deep.
pub const TYPE_NESTING: u32 = 16;
/// Interfaces that the component imports at its top: all of WASI and of the contract are 50.
pub const TOP_IMPORTS: u64 = 64;
/// Imports of all modules and components inside. An interpreter that is linked at run time
/// takes each symbol as one.
pub const IMPORTS: u64 = 20_000;
/// Exports, globals, segments, tables, instances and aliases, summed.
pub const ITEMS: u64 = 100_000;
/// Components and modules inside one another: an adapter is two deep.
pub const NESTING: u32 = 8;
/// Modules: each shared library of an interpreter is one. As many as may be instantiated.
pub const MODULES: u64 = 64;
/// Memories that are made: as many as the engine has for one plugin.
pub const MEMORIES: u64 = 4;
/// Sections of all modules and components. A section without content has two bytes, so a
/// file of them would be long work.
pub const SECTIONS: u64 = 20_000;

/// Modules from which on somebody should ask why: compilers write one to four.
pub const MANY_MODULES: u64 = 16;
/// Bytes of one function. The main loop of an interpreter has 100 KB.
pub const LARGE_FUNCTION: u64 = 256 * 1024;
/// Bytes of data: an interpreter's standard library.
pub const LARGE_DATA: u64 = 16 * 1024 * 1024;
/// Bytes of custom sections: names take some hundred KB; debug information is left out of releases.
pub const LARGE_CUSTOM: u64 = 2 * 1024 * 1024;

/// Window over which entropy is measured, bytes: a compressed icon is smaller.
pub const ENTROPY_WINDOW: usize = 64 * 1024;
/// Bits of entropy for each byte, in hundredths: text has 450, code 650, what is
/// compressed or enciphered nearly 800.
pub const ENTROPY_CENTIBITS: u32 = 750;
/// Characters of base64 without a break: a certificate has 2 KB.
pub const BASE64_RUN: usize = 4096;

/// Instructions inside loops below which their mix says nothing.
pub const LOOP_OPERATORS: u64 = 4_000;
/// Percent of them that turn bits around. Ordinary programs stay below 10, one that
/// only hashes reaches 40.
pub const MIXING_PERCENT: u64 = 35;

/// Findings of one rule that are shown; how many more there are is counted.
pub const SHOWN: usize = 12;
/// Findings of one rule and severity that are kept and counted: far more than are shown. A file can be made of nothing
/// else, one in seven bytes, and a finding is half a kilobyte.
pub const KEPT: usize = 500;
/// Characters of an excerpt: one line of a terminal.
pub const EXCERPT_CHARS: usize = 100;
/// Characters of a secret that an excerpt shows: its kind, not its value.
pub const SECRET_SHOWN: usize = 4;
/// Different servers that are listed.
pub const SERVERS: usize = 200;
/// Bytes of a URL that are read: server names have 253.
pub const URL_BYTES: usize = 300;

/// Bytes of one text beside the component: a README, a script.
pub const TEXT_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of all texts together.
pub const TEXTS_BYTES: usize = 16 * 1024 * 1024;

/// Matches of one pattern that the text rules collect: more than are shown, few enough
/// that a file full of them stays cheap.
pub(crate) const PATTERN_MATCHES: u32 = 64;
/// Bytes of one match that are kept.
pub(crate) const MATCH_BYTES: usize = 256;
/// How long the text rules may take for one file. Bounded repetitions and the bytes above
/// keep them below a second; this is for what was not thought of, and it refuses.
pub(crate) const RULES_TIME: Duration = Duration::from_secs(20);
