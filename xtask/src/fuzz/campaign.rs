//! One run of one fuzz target, and what its log says.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Failure;

/// The longest input, in bytes: more than any rule of the code under test needs to show itself.
const MAX_INPUT_BYTES: u32 = 4096;
/// How long one input may take, in seconds, before it counts as a finding.
const INPUT_SECONDS: u32 = 10;
/// How much memory a target may take, in MiB, before that counts as a finding.
const MAX_MEMORY_MIB: u32 = 2048;
/// How much of the log is shown with a finding, in lines.
const SHOWN_LINES: usize = 40;
/// Where files live in memory, on systems that have it: the target `request` then need not wait for a disk.
const MEMORY_FOLDER: &str = "/dev/shm";

/// What is to be run, and for how long.
#[derive(Debug)]
pub(super) struct Campaign {
    pub(super) name: String,
    seconds: u32,
    binary: PathBuf,
    folder: PathBuf,
}

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    seconds: u32,
    log: Log,
    /// Of a run that broke off: the end of its log.
    broke_off: Option<String>,
}

/// What libFuzzer reports about a run.
#[derive(Debug, Default, PartialEq, Eq)]
struct Log {
    runs: u64,
    /// Edges of the control flow that were reached.
    edges: u64,
    /// Edges, each together with how often it was passed, and comparisons with how near they came.
    features: u64,
    /// The file with the input that was being tried when the run broke off.
    input: Option<String>,
}

impl Campaign {
    pub(super) fn new(folder: &Path, binaries: &Path, name: String, seconds: u32) -> Self {
        Self { binary: binaries.join(&name), folder: folder.to_owned(), name, seconds }
    }

    /// Runs it to its end. Its log is `fuzz/target/logs/TARGET.log`.
    pub(super) fn run(&self) -> Result<Outcome, Failure> {
        let made = |folder: PathBuf| match fs::create_dir_all(&folder) {
            Ok(()) => Ok(folder),
            Err(cause) => Err(Failure::on("make", &folder)(cause)),
        };
        let kept = made(self.folder.join("target/corpus").join(&self.name))?;
        let artifacts = made(self.folder.join("artifacts").join(&self.name))?;
        let log = made(self.folder.join("target/logs"))?.join(format!("{}.log", self.name));
        let scratch = made(self.scratch())?;
        let status = self.command(&kept, &artifacts, &scratch, &log)?.status();
        // A target is ended without a chance to tidy up, so it is done for it; what stays behind is in a
        // temporary folder.
        let _ = fs::remove_dir_all(&scratch);
        let status = status.map_err(Failure::on("run", &self.binary))?;
        let text = String::from_utf8_lossy(&fs::read(&log).map_err(Failure::on("read", &log))?).into_owned();
        let broke_off = (!status.success()).then(|| end(&text));
        Ok(Outcome { seconds: self.seconds, log: Log::read(&text), broke_off })
    }

    /// What is found worth keeping goes into the first folder; the second is only read.
    fn command(&self, kept: &Path, artifacts: &Path, scratch: &Path, log: &Path) -> Result<Command, Failure> {
        let log = fs::File::create(log).map_err(Failure::on("write", log))?;
        let mut command = Command::new(&self.binary);
        command
            .arg(kept)
            .arg(self.folder.join("corpus").join(&self.name))
            .arg(format!("-max_total_time={}", self.seconds))
            .arg(format!("-max_len={MAX_INPUT_BYTES}"))
            .arg(format!("-timeout={INPUT_SECONDS}"))
            .arg(format!("-rss_limit_mb={MAX_MEMORY_MIB}"))
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .arg("-print_final_stats=1");
        let words = self.folder.join("dictionaries").join(format!("{}.dict", self.name));
        if words.is_file() {
            command.arg(format!("-dict={}", words.display()));
        }
        command.env("TMPDIR", scratch).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        Ok(command)
    }

