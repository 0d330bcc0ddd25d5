//! A spec without one of its actions, or without the fairness of one, or with another rule.

/// How the spec says that an action is fair, weakly or strongly.
const FAIR: [&str; 2] = ["WF_vars(", "SF_vars("];

/// The actions of a spec: the names in the disjuncts of `Next`.
///
/// # Panics
///
/// If `Next` is not a list of one action per line.
pub fn actions(spec: &str) -> Vec<String> {
    let disjuncts = next(spec).into_iter();
    disjuncts.map(|line| action(line).to_owned()).collect()
}

/// The spec with FALSE in place of an action, which so never happens.
pub fn without(spec: &str, removed: &str) -> String {
    let mut disjuncts = next(spec).into_iter();
    let disjunct = disjuncts.find(|line| action(line) == removed);
    let disjunct = disjunct.unwrap_or_else(|| panic!("Next has no action {removed}"));
    spec.replace(&format!("{disjunct}\n"), "  \\/ FALSE\n")
}

/// The actions that a spec assumes to be fair: the names in its `WF_vars(Name…)` and `SF_vars(Name…)`.
pub fn fair_actions(spec: &str) -> Vec<String> {
    let name = |formula: &str| fair_action(formula).to_owned();
    fairness(spec).into_iter().map(name).collect()
}

/// The spec with TRUE in place of what it assumes of an action, which so need not happen.
pub fn without_fairness(spec: &str, unfair: &str) -> String {
    let mut formulas = fairness(spec).into_iter();
    let formula = formulas.find(|formula| fair_action(formula) == unfair);
    let formula = formula.unwrap_or_else(|| panic!("Fairness has no action {unfair}"));
    spec.replace(formula, "TRUE")
}

/// The spec with something else in place of a rule.
///
/// # Panics
///
/// If the spec does not have these words once.
pub fn changed(spec: &str, rule: &str, by: &str) -> String {
    assert_eq!(spec.matches(rule).count(), 1, "{rule}");
    spec.replace(rule, by)
}

/// Each `WF_vars(Name…)` and `SF_vars(Name…)`. It is the last on its line.
fn fairness(spec: &str) -> Vec<&str> {
    let start = |line: &str| FAIR.iter().find_map(|fair| line.find(fair));
    let formulas = (spec.lines()).filter_map(|line| start(line).map(|at| &line[at..]));
    formulas.collect()
}

fn fair_action(formula: &str) -> &str {
    let call = &formula[FAIR[0].len()..];
    call.split(['(', ')']).next().unwrap_or(call)
}

/// The disjuncts of `Next`, line by line.
fn next(spec: &str) -> Vec<&str> {
    let lines = spec.lines().skip_while(|line| *line != "Next ==").skip(1);
    let disjuncts: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
    assert!(!disjuncts.is_empty(), "no Next == in the spec");
    disjuncts
}

/// `Name` in `\/ \E variable \in Set : Name(variable)` or in `\/ Name`.
fn action(disjunct: &str) -> &str {
    let malformed = || panic!("no disjunct of one action: {disjunct}");
    let disjunct = disjunct
        .trim()
        .strip_prefix(r"\/ ")
        .unwrap_or_else(malformed);
    let call = disjunct
        .rsplit_once(" : ")
        .map_or(disjunct, |(_, call)| call);
    let name = call.split('(').next().unwrap_or(call);
    assert!(name.chars().all(char::is_alphanumeric), "{disjunct}");
    name
}
