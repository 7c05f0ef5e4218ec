//! What processes take: processor time and resident memory, read from `/proc` where there is one.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::bench::Bench;
use crate::latency::number;
use crate::scenario::Measured;

/// What processes have taken.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Processor seconds since they began.
    pub cpu_seconds: f64,
    /// Resident megabytes (10^6); memory that several share is counted once.
    pub resident_mb: f64,
}

impl Usage {
    /// Of one process; zeros where there is none, or no `/proc`.
    #[must_use]
    pub fn of(pid: u32) -> Self {
        Self {
            cpu_seconds: cpu_seconds(pid, false),
            resident_mb: resident(pid, "status", "VmRSS:"),
        }
    }

    /// Of a process and all that descend from it, those that have ended included.
    #[must_use]
    pub fn of_all(pid: u32) -> Self {
        let parents = parents();
        let mut all = vec![pid];
        let mut next = 0;
        while let Some(&parent) = all.get(next) {
            let children = parents.iter().filter(|(_, of)| **of == parent);
            all.extend(children.map(|(pid, _)| *pid));
            next += 1;
        }
        Self {
            cpu_seconds: all.iter().map(|pid| cpu_seconds(*pid, true)).sum(),
            resident_mb: all
                .iter()
                .map(|pid| resident(*pid, "smaps_rollup", "Pss:"))
                .sum(),
        }
    }
}

/// Somebody who is watched.
struct Watched {
    name: &'static str,
    usage: Box<dyn Fn() -> Usage + Send + Sync>,
    before: Usage,
}

/// Who is watched while something is measured.
pub struct Sampler {
    watched: Vec<Watched>,
    begun: Instant,
}

impl Sampler {
    /// Watches the servers, where they are ours, and one or two apps; from now on.
    #[must_use]
    pub fn begin(bench: &Bench, apps: &[u32]) -> Self {
        const APPS: [&str; 2] = ["app", "second app"];
        let mut sampler = Self {
            watched: Vec::new(),
            begun: Instant::now(),
        };
        for (name, pid) in APPS.into_iter().zip(apps.iter().copied()) {
            sampler.watch(name, move || Usage::of(pid));
        }
        if let Some(own) = bench.servers.own() {
            for (name, pid) in [("postgres", own.postgres.pid()), ("kafka", own.kafka.pid())] {
                if let Some(pid) = pid {
                    sampler.watch(name, move || Usage::of_all(pid));
                }
            }
        }
        sampler.begun = Instant::now();
        sampler
    }

    fn watch(&mut self, name: &'static str, usage: impl Fn() -> Usage + Send + Sync + 'static) {
        self.watched.push(Watched {
            name,
            before: usage(),
            usage: Box::new(usage),
        });
    }

    /// What they took since: "app CPU %" of one core, and "app resident MB" as of now.
    #[must_use]
    pub fn end(&self) -> BTreeMap<String, f64> {
        let took = self.begun.elapsed().max(Duration::from_millis(1));
        let mut figures = BTreeMap::new();
        for Watched {
            name,
            usage,
            before,
        } in &self.watched
        {
            let now = usage();
            let cpu = (now.cpu_seconds - before.cpu_seconds).max(0.0) / took.as_secs_f64() * 100.0;
            figures.insert(format!("{name} CPU %"), cpu);
            figures.insert(format!("{name} resident MB"), now.resident_mb);
        }
        figures
    }
}

impl Measured {
    /// With more figures.
    #[must_use]
    pub fn and_all(mut self, more: BTreeMap<String, f64>) -> Self {
        self.more.extend(more);
        self
    }
}

/// Every process and its parent.
fn parents() -> BTreeMap<u32, u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return BTreeMap::new();
    };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: u32| Some((pid, fields(pid)?.get(1)?.parse().ok()?)))
        .collect()
}

/// The fields of `/proc/<pid>/stat` after the name, which may hold anything: state, parent, ….
fn fields(pid: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

/// Its own processor seconds, and on demand those of its children that have ended.
fn cpu_seconds(pid: u32, with_children: bool) -> f64 {
    const USER_TIME: usize = 11;
    let Some(fields) = fields(pid) else {
        return 0.0;
    };
    let counted = if with_children { 4 } else { 2 };
    let times = fields.iter().skip(USER_TIME).take(counted);
    let ticks: u64 = times.filter_map(|field| field.parse::<u64>().ok()).sum();
    number(ticks) / number(rustix::param::clock_ticks_per_second())
}

/// A line of one of a process's files, in megabytes.
fn resident(pid: u32, file: &str, line: &str) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let kilobytes = text.lines().find_map(|text| {
        let rest = text.strip_prefix(line)?;
        rest.split_whitespace().next()?.parse().ok()
    });
    number(kilobytes.unwrap_or(0)) * 1_024.0 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_takes_memory_and_time() {
        let begun = Instant::now();
        let mut sum = 0_u64;
        while begun.elapsed() < Duration::from_millis(60) {
            sum = sum.wrapping_add(std::hint::black_box(1));
        }
        let taken = Usage::of(std::process::id());
        assert!(sum > 0 && taken.resident_mb > 0.1, "{taken:?}");
        assert!(taken.cpu_seconds > 0.0, "{taken:?}");
    }
}
