//! The machine: what its disk does, and how long its processors have worked.

use std::fmt::{self, Display};
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

/// How often the disk is tried.
const SYNCS: u32 = 200;
/// Bytes that are written each time.
const BYTES: usize = 4096;

/// A disk, as it is now: what else is measured durable is to be compared with that.
#[derive(Clone, Debug)]
pub struct Disk {
    /// The kind of file system, as the system names it.
    pub file_system: String,
    /// How often 4 KiB at the end of a file can be written and synced, one after the other.
    pub syncs_per_second: f64,
}

impl Disk {
    /// Measures the disk that a directory is on.
    ///
    /// # Errors
    ///
    /// If it cannot be written to, what is mounted is not known, or it is in memory, where nothing is synced.
    pub fn measure(directory: &Path) -> io::Result<Self> {
        let file_system = file_system(directory)?;
        if file_system == "tmpfs" || file_system == "ramfs" {
            return Err(io::Error::other(format!(
                "{} is in memory ({file_system}), where nothing is synced: give a directory on a disk",
                directory.display()
            )));
        }
        let path = directory.join("sync");
        let mut file = File::create(&path)?;
        let begin = Instant::now();
        for _ in 0..SYNCS {
            file.write_all(&[0; BYTES])?;
            file.sync_data()?;
        }
        let syncs_per_second = f64::from(SYNCS) / begin.elapsed().as_secs_f64();
        fs::remove_file(path)?;
        Ok(Self {
            file_system,
            syncs_per_second,
        })
    }
}

impl Display for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {:.0} syncs a second of 4 KiB each, one after the other",
            self.file_system, self.syncs_per_second
        )
    }
}

/// The kind of file system that a directory is on, as the system names it.
fn file_system(directory: &Path) -> io::Result<String> {
    let directory = directory.canonicalize()?;
    let mounts = fs::read_to_string("/proc/mounts")?;
    let mounts = mounts.lines().filter_map(|line| {
        let mut parts = line.split(' ').skip(1);
        Some((parts.next()?, parts.next()?))
    });
    let around = mounts.filter(|(path, _)| directory.starts_with(path));
    let nearest = around.max_by_key(|(path, _)| path.len());
    let (_, kind) = nearest.ok_or_else(|| io::Error::other("the file system is not known"))?;
    Ok(kind.to_owned())
}

/// The time that these processes have had on processors.
///
/// # Errors
///
/// If one of them is not there.
pub fn cpu_time(processes: &[u32]) -> io::Result<Duration> {
    let mut nanoseconds = 0;
    for process in processes {
        for thread in fs::read_dir(format!("/proc/{process}/task"))? {
            let times = fs::read_to_string(thread?.path().join("schedstat"));
            // A thread may have ended meanwhile.
            let first = times
                .ok()
                .and_then(|times| times.split(' ').next()?.parse::<u64>().ok());
            nanoseconds += first.unwrap_or(0);
        }
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// The first of so many ports in a row: free now, and below those that a system gives to whoever dials, so that none is taken
/// while its server is down.
///
/// # Panics
///
/// If there are never so many.
pub fn free_ports(count: u16) -> u16 {
    let firsts = std::iter::repeat_with(|| fastrand::u16(10_000..32_000)).take(1000);
    let is_free = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    let mut free = firsts.filter(|first| (*first..first.saturating_add(count)).all(is_free));
    free.next().expect("ports that are free")
}
