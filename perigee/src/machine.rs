//! What memory this machine has: a store that is to take more is killed by the kernel as it grows.

use std::{fs, path::Path};

use crate::table;

/// How much a process may have, and whose memory that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    bytes: u64,
    of: &'static str,
}

impl Memory {
    /// What this process may have, if the system tells; it does on Linux.
    pub(crate) fn of_this_machine() -> Option<Self> {
        let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        Self::least(&meminfo, &bounds_of_groups())
    }

    /// The machine's (`/proc/meminfo`), or less if one of its control groups is bounded (`memory.max`).
    fn least(meminfo: &str, groups: &[String]) -> Option<Self> {
        let total = meminfo
            .lines()
            .find_map(|line| line.strip_prefix("MemTotal:")?.strip_suffix("kB"))
            .and_then(|kib| kib.trim().parse::<u64>().ok());
        let machine = total.map(|kib| Memory {
            bytes: kib.saturating_mul(1024),
            of: "this machine",
        });
        // One without a bound says "max".
        let bounds = groups.iter().filter_map(|bound| bound.trim().parse().ok());
        let group = bounds.min().map(|bytes| Memory {
            bytes,
            of: "this control group (memory.max)",
        });
        machine
            .into_iter()
            .chain(group)
            .min_by_key(|memory| memory.bytes)
    }

    /// Why a store cannot take so much here; `key` is where that was said.
    pub(crate) fn refuses(self, key: &str, capacity: u64) -> Option<String> {
        // All else that runs needs some, too.
        let advised = (self.bytes / 2) >> 20;
        let (wanted, there) = (table::bytes(capacity), table::bytes(self.bytes));
        (capacity > self.bytes).then(|| {
            format!(
                "{key}: {wanted} is more than the {there} of {}; write half of that at most: {advised}MiB",
                self.of
            )
        })
    }
}

/// Refuses a store that this machine cannot hold.
///
/// # Errors
/// What to write in its place.
pub(crate) fn holds(key: &str, capacity: u64) -> Result<(), String> {
    let memory = Memory::of_this_machine();
    match memory.and_then(|memory| memory.refuses(key, capacity)) {
        Some(why) => Err(why),
        None => Ok(()),
    }
}

/// The bounds of this process's control group and of all that it is in (version 2).
fn bounds_of_groups() -> Vec<String> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let Some(path) = groups.lines().find_map(|line| line.strip_prefix("0::/")) else {
        return Vec::new();
    };
    let bounds = Path::new(path).ancestors().map(|group| {
        let file = Path::new("/sys/fs/cgroup").join(group).join("memory.max");
        fs::read_to_string(file).ok()
    });
    bounds.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMINFO: &str = "MemTotal:       24641536 kB\nMemFree:          1 kB\n";

    fn least(meminfo: &str, groups: &[&str]) -> Option<u64> {
        let groups: Vec<String> = groups.iter().map(ToString::to_string).collect();
        Memory::least(meminfo, &groups).map(|memory| memory.bytes)
    }

    #[test]
    fn the_least_bound_counts() {
        let machine = 24_641_536 << 10;
        assert_eq!(least(MEMINFO, &[]), Some(machine));
        assert_eq!(least(MEMINFO, &["max\n", "max\n"]), Some(machine));
        assert_eq!(least(MEMINFO, &["max\n", "1073741824\n"]), Some(1 << 30));
        assert_eq!(least(MEMINFO, &["99999999999999\n"]), Some(machine));
        assert_eq!(least("", &["4096\n"]), Some(4096));
    }

    #[test]
    fn who_is_not_told_refuses_nothing() {
        assert_eq!(least("", &[]), None);
        assert_eq!(least("MemTotal: many kB\n", &["max\n"]), None);
    }

    #[test]
    fn more_than_there_is_is_refused() {
        let memory = Memory::least(MEMINFO, &[]).expect("known");
        assert_eq!(
            memory.refuses("[storage] memory", 2 << 40).as_deref(),
            Some(
                "[storage] memory: 2.0 TiB is more than the 23.5 GiB of this machine; \
                 write half of that at most: 12032MiB"
            )
        );
        let small = Memory::least(MEMINFO, &["1048576\n".into()]).expect("known");
        let said = small.refuses("--memory", 2 << 20).expect("refused");
        assert!(said.contains("control group (memory.max)"), "{said}");
        assert_eq!(memory.refuses("--memory", memory.bytes), None);
    }
}
