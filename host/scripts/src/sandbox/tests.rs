//! What the rest of the host says to the sandbox, said to each system's own: one of them that lacks a word does not
//! build, and the one that confines nothing refuses each of them.

use super::{Abilities, Ceiling, Command, Confinement, Contract, Executed, Outcome, Said, ScriptError, ScriptLimits, absent};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc::Sender;

/// The functions that ask each word of a system's own `Launcher`, `Tty` and `Kept`.
macro_rules! words_of {
    ($($side:ident)::+) => {
        pub(super) async fn of_launcher(
            launcher: &$($side)::+::Launcher,
            confinement: &Confinement,
            command: &Command,
            said: Sender<Said>,
        ) -> Vec<Option<ScriptError>> {
            let _: &Abilities = launcher.abilities();
            let run: Result<Outcome, ScriptError> = launcher.run(confinement, b"", None, said).await;
            let executed: Result<Executed, ScriptError> = launcher.execute(command, 1).await;
            let opened = launcher.open_tty(command).await.map(of_tty).map(drop);
            let kept = launcher.keep(confinement, None).await.map(of_kept).map(drop);
            vec![run.err(), executed.err(), opened.err(), kept.err()]
        }

        async fn of_tty(tty: $($side)::+::Tty) -> Result<(), ScriptError> {
            tty.type_now(b"");
            let read = tty.read(&mut [0]).await.map(drop);
            read.and(tty.write_all(b"").await).and(tty.resize(1, 1)).map_err(ScriptError::Lost)?;
            let _ = (tty.close().await?, tty.ended().await?);
            Ok(())
        }

        async fn of_kept(mut kept: $($side)::+::Kept) -> Result<(), ScriptError> {
            let _: bool = kept.is_alive().await;
            kept.say(b"", Duration::ZERO).await?;
            let _: Option<Vec<u8>> = kept.hear(Duration::ZERO).await?;
            Ok(())
        }
    };
}

mod elsewhere {
    use super::*;
    words_of!(super::absent);
}

/// Built, and not run: `tests/scripts/` has what happens here.
#[allow(dead_code, reason = "that it builds is the test")]
mod here {
    use super::*;
    words_of!(super::super);
}

const LIMITS: ScriptLimits = ScriptLimits {
    wall: Duration::from_secs(1),
    cpu_seconds: 1,
    address_space: 1,
    processes: 1,
    open_files: 1,
    file_size: 1,
    scratch: 1,
    output: 1,
};

#[tokio::test]
async fn a_system_that_confines_nothing_starts_nothing() {
    let confinement = Confinement {
        plugin: "p".into(),
        program: "sh".into(),
        sha256: None,
        options: Vec::new(),
        script: "main".into(),
        contract: Contract::Lines,
        variables: BTreeMap::new(),
        roots: BTreeSet::new(),
        unchanged: BTreeSet::new(),
        limits: LIMITS,
    };
    let command = Command {
        program: "sh".into(),
        arguments: Vec::new(),
        startup: None,
        variables: BTreeMap::new(),
        roots: BTreeSet::new(),
        unchanged: BTreeSet::new(),
        limits: LIMITS,
        window: None,
    };
    let ceiling = Ceiling {
        plugins: "/".into(),
        scratch: "/".into(),
        roots: BTreeMap::new(),
        tools: Vec::new(),
        limits: LIMITS,
        commands: LIMITS,
        kept: LIMITS,
        without_namespaces: true,
    };
    let launcher = absent::Launcher::start(Path::new("/"), &[], &ceiling).unwrap();
    let (said, _) = tokio::sync::mpsc::channel(1);
    let refusals = elsewhere::of_launcher(&launcher, &confinement, &command, said).await;
    assert_eq!(refusals.len(), 4);
    for refusal in refusals {
        assert!(refusal.unwrap().to_string().contains("scripts are off here"));
    }
    assert!(absent::serve().is_err());
}
