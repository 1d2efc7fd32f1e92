//! Several builds: order, parallelism, failures, interruptions, other processes.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use expect_test::expect;
use floe_builder::{
    BuildError, BuildEvent, BuildFailures, Cancellation, Goal, Reporter, Scheduler, Silent,
    Substituter, Wanted,
};
use floe_store::{LocalStore, Store, StorePath};

use crate::support::{Record, TestStore, recipe};

/// The test that other tests start as a process of its own.
const OTHER_PROCESS: &str = "schedule::other_process";

fn position(events: &[String], event: &str) -> usize {
    events.iter().position(|other| other == event).unwrap_or_else(|| panic!("{event}: {events:#?}"))
}

#[test]
fn builds_run_side_by_side_up_to_the_limit() {
    for (max_jobs, is_parallel) in [(1, false), (2, true)] {
        let mut test = TestStore::new();
        test.settings.max_jobs = max_jobs;
        let derivations = ["a", "b"].map(|name| test.add(&recipe(name, "sleep 0.5; echo > $out")));
        let [a, b] = &derivations;
        let Some(events) = test.build(&[a, b]) else { return };
        let first_end = position(&events, "Built a.drv").min(position(&events, "Built b.drv"));
        let last_start = position(&events, "start a.drv").max(position(&events, "start b.drv"));
        assert_eq!(last_start < first_end, is_parallel, "{events:#?}");
    }
}

#[test]
fn a_build_that_takes_too_long_is_ended() {
    let mut test = TestStore::new();
    test.settings.timeout = Some(Duration::from_secs(2));
    let derivation = test.add(&recipe("slow", "echo > $out; echo waiting; sleep 1000 & wait"));
    let Some(message) = test.fail(&derivation) else { return };
    assert!(message.contains("\nReason: timed out after 2 seconds."), "{message}");
    assert!(message.contains("\n> waiting"), "{message}");
}

#[test]
fn a_build_that_says_nothing_for_too_long_is_ended() {
    let mut test = TestStore::new();
    test.settings.max_silent_time = Some(Duration::from_millis(1500));
    let script = "for i in 1 2 3 4 5; do sleep 0.4; echo $i; done; sleep 1000";
    let derivation = test.add(&recipe("silent", script));
    let Some(message) = test.fail(&derivation) else { return };
    assert!(message.contains("timed out after 1.5 seconds of silence."), "{message}");
    assert!(message.contains("\n> 5"), "{message}");
}

/// Cancels when a build says `up`.
struct CancelWhenUp(Cancellation);

impl Reporter for CancelWhenUp {
    fn report(&self, event: BuildEvent<'_>) {
        if matches!(event, BuildEvent::Log { line: "up", .. }) {
            self.0.cancel();
        }
    }
}

#[test]
fn cancelling_ends_all_builds_and_leaves_nothing() {
    let mut test = TestStore::new();
    test.settings.max_jobs = 2;
    let slow = |name: &str| test.add(&recipe(name, "echo > $out; echo up; sleep 1000 & wait"));
    let (a, b) = (slow("a"), slow("b"));
    let top = test.add(&recipe("top", "echo > $out").input(&a).input(&b));
    let cancellation = Cancellation::new().unwrap();
    let start = Instant::now();
    let reporter = CancelWhenUp(cancellation.clone());
    let Some(result) = test.try_build(&[&top], &reporter, &cancellation) else { return };
    let BuildFailures(errors) = result.unwrap_err();
    assert!(matches!(&errors[..], [BuildError::Cancelled { .. }]), "{errors:?}");
    assert!(start.elapsed() < Duration::from_secs(100));
    assert!(!test.is_valid(&a) && !test.is_valid(&b));
    assert_eq!(test.litter(), [""; 0]);
}

#[test]
fn the_first_failure_ends_the_others() {
    let mut test = TestStore::new();
    test.settings.max_jobs = 2;
    let bad = test.add(&recipe("bad", "sleep 0.3; exit 1"));
    let slow = test.add(&recipe("slow", "sleep 1000"));
    let top = test.add(&recipe("top", "echo > $out").input(&bad).input(&slow));
    let record = Record::default();
    let cancellation = Cancellation::new().unwrap();
    let Some(result) = test.try_build(&[&top], &record, &cancellation) else { return };
    let BuildFailures(errors) = result.unwrap_err();
    assert!(
        matches!(
            &errors[..],
            [BuildError::BuilderFailed { .. }, BuildError::DependencyFailed { failed: 1 | 2, .. }]
        ),
        "{errors:?}"
    );
    // The caller's own request was not made.
    assert!(!cancellation.is_cancelled());
    assert_eq!(test.litter(), [""; 0]);
}

#[test]
fn with_keep_going_everything_that_can_be_built_is() {
    let mut test = TestStore::new();
    test.settings.keep_going = true;
    let bad = test.add(&recipe("bad", "exit 1"));
    let good = test.add(&recipe("good", "echo > $out"));
    let middle = test.add(&recipe("middle", "echo > $out").input(&bad));
    let top = test.add(&recipe("top", "echo > $out").input(&middle).input(&good));
    let record = Record::default();
    let cancellation = Cancellation::new().unwrap();
    let Some(result) = test.try_build(&[&top, &good], &record, &cancellation) else { return };
    let BuildFailures(errors) = result.unwrap_err();
    assert_eq!(errors.len(), 2, "{errors:?}");
    let message = errors[1].to_string();
    let (_, reason) = message.split_once('\n').unwrap();
    expect!["Reason: 1 dependency failed."].assert_eq(reason);
    assert!(test.is_valid(&good) && !test.is_valid(&middle) && !test.is_valid(&top));
    assert_eq!(record.events().last().unwrap(), "fail top.drv");
}

