//! A spec without one of its actions.

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
