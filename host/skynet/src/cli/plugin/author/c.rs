//! Plugins in C: zig, or clang with wasi-libc; all of `src/*.c` and `skynet/*.c` in one go.
//!
//! The header made from the contract and the thin layer over it land in `skynet/` of a project.

use super::cache;
use super::componentize::componentize;
use super::console::{Console, Missing};
use super::embedded;
use super::language::{self, Language, NewFile};
use super::project::Project;
use anyhow::{Context as _, Result};
use async_trait::async_trait;
use skynet_policy::manifest::World;
use skynet_scripts::builder;
use std::borrow::Cow;
use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the header lies in a project.
const HEADER: &str = "skynet";

const NO_COMPILER: Missing<'_> = Missing {
    what: "a C compiler for WebAssembly",
    remedies: &[
        "pip install ziglang   (PyPI; one package with compiler, linker and C library)",
        "apt-get install clang lld wasi-libc libclang-rt-dev-wasm32   (Debian and Ubuntu)",
        "or name one with CC_WASM, such as CC_WASM=/opt/wasi-sdk/bin/clang",
    ],
};

/// The row.
pub(super) struct C;

#[async_trait]
impl Language for C {
    fn name(&self) -> &'static str {
        "c"
    }

    fn mark(&self) -> &'static str {
        "skynet/skynet.h"
    }

    fn built(&self) -> &'static [&'static str] {
        &[]
    }

    fn companions(&self, kind: World) -> Result<Vec<NewFile>> {
        let kind = language::short(kind);
        let made = embedded::below("plugins-sdk/c").filter_map(|(path, bytes)| {
            let (folder, name) = path.split_once('/')?;
            let wanted = folder == kind || (folder == "layer" && (name.starts_with("plugin.") || name.starts_with(kind)));
            wanted.then(|| (format!("{HEADER}/{name}"), Cow::Borrowed(bytes)))
        });
        Ok(made.collect())
    }

    async fn build(&self, project: &Project, console: &Console) -> Result<PathBuf> {
        let compiler = compiler().await.ok_or_else(|| NO_COMPILER.error())?;
        let module = project.build_folder()?.join(format!("{}.wasm", project.manifest.id.name()));
        let mut args: Vec<OsString> = compiler.first;
        let flags = [
            "-mexec-model=reactor",
            "-std=gnu11",
            "-Oz",
            "-Wall",
            "-Wextra",
            "-ffunction-sections",
            "-fdata-sections",
            "-Wl,--gc-sections",
            "-Wl,--strip-all",
        ];
        args.extend([compiler.target].into_iter().chain(flags).map(OsString::from));
        args.push(format!("-I{HEADER}").into());
        for folder in ["src", HEADER] {
            args.extend(sources(&project.folder, folder)?);
        }
        args.extend(["-o".into(), module.clone().into()]);
        let _turn = if compiler.takes_turns { turn().await } else { None };
        console.run(compiler.program, args, &project.folder, Vec::new()).await?;
        componentize(project, &module)
    }
}

/// Files of C in a folder of the project, in an order that does not change.
fn sources(project: &Path, folder: &str) -> Result<Vec<OsString>> {
    let entries = std::fs::read_dir(project.join(folder)).with_context(|| format!("the folder {folder} cannot be read"))?;
    let mut found: Vec<String> = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    found.retain(|name| name.ends_with(".c"));
    found.sort();
    Ok(found.into_iter().map(|name| format!("{folder}/{name}").into()).collect())
}

/// How a compiler is called.
struct Compiler {
    program: OsString,
    first: Vec<OsString>,
    target: &'static str,
    /// Whether two of it at once are one too many.
    takes_turns: bool,
}

impl Compiler {
    fn clang(program: OsString) -> Self {
        Self { program, first: Vec::new(), target: "--target=wasm32-wasi", takes_turns: false }
    }

    fn zig(program: OsString) -> Self {
        Self { program, first: vec!["cc".into()], target: "--target=wasm32-wasi", takes_turns: true }
    }
}

