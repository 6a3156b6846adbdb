//! `cargo xtask fuzz [--seconds N] [TARGET…]`: gives each fuzz target some time, two at once.
//!
//! - [`build`] compiles the targets of `fuzz/` with the instrumentation that libFuzzer steers by, on the
//!   stable toolchain;
//! - [`campaign`] runs one of them and reads what it came to.
//!
//! A run starts from the seeds in `fuzz/corpus/TARGET` and from what earlier runs found worth keeping, which
//! is in `fuzz/target` and may be lost. An input that breaks an invariant is written to
//! `fuzz/artifacts/TARGET`; once its cause is mended it belongs among the seeds, where every later run begins
//! with it.

mod build;
mod campaign;

use std::num::NonZero;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::workspace;
use crate::{Failure, Verdict, files};
use campaign::{Campaign, Outcome};

/// Seconds for each target when the command line does not say.
const DEFAULT_SECONDS: u32 = 20;
/// Targets at once, at most; fewer on a machine with fewer cores.
const MAX_AT_ONCE: usize = 2;

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    seconds: u32,
    /// Which targets; all of them if empty.
    targets: Vec<String>,
}

impl Request {
    /// Reads the arguments that follow `fuzz`; `None` if they are not understood.
    pub(crate) fn parse(arguments: &[&str]) -> Option<Self> {
        let mut request = Self { seconds: DEFAULT_SECONDS, targets: Vec::new() };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match *argument {
                "--seconds" => request.seconds = arguments.next()?.parse().ok().filter(|secs| *secs > 0)?,
                option if option.starts_with('-') => return None,
                target => request.targets.push(target.to_owned()),
            }
        }
        Some(request)
    }
}

/// Builds the targets, runs those that are asked for, and prints a line for each.
pub(crate) fn run(request: &Request) -> Verdict {
    let folder = workspace::load()?.root.join("fuzz");
    let targets = chosen(request, all_targets(&folder)?)?;
    let binaries = build::run(&folder)?;
    let campaigns: Vec<Campaign> = targets
        .into_iter()
        .map(|target| Campaign::new(&folder, &binaries, target, request.seconds))
        .collect();
    Ok(run_all(campaigns))
}

/// The targets are the files of `fuzz/targets`.
fn all_targets(folder: &Path) -> Result<Vec<String>, Failure> {
    let sources = files::below(&folder.join("targets"), &|path| files::has_extension(path, "rs"))?;
    let stem = |path: &std::path::PathBuf| Some(path.file_stem()?.to_str()?.to_owned());
    Ok(sources.iter().filter_map(stem).collect())
}

fn chosen(request: &Request, all: Vec<String>) -> Result<Vec<String>, Failure> {
    if let Some(unknown) = request.targets.iter().find(|target| !all.contains(target)) {
        return Err(Failure::new(format!("there is no fuzz target `{unknown}`, only {}", all.join(", "))));
    }
    Ok(if request.targets.is_empty() { all } else { request.targets.clone() })
}

/// Whether all ended without a finding. A campaign that could not run is reported and the others go on.
fn run_all(campaigns: Vec<Campaign>) -> bool {
    let at_once = thread::available_parallelism().map_or(1, NonZero::get).min(MAX_AT_ONCE);
    let waiting = Mutex::new(campaigns.into_iter());
    let worker = || {
        let mut green = true;
        loop {
            let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(campaign) = next else { return green };
            green &= report(&campaign.name, &campaign.run());
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..at_once).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or(false)).fold(true, |all, one| all & one)
    })
}

fn report(name: &str, outcome: &Result<Outcome, Failure>) -> bool {
    match outcome {
        Ok(outcome) => say(&format!("fuzz {name}: {outcome}")),
        Err(failure) => say(&format!("fuzz {name}: broken: {failure}")),
    }
    outcome.as_ref().is_ok_and(Outcome::is_green)
}

#[expect(clippy::print_stdout, reason = "a line for each target is this chore's output")]
fn say(line: &str) {
    println!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn understands_seconds_and_targets_in_any_order() {
        let request = |seconds, targets: &[&str]| {
            Some(Request { seconds, targets: targets.iter().map(|&target| target.to_owned()).collect() })
        };
        assert_eq!(Request::parse(&[]), request(20, &[]));
        assert_eq!(Request::parse(&["a", "--seconds", "5", "b"]), request(5, &["a", "b"]));
        for wrong in [&["--seconds"][..], &["--seconds", "0"], &["--seconds", "x"], &["--all"]] {
            assert_eq!(Request::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn an_unknown_target_is_named_with_those_there_are() {
        let all = || vec!["envelope".to_owned(), "headers".to_owned()];
        let asking = |targets: &[&str]| chosen(&Request::parse(targets).unwrap(), all());
        assert_eq!(asking(&[]).unwrap(), all());
        assert_eq!(asking(&["headers"]).unwrap(), ["headers"]);
        let failure = asking(&["header"]).unwrap_err().to_string();
        assert_eq!(failure, "there is no fuzz target `header`, only envelope, headers");
    }

    #[test]
    fn every_target_has_seeds() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
        let targets = all_targets(&folder).unwrap();
        assert!(!targets.is_empty());
        for target in targets {
            assert!(
                !files::below(&folder.join("corpus").join(&target), &|_| true).unwrap().is_empty(),
                "{target}"
            );
        }
    }
}
