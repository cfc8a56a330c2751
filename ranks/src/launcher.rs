//! What a launcher's environment says of the processes that it started.

/// Environment variable that names MPI's library, or says `off` for a process that is to work alone.
pub(crate) const LIBRARY: &str = "ALAMBIC_MPI";

/// The launchers that are known by their environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `mpirun` of Open MPI.
    OpenMpi,
    /// `mpirun` of MPICH and its relatives, and whatever else speaks PMI, as `srun --mpi=pmi2` does.
    Pmi,
    /// `srun`, of which it is not known what it speaks.
    Slurm,
}

impl Kind {
    /// Its variables: processes, the number of this one, processes on this machine, and the number of this one there.
    fn variables(self) -> [&'static [&'static str]; 4] {
        match self {
            Self::OpenMpi => [
                &["OMPI_COMM_WORLD_SIZE"],
                &["OMPI_COMM_WORLD_RANK"],
                &["OMPI_COMM_WORLD_LOCAL_SIZE"],
                &["OMPI_COMM_WORLD_LOCAL_RANK"],
            ],
            Self::Pmi => [
                &["PMI_SIZE"],
                &["PMI_RANK"],
                &["MPI_LOCALNRANKS", "PALS_LOCAL_SIZE"],
                &["MPI_LOCALRANKID", "PALS_LOCAL_RANKID", "SLURM_LOCALID"],
            ],
            // `SLURM_NTASKS` is that of a whole allocation, within which a process may run alone.
            Self::Slurm => [
                &["SLURM_STEP_NUM_TASKS"],
                &["SLURM_PROCID"],
                &["SLURM_STEP_TASKS_PER_NODE"],
                &["SLURM_LOCALID"],
            ],
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OpenMpi => "Open MPI's launcher",
            Self::Pmi => "a launcher of MPICH's kind",
            Self::Slurm => "Slurm",
        }
    }
}

/// What a launcher's environment says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launcher {
    pub(crate) kind: Kind,
    /// Processes that it started.
    pub(crate) count: usize,
    /// The number of this one.
    pub(crate) rank: usize,
    placement: Placement,
    /// Whether it offers what Open MPI wants of a launcher, PMI for exascale.
    pub(crate) has_pmix: bool,
}

/// Place of a process among those of its machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Placement {
    /// Its number there, from 0; none where the launcher does not say.
    pub rank: Option<usize>,
    /// Processes there; none where the launcher does not say.
    pub count: Option<usize>,
}

impl Placement {
    /// Threads for this process, so that those of its machine do not compute on the same processors; none where the launcher
    /// does not say how many there are, or has bound each to processors of its own.
    #[must_use]
    pub fn threads(&self) -> Option<usize> {
        let (count, own) = (self.count?, std::thread::available_parallelism().ok()?.get());
        let all = processors().unwrap_or(own).max(own);
        (own * count > all).then(|| (all / count).clamp(1, own))
    }
}

/// Processors of the machine, whichever this process may use; none where the system does not say.
fn processors() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    let is_one = |line: &&str| {
        line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    Some(text.lines().filter(is_one).count()).filter(|count| *count > 0)
}

impl Launcher {
    /// What the environment says; none of a process that was started alone.
    pub(crate) fn detect(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let number = |names: &[&str]| -> Option<usize> {
            let text = names.iter().find_map(|name| variable(name))?;
            // Slurm writes `4(x2)` for four processes on each of two machines.
            text.split(['(', ',']).next()?.trim().parse().ok()
        };
        let started = |kind: Kind| {
            let [count, rank, local_count, local_rank] = kind.variables().map(number);
            let placement = Placement { rank: local_rank, count: local_count };
            let has_pmix = variable("PMIX_RANK").is_some();
            Some(Self { kind, count: count?, rank: rank.unwrap_or(0), placement, has_pmix })
        };
        // Within an allocation of Slurm's, another launcher has started the process where it says so.
        let launcher = [Kind::OpenMpi, Kind::Pmi, Kind::Slurm].into_iter().find_map(started)?;
        (launcher.count > 1).then_some(launcher)
    }

    /// What the environment of this process says; none of a process that was started alone, or is to work alone.
    #[must_use]
    pub fn of_environment() -> Option<Self> {
        let variable = |name: &str| std::env::var(name).ok();
        if variable(LIBRARY).is_some_and(|library| library == "off") {
            return None;
        }
        Self::detect(variable)
    }

    /// Where this process is among those of its machine.
    #[must_use]
    pub fn placement(&self) -> Placement {
        self.placement
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Option<Launcher> {
        Launcher::detect(|name| {
            variables.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn launchers_are_known_by_their_variables() {
        let found = of(&[
            ("OMPI_COMM_WORLD_SIZE", "4"),
            ("OMPI_COMM_WORLD_RANK", "3"),
            ("OMPI_COMM_WORLD_LOCAL_RANK", "1"),
            ("SLURM_STEP_NUM_TASKS", "1"),
            ("PMIX_RANK", "3"),
        ])
        .unwrap();
        assert_eq!((found.kind, found.count, found.rank, found.has_pmix), (Kind::OpenMpi, 4, 3, true));
        assert_eq!(found.placement(), Placement { rank: Some(1), count: None });
        let found = of(&[("PMI_SIZE", "2"), ("PMI_RANK", "1"), ("MPI_LOCALNRANKS", "2")]).unwrap();
        assert_eq!((found.kind, found.count, found.rank), (Kind::Pmi, 2, 1));
        let tasks =
            [("SLURM_STEP_NUM_TASKS", "8"), ("SLURM_PROCID", "5"), ("SLURM_STEP_TASKS_PER_NODE", "4(x2)")];
        let found = of(&tasks).unwrap();
        assert_eq!((found.kind, found.count, found.placement().count), (Kind::Slurm, 8, Some(4)));
    }

    #[test]
    fn process_started_alone_has_no_launcher() {
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("OMPI_COMM_WORLD_SIZE", "1"), ("OMPI_COMM_WORLD_RANK", "0")]), None);
        // Within a script that an allocation of four tasks runs.
        assert_eq!(of(&[("SLURM_NTASKS", "4"), ("SLURM_PROCID", "0")]), None);
    }
}
