//! kill -9 between any two steps of an admission: the next start serves the old version
//! or the new one, whole, and gets to the new one by itself.
//!
//! The test starts its own program again as the victim, told apart by environment
//! variables; the victim's ports end it at the step that the test names.

use crate::support::fuse::{Fuse, Fused};
use crate::support::package::saying;
use crate::support::{World, Worldly};
use skynet_plugins::PluginHost;
use skynet_store::Store;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

const VICTIM: &str = "SKYNET_PLUGINS_TEST_VICTIM";
const STEP: &str = "SKYNET_PLUGINS_TEST_STEP";
const KILL: i32 = 9;

/// Deals with what lies in the folder, until its fuse burns.
async fn admit(folder: &Path) {
    let worldly = Worldly::default();
    let fuse = Fuse::new(std::env::var(STEP).unwrap().parse().unwrap());
    let clock = Arc::new(crate::support::clock::TestClock::new());
    let store = Store::open(&folder.join("skynet.db"), clock.clone()).unwrap();
    let fused = Arc::new(Fused { store: store.clone(), fuse });
    let mut parts = World::parts(folder, clock, &store, &worldly);
    (parts.state, parts.audit, parts.compiler) = (fused.clone(), fused.clone(), fused);
    let (host, runner) = PluginHost::start(parts).await.unwrap();
    let runner = tokio::spawn(runner.run(std::future::pending()));
    host.settled().await;
    runner.abort();
}

/// Whether the victim got to the end.
fn run_victim(folder: &Path, step: u64) -> bool {
    let mut victim = Command::new(std::env::current_exe().unwrap());
    victim.args(["--exact", "crash::a_host_killed_at_any_step_of_an_admission_finishes_it_at_the_next_start"]);
    let status = victim.env(VICTIM, folder).env(STEP, step.to_string()).stdout(Stdio::null()).status().unwrap();
    assert!(status.success() || status.signal() == Some(KILL), "step {step}: {status}");
    status.success()
}

#[tokio::test]
async fn a_host_killed_at_any_step_of_an_admission_finishes_it_at_the_next_start() {
    if let Some(folder) = std::env::var_os(VICTIM) {
        return admit(Path::new(&folder)).await;
    }
    let mut step = 0;
    let mut survivors = std::collections::BTreeSet::new();
    loop {
        step += 1;
        let world = World::start().await;
        world.drop_file("echo.wasm", &saying("echo", "1.0.0", "old")).await;
        let before = world.serving("echo").await.unwrap();
        let mut finished = false;
        let world = world
            .restart_around(|world| {
                world.put("echo.wasm", &saying("echo", "2.0.0", "new"));
                finished = run_victim(world.folder(), step);
            })
            .await;
        let serving = world.serving("echo").await.expect("something serves before the folder was looked at");
        let said = world.call("echo").await.unwrap();
        assert_eq!(said, if serving.version.major == 1 { "old" } else { "new" }, "step {step}");
        survivors.insert(said);

        let world = world.restart(|_| ()).await;
        world.host.settled().await;
        let after = world.serving("echo").await.unwrap();
        assert_eq!((after.version.major, world.call("echo").await.unwrap().as_str()), (2, "new"), "step {step}");
        assert!(after.generation > before.generation, "step {step}: {before} then {after}");
        world.store.verify_audit(Vec::new()).await.unwrap();
        world.store.check().await.unwrap();
        if finished {
            break;
        }
    }
    assert!(step > 20, "an admission has more steps than {step}");
    assert_eq!(survivors.len(), 2, "some steps are before the new version serves and some after: {survivors:?}");
}
