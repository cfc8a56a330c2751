use indexmap::IndexMap;

/// What a suite is made of, as far as its values are concerned.
#[derive(Debug, Clone, PartialEq)]
pub struct SuiteSpec {
    /// Its name.
    pub name: String,
    /// Code of the language of the training data.
    pub source: String,
    /// What the mean over all tasks is taken over.
    pub mean_over: MeanOver,
    /// Languages that no average counts.
    pub average_without: Vec<String>,
    /// The tasks by name, in order.
    pub tasks: IndexMap<String, TaskSpec>,
}

/// What the mean over all tasks is taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MeanOver {
    /// The scores of all tasks.
    Tasks,
    /// The means of all groups of tasks.
    Groups,
    /// Nothing: the benchmark has no such mean.
    Nothing,
}

/// A task of a suite.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TaskSpec {
    /// The group that it belongs to.
    pub group: Option<String>,
    /// Codes of the languages that its averages are taken over.
    pub languages: Vec<String>,
    /// The metrics whose averages make its score.
    pub metrics: Vec<String>,
    /// Metrics that are shown beside them.
    pub shown: Vec<String>,
    /// Whether its score is the mean of its metrics; else it has none, and counts in no mean.
    pub averages_metrics: bool,
    /// How it is scored, in sentences for the report: order of labels, files.
    pub notes: Vec<String>,
}

impl SuiteSpec {
    /// The names of the groups in the order in which tasks first name them.
    pub(super) fn groups(&self) -> Vec<&str> {
        let mut groups: Vec<&str> = Vec::new();
        for group in self.tasks.values().filter_map(|task| task.group.as_deref()) {
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        groups
    }
}