#[test]
fn only_what_is_missing_is_built() {
    let test = TestStore::new();
    let bottom = test.add(&recipe("bottom", "echo > $out"));
    let middle = test.add(&recipe("middle", "echo > $out").input(&bottom));
    let top = test.add(&recipe("top", "echo > $out").input(&middle));
    if test.build(&[&middle]).is_some() {
        assert_eq!(test.build(&[&top, &middle]).unwrap()[0], "plan top.drv; fetch ");
    }
}

#[test]
fn an_output_that_does_not_exist_is_named() {
    let test = TestStore::new();
    let derivation = test.add(&recipe("x", "echo > $out"));
    let printed = test.store.store_dir().print(&derivation);
    let goal = Goal { derivation, outputs: Wanted::Named(["lib".to_owned()].into()) };
    let error = Scheduler::new(&test.store, &test.settings, &Silent)
        .realise(&[goal], &Cancellation::new().unwrap())
        .unwrap_err();
    let expected = format!("derivation '{printed}' does not have wanted outputs 'lib'");
    assert_eq!(error.to_string(), expected);
}

/// Copies from another store.
struct CopyFrom<'a> {
    source: &'a LocalStore,
    target: &'a LocalStore,
}

impl Substituter for CopyFrom<'_> {
    fn has(&self, path: &StorePath) -> bool {
        self.source.is_valid(path).unwrap()
    }

    fn fetch(&self, path: &StorePath, _: &Cancellation) -> Result<(), BuildError> {
        let mut archive = Vec::new();
        floe_store::nar::dump(&self.source.real_path(path), &mut archive)?;
        let info = self.source.query(path)?.unwrap();
        Ok(self.target.add_nar(&info, &mut &archive[..])?)
    }
}

#[test]
fn what_can_be_fetched_is_not_built() {
    let (source, target) = (TestStore::new(), TestStore::new());
    let [cached, local] = [
        recipe("cached", "echo > $out"),
        recipe("local", "echo > $out").env("allowSubstitutes", ""),
    ];
    let needs = source.add(&cached);
    if source.build(&[&needs, &source.add(&local)]).is_none() {
        return;
    }
    assert_eq!(target.add(&cached), needs);
    let local = target.add(&local);
    let top = target.add(&recipe("top", "echo > $out").input(&needs).input(&local));
    let record = Record::default();
    let substituter = CopyFrom { source: &source.store, target: &target.store };
    Scheduler::new(&target.store, &target.settings, &record)
        .with_substituter(&substituter)
        .realise(&[Goal { derivation: top, outputs: Wanted::All }], &Cancellation::new().unwrap())
        .unwrap();
    assert_eq!(record.events()[0], "plan local.drv top.drv; fetch cached.drv");
    assert!(target.is_valid(&needs));
}

/// Builds `derivation` in a process of its own, which prints the events.
fn spawn(root: &Path, derivation: &StorePath) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", OTHER_PROCESS, "--nocapture"])
        .env("FLOE_TEST_OTHER_PROCESS", format!("{}:{derivation}", root.display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Prints events as they come.
struct Print;

impl Reporter for Print {
    fn report(&self, event: BuildEvent<'_>) {
        match event {
            BuildEvent::Log { line, .. } => writeln_now(line),
            BuildEvent::Finished { realisation, .. } => writeln_now(&format!("{realisation:?}")),
            _ => {}
        }
    }
}

fn writeln_now(line: &str) {
    use std::io::Write;
    let mut output = std::io::stdout();
    writeln!(output, "\n{line}").and_then(|()| output.flush()).unwrap();
}

/// What [`spawn`] runs; on its own it does nothing.
#[test]
fn other_process() {
    let Ok(task) = std::env::var("FLOE_TEST_OTHER_PROCESS") else { return };
    let (root, derivation) = task.split_once(':').unwrap();
    let test = TestStore::open(Path::new(root));
    let derivation = StorePath::parse(derivation).unwrap();
    let cancellation = Cancellation::new().unwrap();
    if let Some(result) = test.try_build(&[&derivation], &Print, &cancellation) {
        result.unwrap();
    }
}

#[test]
fn of_several_processes_one_builds() {
    let test = TestStore::new();
    let derivation = test.add(&recipe("shared", "sleep 0.5; echo > $out"));
    let children: Vec<Child> = (0..3).map(|_| spawn(test.root(), &derivation)).collect();
    let mut text = String::new();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        text += &String::from_utf8(output.stdout).unwrap();
    }
    if test.is_valid(&derivation) {
        let count = |event: &str| text.lines().filter(|line| *line == event).count();
        assert_eq!((count("Built"), count("AlreadyValid")), (1, 2), "{text}");
        assert_eq!(test.litter(), [""; 0]);
    }
}

#[test]
fn a_killed_process_leaves_no_build_and_nothing_valid() {
    let test = TestStore::new();
    let derivation = test.add(&recipe("again", "echo > $out; echo up; sleep 1; test ! -e $out/x"));
    let mut child = spawn(test.root(), &derivation);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let is_up = lines.map_while(Result::ok).any(|line| line == "up");
    child.kill().unwrap();
    child.wait().unwrap();
    if !is_up {
        eprintln!("skipped: the other process could not build");
        return;
    }
    assert!(!test.is_valid(&derivation));
    test.try_build(&[&derivation], &Silent, &Cancellation::new().unwrap()).unwrap().unwrap();
    assert!(test.is_valid(&derivation));
    // The store's temporary directories are the collector's to remove, build directories are ours.
    assert!(test.litter().iter().all(|name| name.starts_with("tmp-")), "{:?}", test.litter());
}