/// CC_WASM, else zig, else zig as a Python package, else a clang that has the C library for the target.
async fn compiler() -> Option<Compiler> {
    if let Some(named) = std::env::var_os("CC_WASM").filter(|path| !path.is_empty()) {
        return Some(Compiler::clang(named));
    }
    if builder::is_there("zig") {
        return Some(Compiler::zig("zig".into()));
    }
    if let Some(zig) = packaged_zig(Path::new("/"), Vec::new()).await {
        return Some(Compiler::zig(zig.into()));
    }
    for clang in ["clang", "clang-19", "clang-18", "clang-17", "clang-16", "clang-14"] {
        let probe = ["--target=wasm32-wasi", "-include", "stdlib.h", "-x", "c", "-fsyntax-only", "/dev/null"];
        if answers(clang, &probe).await {
            return Some(Compiler::clang(clang.into()));
        }
    }
    None
}

/// Waits until no other build of this user runs zig. Two at once can wait for each other without end, each with a lock
/// in the cache that they share which the other wants. Where there is no place for the word, it is done without.
async fn turn() -> Option<File> {
    let folder = cache::named("ZIG_GLOBAL_CACHE_DIR").or_else(|| Some(cache::folder()?.join("zig")))?;
    std::fs::create_dir_all(&folder).ok()?;
    let file = File::options().create(true).append(true).open(folder.join("skynet.lock")).ok()?;
    let waiting = async {
        while let Err(TryLockError::WouldBlock) = file.try_lock() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    // No build takes longer: who holds the word by then does not build.
    let _ = tokio::time::timeout(crate::limits::BUILD, waiting).await;
    Some(file)
}

/// Says where the Python package `ziglang` keeps its compiler. Python looks for packages where it was started before
/// anywhere else, and somebody else may have put one there: a folder that is not named from the root is none of its.
const WHERE_IS_ZIG: &str = "import sys; sys.path[:] = [at for at in sys.path if at.startswith('/')]; \
    import os, ziglang; print(os.path.join(os.path.dirname(ziglang.__file__), 'zig'))";

/// The compiler of the Python package itself. Asked once, and then called without Python: the project's folder is a
/// stranger's at times, and must not say what builds it.
async fn packaged_zig(from: &Path, environment: Vec<(String, OsString)>) -> Option<PathBuf> {
    let said = ask("python3", &["-c", WHERE_IS_ZIG], from, environment).await?;
    said.last().map(PathBuf::from).filter(|zig| zig.is_absolute() && zig.is_file())
}

async fn answers(program: &str, args: &[&str]) -> bool {
    ask(program, args, Path::new("/"), Vec::new()).await.is_some()
}

/// What a program says, if it is there and ends well.
async fn ask(program: &str, args: &[&str], folder: &Path, environment: Vec<(String, OsString)>) -> Option<Vec<String>> {
    let ask = builder::Builder {
        program: program.into(),
        args: args.iter().map(OsString::from).collect(),
        folder: folder.to_owned(),
        environment,
        deadline: crate::limits::ANSWER,
        guard: None,
    };
    if !builder::is_there(program) {
        return None;
    }
    builder::run_builder(&ask, |_| {}).await.ok().filter(|ended| ended.code == 0).map(|ended| ended.last)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a Python package `ziglang` that leaves a mark when it is run.
    fn package(mark: &Path) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let package = folder.path().join("ziglang");
        std::fs::create_dir(&package).unwrap();
        std::fs::write(package.join("zig"), "").unwrap();
        for file in ["__init__.py", "__main__.py"] {
            std::fs::write(package.join(file), format!("open({:?}, 'w').close()\n", mark.to_str().unwrap())).unwrap();
        }
        folder
    }

    #[tokio::test]
    async fn a_package_that_lies_where_the_compiler_is_looked_for_is_not_run() {
        let marks = tempfile::tempdir().unwrap();
        let (planted, honest) = (marks.path().join("planted"), marks.path().join("honest"));
        let (hostile, installed) = (package(&planted), package(&honest));
        let found = packaged_zig(hostile.path(), vec![("PYTHONPATH".to_owned(), installed.path().into())]).await;
        assert_eq!(found, Some(installed.path().join("ziglang/zig")));
        assert!(honest.exists() && !planted.exists());
    }
}
