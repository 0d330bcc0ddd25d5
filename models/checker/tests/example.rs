//! The example is a model that is none of Quorate's, on the same command line.

use std::process::{Command, Output};

/// Runs the example, which cargo builds beside the tests.
fn light(arguments: &[&str]) -> Output {
    let mut program = std::env::current_exe().expect("a test is a program");
    program.pop();
    program.set_file_name("examples");
    program.push(format!("light{}", std::env::consts::EXE_SUFFIX));
    let output = Command::new(&program).args(arguments).output();
    output.unwrap_or_else(|error| {
        panic!(
            "{}: {error}; `cargo test` without --test builds it",
            program.display()
        )
    })
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

#[test]
fn a_model_of_somebody_elses_is_checked_with_its_claims_and_its_fairness() {
    let output = light(&["--format", "json"]);
    assert_eq!(code(&output), Some(0));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one object");
    assert_eq!(report["model"], "light");
    assert_eq!(report["states"]["unique"], 4);
    assert_eq!(report["exhausted"], true);
    assert_eq!(report["properties"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_claim_that_fails_is_exit_code_1_and_its_run_is_told_with_the_programs_own_name() {
    let output = light(&["check", "light", "--stuck", "true"]);
    assert_eq!(code(&output), Some(1));
    let told = String::from_utf8(output.stdout).expect("text");
    assert!(
        told.contains("green again and again: a counterexample"),
        "{told}"
    );
    assert!(
        told.contains("to see it: light explore light --instance default --stuck true"),
        "{told}"
    );
}

#[test]
fn its_mutant_is_found_and_another_is_wrong_usage_that_names_it() {
    assert_eq!(code(&light(&["mutants"])), Some(0));
    let output = light(&["mutants", "light", "--mutant", "blue"]);
    assert_eq!(code(&output), Some(2));
    let told = String::from_utf8(output.stderr).expect("text");
    assert!(told.contains("the known ones are: stuck"), "{told}");
}
