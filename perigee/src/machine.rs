//! What memory this machine has: a store that is to take more is killed by the kernel as it grows.

use std::{fs, path::Path};

use perigee_edge::MemoryConfig;

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

    /// What a store may take at its ease: all else that runs needs some, too.
    fn half(self) -> u64 {
        self.bytes / 2
    }

    /// Why a store cannot take so much here; `key` is where that was said.
    pub(crate) fn refuses(self, key: &str, capacity: u64) -> Option<String> {
        let advised = self.half() >> 20;
        let (wanted, there) = (table::bytes(capacity), table::bytes(self.bytes));
        (capacity > self.bytes).then(|| {
            format!(
                "{key}: {wanted} is more than the {there} of {}; write half of that at most: {advised}MiB",
                self.of
            )
        })
    }

    /// What a store gets of which nobody wrote how large it is to be.
    fn lessen(self, store: &MemoryConfig) -> MemoryConfig {
        store.clone().within(self.half())
    }

    /// Says so if that is less than elsewhere; `key` is where a size can be written.
    pub(crate) fn lessens(self, key: &str, store: &MemoryConfig) -> Option<String> {
        let less = self.lessen(store).capacity;
        (less < store.capacity).then(|| {
            let (less, there, of) = (table::bytes(less), table::bytes(self.bytes), self.of);
            format!("{key} is not written, and {less} here: half of the {there} of {of}")
        })
    }
}

/// Makes a store fit into a machine that has this memory: it is as large as was `written` at `key`, or
/// else takes half of that memory at most.
///
/// # Errors
/// More was written than there is: what to write in its place.
pub(crate) fn fit(
    memory: Option<Memory>,
    key: &str,
    written: Option<u64>,
    store: &mut MemoryConfig,
) -> Result<(), String> {
    let Some(memory) = memory else {
        return Ok(());
    };
    match written {
        None => *store = memory.lessen(store),
        Some(capacity) => {
            if let Some(why) = memory.refuses(key, capacity) {
                return Err(why);
            }
        }
    }
    Ok(())
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

    #[test]
    fn what_is_not_written_fits_into_half_of_what_there_is() {
        let has = |bytes: u64| Memory::least("", &[bytes.to_string()]);
        let fit = |memory, written: Option<u64>| {
            let mut store = MemoryConfig::default();
            store.capacity = written.unwrap_or(store.capacity);
            fit(memory, "memory", written, &mut store).map(|()| store)
        };
        let unwritten = |bytes| fit(has(bytes), None).expect("fits");
        let default = MemoryConfig::default();
        assert_eq!(unwritten(1 << 30), default);
        assert_eq!(unwritten(512 << 20), default);
        let small = unwritten(128 << 20);
        assert_eq!((small.capacity, small.fill_bytes), (64 << 20, 16 << 20));
        assert_eq!(unwritten(4096).capacity, MemoryConfig::LEAST);
        assert_eq!(fit(None, None), Ok(default));

        // What is written is taken as it is, or refused.
        let written = fit(has(128 << 20), Some(100 << 20)).expect("fits");
        assert_eq!(written.capacity, 100 << 20);
        fit(has(128 << 20), Some(129 << 20)).expect_err("too large");
        assert!(fit(None, Some(60 << 40)).is_ok());
    }

    #[test]
    fn who_gets_less_is_told() {
        let said = |bytes: u64| {
            let memory = Memory::least("", &[bytes.to_string()]).expect("known");
            memory.lessens("[storage] memory", &MemoryConfig::default())
        };
        assert_eq!(said(512 << 20), None);
        assert_eq!(
            said(128 << 20).as_deref(),
            Some(
                "[storage] memory is not written, and 64.0 MiB here: \
                 half of the 128.0 MiB of this control group (memory.max)"
            )
        );
    }
}
