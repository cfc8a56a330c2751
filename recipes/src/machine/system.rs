//! What each system tells of its processor and memory.

/// Processor time since the system's start, in seconds of one core.
#[derive(Debug, Clone, Copy)]
pub(super) struct ProcessorTime {
    /// Of all processes.
    all: f64,
    /// Of this one.
    own: f64,
    /// Cores of the machine.
    pub(super) cores: usize,
}

impl ProcessorTime {
    /// What other processes used since an earlier moment.
    pub(super) fn others_since(&self, before: &Self) -> f64 {
        ((self.all - before.all) - (self.own - before.own)).max(0.0)
    }
}

/// The processor's name, where the system tells it.
pub(super) fn processor_name() -> Option<String> {
    let name = platform::processor_name()?;
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    (!name.is_empty()).then_some(name)
}

/// Processor time, where the system tells it.
pub(super) fn processor_time() -> Option<ProcessorTime> {
    platform::processor_time()
}

/// The machine's memory in bytes, where the system tells it.
pub(crate) fn memory_bytes() -> Option<u64> {
    platform::memory_bytes()
}

/// The most memory that this process has held, in bytes, where the system tells it.
pub(crate) fn peak_memory() -> Option<u64> {
    platform::peak_memory()
}

/// The most memory that another process has held so far, in bytes; none where it has ended, or on other systems than Linux.
pub(crate) fn peak_memory_of(process: u32) -> Option<u64> {
    platform::peak_memory_of(process)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod platform {
    use std::fs::read_to_string;

    use super::ProcessorTime;

    /// Ticks of a second in `/proc`, the same on every machine that Linux runs on today.
    const TICKS: f64 = 100.0;

    pub(super) fn processor_name() -> Option<String> {
        let info = read_to_string("/proc/cpuinfo").ok()?;
        let value = |key: &str| {
            info.lines().find_map(|line| {
                Some(line.strip_prefix(key)?.trim_start().strip_prefix(':')?.trim().to_owned())
            })
        };
        // On ARM there is no name but the numbers of maker and part.
        let part = || Some(format!("ARM {} of maker {}", value("CPU part")?, value("CPU implementer")?));
        value("model name").or_else(part).or_else(|| value("uarch"))
    }

    pub(super) fn memory_bytes() -> Option<u64> {
        let info = read_to_string("/proc/meminfo").ok()?;
        let kibibytes = info.lines().find_map(|line| {
            line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
        });
        kibibytes.map(|kibibytes| kibibytes.saturating_mul(1024))
    }

    pub(super) fn peak_memory() -> Option<u64> {
        peak("self")
    }

    pub(super) fn peak_memory_of(process: u32) -> Option<u64> {
        peak(&process.to_string())
    }

    fn peak(process: &str) -> Option<u64> {
        let status = read_to_string(format!("/proc/{process}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(1024 * kibibytes)
    }

    pub(super) fn processor_time() -> Option<ProcessorTime> {
        of_files(&read_to_string("/proc/stat").ok()?, &read_to_string("/proc/self/stat").ok()?)
    }

    fn of_files(machine: &str, process: &str) -> Option<ProcessorTime> {
        let cpu = |line: &&str| line.starts_with("cpu");
        let cores = machine.lines().filter(cpu).count().checked_sub(1)?;
        let ticks: Vec<f64> = machine
            .lines()
            .next()?
            .split_whitespace()
            .skip(1)
            .map(|number| number.parse().ok())
            .collect::<Option<_>>()?;
        // user, nice, system, idle, iowait, irq, softirq, steal; guests are counted as user.
        let all = ticks.iter().enumerate().filter(|(place, _)| [0, 1, 2, 5, 6, 7].contains(place));
        // The name may hold anything, and ends with the last bracket; behind it `utime` and `stime` are 12th and 13th.
        let (_, fields) = process.rsplit_once(')')?;
        let own = fields.split_whitespace().skip(11).take(2).map(|number| number.parse::<f64>().ok());
        let own: f64 = own.collect::<Option<Vec<_>>>()?.into_iter().sum();
        Some(ProcessorTime { all: all.map(|(_, ticks)| ticks).sum::<f64>() / TICKS, own: own / TICKS, cores })
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn processor_time_is_read_out_of_its_files() {
            let machine = "cpu  100 20 30 4000 500 1 2 3 40 5\ncpu0 50 10 15 2000 250 1 1 2 20 3\ncpu1 50 10 15 2000 250 0 1 1 20 2\nintr 1\n";
            let process = "7 (a (b) c) R 1 7 7 0 -1 4194304 1 2 3 4 600 50 7 8 20 0 1 0 9";
            let Some(time) = of_files(machine, process) else { panic!("it was not read") };
            assert_eq!((time.all, time.own, time.cores), (1.56, 6.5, 2));
            assert!(of_files("", process).is_none() && of_files(machine, "").is_none());
        }

        #[test]
        fn own_work_is_not_taken_for_that_of_others() {
            let time = |all, own| ProcessorTime { all, own, cores: 2 };
            assert_eq!(time(9.0, 3.0).others_since(&time(5.0, 2.0)), 3.0);
            // The two are counted apart and in ticks: of a process that is alone, its own time may grow by more.
            assert_eq!(time(6.0, 3.5).others_since(&time(5.0, 2.0)), 0.0);
        }

        #[test]
        fn times_grow_with_work() {
            let Some(before) = processor_time() else { panic!("this system tells no times") };
            let begin = std::time::Instant::now();
            let mut sum = 0_u64;
            while begin.elapsed().as_secs_f64() < 0.3 {
                sum = std::hint::black_box(sum.wrapping_mul(31) + 1);
            }
            let Some(now) = processor_time() else { panic!("this system tells no times") };
            assert!(now.own > before.own && now.all >= before.all);
        }
    }
}

#[cfg(target_vendor = "apple")]
mod platform {
    use std::ffi::{CStr, c_char, c_int, c_void};
    use std::ptr;

    use super::ProcessorTime;

    unsafe extern "C" {
        /// Of libSystem, which every program is linked with.
        fn sysctlbyname(
            name: *const c_char,
            old: *mut c_void,
            old_length: *mut usize,
            new: *const c_void,
            new_length: usize,
        ) -> c_int;
        fn getrusage(who: c_int, usage: *mut Usage) -> c_int;
    }

    /// `struct rusage`.
    #[repr(C)]
    #[derive(Default)]
    struct Usage {
        /// Two times, each of seconds and microseconds.
        times: [i64; 4],
        /// In bytes, unlike on Linux.
        max_resident: i64,
        others: [i64; 13],
    }

    /// This process, for `getrusage`.
    const SELF: c_int = 0;

    /// A value of the system by its name, as bytes; at most as many as a name or number takes.
    fn value(name: &CStr) -> Option<Vec<u8>> {
        let mut bytes = vec![0_u8; 256];
        let mut length = bytes.len();
        // SAFETY: the name ends with a zero, and `length` is that of the buffer, which the call does not write beyond.
        let status = unsafe {
            sysctlbyname(name.as_ptr(), bytes.as_mut_ptr().cast(), &raw mut length, ptr::null(), 0)
        };
        bytes.truncate(length);
        (status == 0).then_some(bytes)
    }

    pub(super) fn processor_name() -> Option<String> {
        let bytes = value(c"machdep.cpu.brand_string")?;
        Some(String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_owned())
    }

    pub(super) fn memory_bytes() -> Option<u64> {
        Some(u64::from_ne_bytes(value(c"hw.memsize")?.try_into().ok()?))
    }

    pub(super) fn peak_memory() -> Option<u64> {
        let mut usage = Usage::default();
        // SAFETY: the struct has the size of the system's, which the call fills.
        let status = unsafe { getrusage(SELF, &raw mut usage) };
        (status == 0).then(|| usage.max_resident.try_into().ok()).flatten()
    }

    pub(super) fn peak_memory_of(_: u32) -> Option<u64> {
        None
    }

    pub(super) fn processor_time() -> Option<ProcessorTime> {
        None
    }
}

#[cfg(windows)]
mod platform {
    use std::ffi::c_void;

    use super::ProcessorTime;

    /// `MEMORYSTATUSEX`.
    #[repr(C)]
    #[derive(Default)]
    struct MemoryStatus {
        length: u32,
        load: u32,
        total: u64,
        others: [u64; 6],
    }

    /// `PROCESS_MEMORY_COUNTERS`.
    #[repr(C)]
    #[derive(Default)]
    struct MemoryCounters {
        length: u32,
        page_faults: u32,
        peak_working_set: usize,
        others: [usize; 7],
    }

    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn K32GetProcessMemoryInfo(process: *mut c_void, counters: *mut MemoryCounters, length: u32) -> i32;
        fn GlobalMemoryStatusEx(status: *mut MemoryStatus) -> i32;
        fn GetSystemTimes(idle: *mut u64, kernel: *mut u64, user: *mut u64) -> i32;
        fn GetProcessTimes(
            process: *mut c_void,
            creation: *mut u64,
            exit: *mut u64,
            kernel: *mut u64,
            user: *mut u64,
        ) -> i32;
        fn GetCurrentProcess() -> *mut c_void;
    }

    /// Units of `FILETIME`, whose halves are in the order of a number of 64 bits, in a second.
    const UNITS: f64 = 1e7;

    pub(super) fn processor_name() -> Option<String> {
        std::env::var("PROCESSOR_IDENTIFIER").ok()
    }

    pub(super) fn memory_bytes() -> Option<u64> {
        let mut status = MemoryStatus { length: size_of::<MemoryStatus>() as u32, ..MemoryStatus::default() };
        // SAFETY: the struct is as large as it says, and the call writes nothing else.
        let done = unsafe { GlobalMemoryStatusEx(&raw mut status) };
        (done != 0).then_some(status.total)
    }

    pub(super) fn peak_memory() -> Option<u64> {
        let length = size_of::<MemoryCounters>() as u32;
        let mut counters = MemoryCounters { length, ..MemoryCounters::default() };
        // SAFETY: the struct is as large as it says, and the call writes nothing else; the handle of this process needs no closing.
        let done = unsafe { K32GetProcessMemoryInfo(GetCurrentProcess(), &raw mut counters, length) };
        (done != 0).then_some(counters.peak_working_set as u64)
    }

    pub(super) fn peak_memory_of(_: u32) -> Option<u64> {
        None
    }

    pub(super) fn processor_time() -> Option<ProcessorTime> {
        let cores = std::thread::available_parallelism().ok()?.get();
        let (mut idle, mut kernel, mut user) = (0, 0, 0);
        let (mut creation, mut exit, mut own_kernel, mut own_user) = (0, 0, 0, 0);
        // SAFETY: each pointer is to a number of 64 bits, which a `FILETIME` fills; the handle of this process needs no closing.
        let done = unsafe {
            GetSystemTimes(&raw mut idle, &raw mut kernel, &raw mut user) != 0
                && GetProcessTimes(
                    GetCurrentProcess(),
                    &raw mut creation,
                    &raw mut exit,
                    &raw mut own_kernel,
                    &raw mut own_user,
                ) != 0
        };
        // The kernel's time includes the idle one.
        let all = (kernel + user).saturating_sub(idle) as f64 / UNITS;
        done.then(|| ProcessorTime { all, own: (own_kernel + own_user) as f64 / UNITS, cores })
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple", windows)))]
mod platform {
    use super::ProcessorTime;

    pub(super) fn processor_name() -> Option<String> {
        None
    }

    pub(super) fn memory_bytes() -> Option<u64> {
        None
    }

    pub(super) fn peak_memory() -> Option<u64> {
        None
    }

    pub(super) fn peak_memory_of(_: u32) -> Option<u64> {
        None
    }

    pub(super) fn processor_time() -> Option<ProcessorTime> {
        None
    }
}
