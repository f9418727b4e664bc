//! Limits of the turn, of its data and of what is kept for later, each with its reason.

/// Model requests in one turn. Enough for long work, and a stop for a model that
/// calls for ever; the person sees a notice when it is reached.
pub const MAX_ITERATIONS: u32 = 25;

/// Tool calls that run at once in one turn: two cores, and calls mostly wait.
pub const PARALLEL_TOOL_CALLS: usize = 8;

/// Characters of one tool result that reach the model. Larger ones are cut with a
/// note, so that one call cannot fill the window.
pub const TOOL_RESULT_CHARS: usize = 30_000;

/// Bytes of the arguments of one call, before they are parsed.
pub const TOOL_ARGUMENT_BYTES: usize = 1024 * 1024;

/// Messages of history that go into a request.
pub const HISTORY_MESSAGES: usize = 200;

/// Turns that may wait in one session's queue. More is a client in a loop.
pub const SESSION_QUEUE: usize = 32;

/// Bytes of one user message, attachments included: as the gateway's frame limit.
pub const MESSAGE_BYTES: usize = 24 * 1024 * 1024;

/// Longest category, bytes: a name.
pub const FACT_CATEGORY_BYTES: usize = 32;

/// Longest key, bytes: a name.
pub const FACT_KEY_BYTES: usize = 128;

/// Longest value, bytes: a sentence or two; more is an article.
pub const FACT_VALUE_BYTES: usize = 4 * 1024;

/// Longest query, bytes.
pub const QUERY_BYTES: usize = 1024;

/// Most facts of one search.
pub const FACTS_FOUND: usize = 50;

/// Most facts that the host keeps of one user: a search stays quick, and nobody can fill the disk.
pub const FACTS_OF_USER: u64 = 10_000;

/// Most facts that one plugin may have written of one user.
pub const FACTS_OF_SOURCE: u64 = 1_000;

/// Longest topic, bytes: a heading.
pub const ARTICLE_TOPIC_BYTES: usize = 128;

/// Longest article, bytes.
pub const ARTICLE_BYTES: usize = 64 * 1024;

/// Most tags of an article.
pub const ARTICLE_TAGS: usize = 16;

/// Longest tag, bytes.
pub const ARTICLE_TAG_BYTES: usize = 48;

/// Most articles of one search.
pub const ARTICLES_FOUND: usize = 20;

/// Most articles of a host.
pub const ARTICLES: u64 = 10_000;

/// Most articles that one plugin may have written.
pub const ARTICLES_OF_SOURCE: u64 = 1_000;

/// Shortest time between two fires of a job: each is a turn that somebody pays for.
pub const JOB_MIN_EVERY_MS: u64 = 60_000;

/// Longest name, bytes.
pub const JOB_NAME_BYTES: usize = 128;

/// Longest prompt, bytes.
pub const JOB_PROMPT_BYTES: usize = 16 * 1024;

/// Most jobs of one user, those of plugins included.
pub const JOBS_OF_USER: u64 = 1_000;

/// Most jobs that one plugin has planned, for all users together.
pub const JOBS_OF_PLUGIN: u64 = 50;

/// Longest message of a plugin to a person, bytes: a long letter. The door refuses a longer
/// one, and so does the channel behind it, which others may reach too.
pub const PLUGIN_MESSAGE_BYTES: usize = 16 * 1024;

/// Proposals that one user's conversations may have waiting: more than a person looks through.
pub const PROPOSALS_OF_USER: u64 = 10;

/// Proposals of all users but the owner that may wait.
pub const PROPOSALS: u64 = 50;

/// Proposals that a list shows, the newest.
pub const PROPOSALS_SHOWN: usize = 200;

/// How long a proposal waits, ms: three days, so that one from Friday evening can be approved on Monday.
pub const PROPOSAL_MS: u64 = 3 * 24 * 60 * 60 * 1000;

/// How long a code works, ms: long enough to read what it approves.
pub const CODE_MS: u64 = 15 * 60 * 1000;

/// Wrong codes after which a proposal is refused. With 40 bits nobody guesses it in so many.
pub const CODE_TRIES: u32 = 5;

/// Longest source of a proposed plugin, bytes: what a person can still look through.
pub const DRAFT_SOURCE_BYTES: usize = 64 * 1024;

/// Longest manifest of a proposed plugin, bytes.
pub const DRAFT_MANIFEST_BYTES: usize = 32 * 1024;

/// Most trial calls of a proposed plugin.
pub const DRAFT_TRIALS: usize = 16;

/// Plugins that one search in the registries gives.
pub const PLUGINS_FOUND: usize = 20;
