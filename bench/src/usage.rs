//! What a process has used, as Linux tells it in `/proc` (proc(5)).

use std::fs;
use std::time::Duration;

use crate::failure::Failure;

/// One clock tick in `/proc/PID/stat`: 1/100 s on every Linux there is (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// Memory that a process holds, in KiB.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub(crate) struct Memory {
    /// Resident now (`VmRSS`).
    pub(crate) resident_kib: u64,
    /// The most that was ever resident (`VmHWM`).
    pub(crate) peak_kib: u64,
}

impl Memory {
    /// What is resident, in MiB.
    pub(crate) fn resident_mib(self) -> f64 {
        mib(self.resident_kib)
    }

    /// The most that was ever resident, in MiB.
    pub(crate) fn peak_mib(self) -> f64 {
        mib(self.peak_kib)
    }
}

#[expect(clippy::cast_precision_loss, reason = "memory in KiB is far below 2^52")]
fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// Processor time that a process has used since its start, user and system together, all threads. Exact to 10
/// ms.
pub(crate) fn cpu_time(pid: u32) -> Result<Duration, Failure> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).map_err(Failure::io("read /proc"))?;
    parse_cpu_time(&stat).ok_or(Failure::Proc { pid })
}

/// Processor time that a process, its children, and those of its children that have ended have used: all of a
/// PostgreSQL server, by its first process.
pub(crate) fn tree_cpu_time(pid: u32) -> Result<Duration, Failure> {
    let read = Failure::io("read /proc");
    let mut total = Duration::ZERO;
    for entry in fs::read_dir("/proc").map_err(read)?.flatten() {
        // One that ends meanwhile is among its parent's next time.
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        let Some(times) = parse_times(&stat) else { continue };
        if entry.file_name().to_str() == Some(&pid.to_string()) {
            total += times.own + times.of_ended_children;
        } else if times.parent == pid {
            total += times.own;
        }
    }
    Ok(total)
}

/// The memory of a process.
pub(crate) fn memory(pid: u32) -> Result<Memory, Failure> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).map_err(Failure::io("read /proc"))?;
    let field = |name| parse_kib(&status, name).ok_or(Failure::Proc { pid });
    Ok(Memory { resident_kib: field("VmRSS:")?, peak_kib: field("VmHWM:")? })
}

/// What `/proc/PID/stat` says of a process.
#[derive(Debug, PartialEq, Eq)]
struct Times {
    parent: u32,
    own: Duration,
    of_ended_children: Duration,
}

fn parse_cpu_time(stat: &str) -> Option<Duration> {
    parse_times(stat).map(|times| times.own)
}

/// The parent is the 4th field; `utime`, `stime`, `cutime` and `cstime` are the 14th to the 17th; the second,
/// the name in parentheses, may hold blanks.
fn parse_times(stat: &str) -> Option<Times> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = after_name.split_ascii_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u32>().ok();
    Some(Times {
        parent: number(4)?,
        own: TICK * (number(14)? + number(15)?),
        of_ended_children: TICK * (number(16)? + number(17)?),
    })
}

fn parse_kib(status: &str, field: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(field))?;
    value.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Times, cpu_time, memory, parse_cpu_time, parse_times, tree_cpu_time};

    #[test]
    fn cpu_time_is_user_and_system_time() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 150 50 3 4 20 0 5 0 123 4096";
        let times =
            Times { parent: 1, own: Duration::from_secs(2), of_ended_children: Duration::from_millis(70) };
        assert_eq!(parse_times(stat), Some(times));
        assert_eq!(parse_cpu_time("7 (a) S 1"), None);
    }

    #[test]
    fn this_process_uses_something() {
        let memory = memory(std::process::id()).unwrap();
        assert!(0 < memory.resident_kib && memory.resident_kib <= memory.peak_kib);
        let own = cpu_time(std::process::id()).unwrap();
        assert!(tree_cpu_time(std::process::id()).unwrap() >= own);
    }
}