    /// Where the target puts its temporary files, apart from those of every other run.
    fn scratch(&self) -> PathBuf {
        let memory = Path::new(MEMORY_FOLDER);
        let base = if memory.is_dir() { memory.to_owned() } else { self.folder.join("target/scratch") };
        base.join(format!("ringback-fuzz-{}-{}", std::process::id(), self.name))
    }
}

impl Outcome {
    /// Whether nothing was found, and something was tried.
    pub(super) fn is_green(&self) -> bool {
        self.broke_off.is_none() && self.log.runs > 0 && self.log.edges > 0
    }
}

/// The line of a target, after its name. [`crate::suites`] counts by how it begins.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Log { runs, edges, features, input } = &self.log;
        let coverage =
            format!("{runs} runs in {} s, coverage {edges} edges, {features} features", self.seconds);
        match &self.broke_off {
            None if self.is_green() => f.write_str(&coverage),
            None => write!(f, "broken: no coverage was measured ({coverage})"),
            Some(end) => {
                let input = input.as_deref().unwrap_or("no input was kept");
                write!(f, "finding after {runs} runs: {input}\n{end}")
            }
        }
    }
}

impl Log {
    /// The last of each number that is told: the status lines read `#1024 NEW cov: 12 ft: 34 corp: …`.
    fn read(text: &str) -> Self {
        let mut log = Self::default();
        for line in text.lines() {
            if let Some(runs) = line.strip_prefix("stat::number_of_executed_units:") {
                log.runs = runs.trim().parse().unwrap_or(0);
            } else if let Some((_, input)) = line.split_once("Test unit written to ") {
                log.input = Some(input.to_owned());
            } else if line.starts_with('#') {
                log.edges = after(line, "cov:").unwrap_or(log.edges);
                log.features = after(line, "ft:").unwrap_or(log.features);
            }
        }
        log
    }
}

fn after(line: &str, label: &str) -> Option<u64> {
    line.split_whitespace().skip_while(|word| *word != label).nth(1)?.parse().ok()
}

fn end(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
INFO: Seed: 1
#2	INITED cov: 310 ft: 311 corp: 1/1b exec/s: 0 rss: 40Mb
#7	NEW    cov: 812 ft: 2310 corp: 2/9b lim: 4 exec/s: 0 rss: 40Mb L: 8/8 MS: 1 InsertByte-
#524288	DONE   cov: 900 ft: 2400 corp: 2/9b lim: 4096 exec/s: 9 rss: 40Mb
Done 524288 runs in 21 second(s)
stat::number_of_executed_units: 524288
stat::average_exec_per_sec:     24966
";

    fn outcome(log: &str, broke_off: Option<&str>) -> Outcome {
        Outcome { seconds: 20, log: Log::read(log), broke_off: broke_off.map(str::to_owned) }
    }

    #[test]
    fn a_run_without_a_finding_tells_what_it_covered() {
        let outcome = outcome(LOG, None);
        assert!(outcome.is_green());
        assert_eq!(outcome.to_string(), "524288 runs in 20 s, coverage 900 edges, 2400 features");
    }

    #[test]
    fn a_finding_names_its_input() {
        let log = format!("{LOG}artifact_prefix='a/'; Test unit written to a/crash-1f\nBase64: AA==\n");
        let outcome = outcome(&log, Some("panicked"));
        assert!(!outcome.is_green());
        assert_eq!(outcome.to_string(), "finding after 524288 runs: a/crash-1f\npanicked");
    }

    #[test]
    fn a_run_without_coverage_is_no_success() {
        for log in ["", "stat::number_of_executed_units: 7\n", "#2 INITED cov: 5 ft: 5\n"] {
            let outcome = outcome(log, None);
            assert!(!outcome.is_green(), "{log}");
            assert!(outcome.to_string().starts_with("broken: no coverage"), "{log}");
        }
    }

    #[test]
    fn only_the_end_of_a_log_is_shown() {
        let log: String = (0..100).map(|n| format!("{n}\n")).collect();
        assert_eq!(end(&log).lines().collect::<Vec<_>>().first(), Some(&"60"));
        assert_eq!(end("one\ntwo"), "one\ntwo");
    }
}
