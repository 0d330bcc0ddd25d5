//! The checker's command line, from outside: output, exit codes, and what it says to bad input.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn models(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quorate-models"))
        .args(arguments)
        .output()
        .expect("the checker starts")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("the checker exits by itself")
}

fn json_lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    let parse = |line| serde_json::from_str(line).expect("each line is an object");
    text.lines().map(parse).collect()
}

/// Asserts wrong usage, and that what is said about it contains each of the parts.
fn assert_refused(arguments: &[&str], parts: &[&str]) {
    let output = models(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(code(&output), 2, "{arguments:?}: {said}");
    for part in parts {
        assert!(said.contains(part), "{arguments:?}: {said}");
    }
}

const SMALL: [&str; 4] = ["check", "two-phase-commit", "--instance", "small"];

#[test]
fn a_check_reports_one_json_object_with_all_its_fields() {
    let output = models(&[&SMALL[..], &["--format", "json"]].concat());
    assert_eq!(code(&output), 0);
    let [report] = &json_lines(&output)[..] else {
        panic!("one line");
    };
    assert_eq!(report["model"], "two-phase-commit");
    assert_eq!(report["instance"], "small");
    assert_eq!(report["parameters"]["participants"], 2);
    assert_eq!(report["parameters"]["crashes"], 1);
    assert_eq!(report["exhausted"], true);
    for count in ["unique", "generated", "depth"] {
        assert!(report["states"][count].as_u64() > Some(1), "{report}");
    }
    assert!(report["seconds"].is_number());
    let properties = report["properties"].as_array().expect("a list");
    assert!(properties.len() > 5);
    for property in properties {
        assert!(property["name"].is_string() && property["kind"].is_string());
        assert_eq!(property["expected"], property["holds"]);
        // What is expected to fail comes with a run that shows it.
        let fails = property["expected"] == false;
        assert_eq!(property["counterexample"].is_array(), fails);
    }
}

#[test]
fn a_mutant_reports_one_json_object_with_all_its_fields() {
    let output = models(&["mutants", "--mutant", "any-yes-commits", "--format", "json"]);
    assert_eq!(code(&output), 0);
    let [report] = &json_lines(&output)[..] else {
        panic!("one line");
    };
    assert_eq!(report["model"], "two-phase-commit");
    assert_eq!(report["mutant"], "any-yes-commits");
    assert_eq!(report["breaks"], "validity (AC3)");
    assert_eq!(report["instance"], "no-crash");
    assert_eq!(report["found"], true);
    assert!(report["steps"].as_u64() > Some(1));
    assert!(report["seconds"].is_number());
}

#[test]
fn a_mutants_report_is_a_run_that_a_person_can_read_and_says_where_to_see_it() {
    let output = models(&[
        "mutants",
        "two-phase-commit",
        "--mutant",
        "own-abort-not-forced",
    ]);
    let text = String::from_utf8_lossy(&output.stdout);
    for part in [
        "1 crashes",
        "loses Aborted(t1.1): it was not durable",
        "at the end:",
        "coordinator    epoch 1",
        "cargo models explore two-phase-commit --mutant own-abort-not-forced",
        "http://127.0.0.1:3000/#/steps/0/",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_model_checked_without_an_instance_reports_what_a_decision_costs_an_object_for_each_run() {
    // With no memory to search in the checks are not exhausted, and done at once.
    let check = ["check", "three-phase-commit", "--memory", "1"];
    let output = models(&[&check[..], &["--format", "json"]].concat());
    let costs = |line: &Value| line["messages"].is_number();
    let lines = json_lines(&output);
    let [commits, aborts] = &lines.into_iter().filter(costs).collect::<Vec<_>>()[..] else {
        panic!("two runs");
    };
    assert_eq!(commits["run"], "commits");
    assert_eq!(aborts["run"], "aborts");
    for cost in [commits, aborts] {
        assert_eq!(cost["model"], "three-phase-commit");
        assert_eq!(cost["processes"], "2 participants");
        for count in ["between_nodes", "delays", "forced", "lazy"] {
            assert!(cost[count].is_number(), "{cost}");
        }
    }
    let text = String::from_utf8_lossy(&models(&check).stdout).into_owned();
    for part in ["what a decision costs", "between nodes", "message delays"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_search_out_of_memory_is_exit_code_3_and_says_so_and_decides_nothing() {
    for engine in ["quorate", "stateright-bfs", "stateright-dfs"] {
        let large = ["check", "two-phase-commit", "--instance", "large"];
        let limit = ["--memory", "1", "--engine", engine];
        let output = models(&[&large[..], &limit, &["--format", "json"]].concat());
        assert_eq!(code(&output), 3, "{engine}");
        assert_eq!(json_lines(&output)[0]["exhausted"], false);
        assert_eq!(json_lines(&output)[0]["stopped"], "at the memory limit");
        let output = models(&[&large[..], &limit].concat());
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("UNDECIDED in large"), "{text}");
        assert!(!text.contains("NOT AS EXPECTED"), "{text}");
    }
}

#[test]
fn flags_mean_the_same_before_and_after_the_models_name() {
    let flags = ["--instance", "small", "--engine", "stateright-dfs"];
    let before = [
        &["check"],
        &flags[..],
        &["two-phase-commit", "--format", "json"],
    ]
    .concat();
    let after = [
        &["check", "two-phase-commit"],
        &flags[..],
        &["--format", "json"],
    ]
    .concat();
    for arguments in [before, after] {
        let reports = json_lines(&models(&arguments));
        assert_eq!(reports.len(), 1, "{arguments:?}");
        assert_eq!(reports[0]["instance"], "small");
        assert_eq!(reports[0]["engine"], "stateright-dfs");
    }
}

#[test]
fn assumptions_about_time_are_flags_and_parameters() {
    for (flags, timers, stabilises) in [
        (&["--timers", "accurate"][..], "accurate", false),
        (&["--stabilises"], "asynchronous", true),
    ] {
        let output = models(&[&SMALL[..], flags, &["--format", "json"]].concat());
        assert_eq!(code(&output), 0);
        let parameters = &json_lines(&output)[0]["parameters"];
        assert_eq!(parameters["timers"], timers);
        assert_eq!(parameters["stabilises"], stabilises);
    }
}

#[test]
fn partitions_are_flags_and_parameters_and_claims_take_them_into_account() {
    let heals = "healing of the network";
    for (flags, partitions, fair) in [
        (&["--heals", "false"][..], 0, false),
        (&["--partitions", "1"], 1, true),
        (&["--partitions", "1", "--heals", "false"], 1, false),
    ] {
        let output = models(&[&SMALL[..], flags, &["--format", "json"]].concat());
        assert_eq!(code(&output), 0, "{flags:?}");
        let report = &json_lines(&output)[0];
        assert_eq!(report["parameters"]["partitions"], partitions);
        assert_eq!(report["parameters"]["heals"], !flags.contains(&"--heals"));
        let fairness = report["fairness"].to_string();
        assert_eq!(fairness.contains(heals), fair, "{flags:?}: {fairness}");
    }
}

#[test]
fn an_instance_with_other_parameters_is_not_reported_under_its_name_alone() {
    let changed = ["--participants", "1", "--crashes", "0", "--format", "json"];
    let output = models(&[&SMALL[..], &changed].concat());
    assert_eq!(
        json_lines(&output)[0]["instance"],
        "small crashes=0 participants=1"
    );
}

#[test]
fn stateright_engines_report_the_same_counts_and_leave_out_properties_of_steps() {
    let ours = json_lines(&models(&[&SMALL[..], &["--format", "json"]].concat()));
    for engine in ["stateright-bfs", "stateright-dfs"] {
        let with = [&SMALL[..], &["--engine", engine, "--format", "json"]].concat();
        let output = models(&with);
        assert_eq!(code(&output), 0);
        let theirs = &json_lines(&output)[0];
        assert_eq!(theirs["states"]["unique"], ours[0]["states"]["unique"]);
        assert_eq!(
            theirs["states"]["generated"],
            ours[0]["states"]["generated"]
        );
        let kinds = theirs["properties"].as_array().expect("a list");
        assert!(
            kinds
                .iter()
                .all(|p| p["kind"] == "always" || p["kind"] == "sometimes")
        );
        let unchecked = theirs["unchecked"].as_array();
        assert!(unchecked.is_some_and(|names| names.len() > 1));
    }
}

#[test]
fn the_number_of_threads_does_not_change_the_report() {
    let report = |threads: &str| {
        let with = [&SMALL[..], &["--threads", threads, "--format", "json"]].concat();
        let mut report = json_lines(&models(&with)).remove(0);
        report["seconds"].take();
        report
    };
    assert_eq!(report("1"), report("4"));
}

#[test]
fn list_names_instances_and_mutants() {
    let output = models(&["list"]);
    assert_eq!(code(&output), 0);
    let text = String::from_utf8_lossy(&output.stdout);
    for name in ["two-phase-commit", "default", "large", "in-doubt-aborts"] {
        assert!(text.contains(name), "{name}: {text}");
    }
}

#[test]
fn unknown_names_list_the_known_ones() {
    assert_refused(
        &["check", "two-phase"],
        &["'two-phase'", "two-phase-commit"],
    );
    let instance = ["check", "two-phase-commit", "--instance", "tiny"];
    assert_refused(&instance, &["'tiny'", "small", "large"]);
    assert_refused(&["check", "--instance", "tiny"], &["'tiny'", "small"]);
    let mutant = ["mutants", "--mutant", "nothing"];
    assert_refused(&mutant, &["'nothing'", "in-doubt-aborts"]);
    assert_refused(
        &["mutants", "two-phase"],
        &["'two-phase'", "two-phase-commit"],
    );
    assert_refused(
        &["explore", "two-phase"],
        &["'two-phase'", "two-phase-commit"],
    );
    let explored = ["explore", "two-phase-commit", "--mutant", "nothing"];
    assert_refused(&explored, &["'nothing'", "in-doubt-aborts"]);
    assert_refused(
        &[&SMALL[..], &["--network", "pipe"]].concat(),
        &["pipe", "set", "fifo"],
    );
}

#[test]
fn parameters_that_make_no_sense_are_refused_with_the_reason() {
    let cases: &[(&[&str], &str)] = &[
        (&["--participants", "0"], "nobody to commit"),
        (&["--participants", "16"], "at most 15"),
        (&["--transactions", "0"], "nothing to do"),
        (
            &["--crashes", "9", "--down-max", "9"],
            "more than the 3 processes",
        ),
        (&["--crashes", "1", "--down-max", "0"], "can never happen"),
        (
            &["--crashes", "4", "--recovery", "false"],
            "without recovery",
        ),
        (
            &["--partitions", "2", "--heals", "false"],
            "give partitions 1",
        ),
        (
            &["--partitions", "1", "--heals", "false", "--stabilises"],
            "leave heals at true",
        ),
        (&["--copies-max", "2"], "no meaning on a set network"),
        (
            &["--network", "bag", "--copies-max", "0"],
            "lose every message",
        ),
        (&["--pending-max", "0"], "never let a process take an input"),
        (
            &["--timers", "accurate", "--stabilises", "true"],
            "accurate from the start",
        ),
        (
            &["--timers", "never", "--stabilises"],
            "timers never forbids it",
        ),
        (&["--framework", "actor-model"], "ActorModel"),
        (&["--crashes", "many"], "many"),
        (&["--memory", "0"], "0"),
        (&["--threads", "0"], "0"),
    ];
    for (flags, reason) in cases {
        assert_refused(&[&SMALL[..], flags].concat(), &[reason]);
    }
}

#[test]
fn flags_change_the_first_instance_of_a_model_that_has_none_called_default() {
    let output = models(&["check", "raft", "--terms", "1", "--format", "json"]);
    assert_eq!(code(&output), 0);
    let report = &json_lines(&output)[0];
    let instance = report["instance"].as_str().expect("a name");
    assert!(instance.starts_with("election "), "{report}");
    assert_eq!(report["parameters"]["terms"], 1);
}

#[test]
fn parameters_of_registers_and_the_ledger_that_make_no_sense_are_refused_with_the_reason() {
    let cases: &[(&[&str], &str)] = &[
        (&["registers", "--nodes", "0"], "at least 1"),
        (&["registers", "--nodes", "70"], "at most 16"),
        (&["registers", "--writers", "0"], "nothing to find"),
        (&["registers", "--rounds", "0"], "nobody write"),
        (
            &["registers", "--writers", "3", "--readers", "1"],
            "4 are more than the 3 nodes",
        ),
        (&["ledger", "--transfers", "3"], "give 1 to 2"),
        (
            &["ledger", "--crashes", "9", "--down-max", "9"],
            "3 processes",
        ),
    ];
    for (flags, reason) in cases {
        assert_refused(&[&["check"], *flags].concat(), &[reason]);
    }
    let mutant = ["explore", "ledger", "--mutant", "work-not-written"];
    let above_another = [&mutant[..], &["--instance", "synchronous"]].concat();
    assert_refused(&above_another, &["above two-phase commit"]);
}

#[test]
fn explore_says_where_it_serves_and_serves_the_model_there() {
    let mut explorer = Command::new(env!("CARGO_BIN_EXE_quorate-models"))
        .args(["explore", "two-phase-commit", "--address", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the checker starts");
    let stdout = explorer.stdout.take().expect("a pipe");
    let mut said = String::new();
    BufReader::new(stdout)
        .read_line(&mut said)
        .expect("it says where it serves");
    let host = said
        .trim()
        .trim_start_matches("http://")
        .trim_end_matches('/');
    // It says so before it serves.
    let mut connection = loop {
        if let Ok(connection) = TcpStream::connect(host) {
            break connection;
        }
        assert!(matches!(explorer.try_wait(), Ok(None)), "it serves on");
        std::thread::yield_now();
    };
    write!(
        connection,
        "GET /.status HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .expect("it listens");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("it answers");
    explorer.kill().expect("it is there");
    explorer.wait().expect("it ends");
    assert!(answer.contains("agreement (AC1)"), "{answer}");
}

#[test]
fn explore_refuses_an_address_that_is_in_use_or_none_and_asks_for_another() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it has one").to_string();
    let explore = |address| ["explore", "two-phase-commit", "--address", address];
    assert_refused(&explore(&address), &[&address, "another port"]);
    assert_refused(&explore("nowhere"), &["nowhere", "host and a port"]);
}

#[test]
fn a_mutant_is_not_explored_in_a_framework_that_it_does_not_live_in() {
    let explore = ["explore", "two-phase-commit", "--mutant", "any-yes-commits"];
    let framework = ["--instance", "actor-model"];
    assert_refused(&[&explore[..], &framework].concat(), &["own environment"]);
}

#[test]
fn fingerprints_of_128_bits_count_the_same_states_with_less_doubt() {
    let reports = ["64", "128"].map(|bits| {
        let output = models(&[&SMALL[..], &["--format", "json", "--fingerprint", bits]].concat());
        assert_eq!(code(&output), 0);
        json_lines(&output).remove(0)
    });
    assert_eq!(reports[0]["states"], reports[1]["states"]);
    let chance = |report: &Value| report["collision_chance"].as_f64().expect("a number");
    assert!(chance(&reports[0]) < 1e-9);
    assert!(chance(&reports[1]) < chance(&reports[0]) * 1e-18);
    assert_refused(&["check", "--fingerprint", "96"], &["96", "64", "128"]);
}

/// Too large to be exhausted in a second, or in ten.
const ENDLESS: [&str; 16] = [
    "check",
    "two-phase-commit",
    "--participants",
    "6",
    "--transactions",
    "3",
    "--crashes",
    "3",
    "--down-max",
    "3",
    "--drops",
    "3",
    "--timers",
    "never",
    "--format",
    "json",
];

#[test]
fn a_search_out_of_time_is_not_exhausted_and_says_how_far_it_came() {
    let output = models(&[&ENDLESS[..], &["--time", "1"]].concat());
    assert_eq!(code(&output), 3);
    let report = json_lines(&output).remove(0);
    assert_eq!(report["exhausted"], false);
    assert_eq!(report["stopped"], "at the time limit");
    assert!(report["states"]["unique"].as_u64() > Some(100));
    let undecided = |p: &Value| p["holds"].is_null();
    assert!(
        report["properties"]
            .as_array()
            .expect("a list")
            .iter()
            .any(undecided)
    );
    assert_refused(&["check", "--time", "0"], &["--time"]);
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_a_search_which_still_reports() {
    let mut checker = Command::new(env!("CARGO_BIN_EXE_quorate-models"))
        .args(ENDLESS)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the checker starts");
    // Its first line says that the search is under way.
    let mut progress = BufReader::new(checker.stderr.take().expect("it is piped"));
    let mut line = String::new();
    progress.read_line(&mut line).expect("it writes lines");
    assert!(line.contains("states"), "{line}");
    let interrupt = Command::new("kill")
        .args(["-INT", &checker.id().to_string()])
        .status();
    assert!(interrupt.expect("kill starts").success());
    let mut rest = String::new();
    progress.read_to_string(&mut rest).expect("it ends");
    let output = checker.wait_with_output().expect("the checker ends");
    assert_eq!(code(&output), 3);
    let report = json_lines(&output).remove(0);
    assert_eq!(report["exhausted"], false);
    assert_eq!(report["stopped"], "when it was interrupted");
}

#[test]
fn a_claim_about_fair_runs_comes_with_its_fairness_and_a_run_that_goes_on_for_ever() {
    let check = ["check", "two-phase-commit", "--instance", "gone-for-good"];
    let output = models(&[&check[..], &["--format", "json"]].concat());
    assert_eq!(code(&output), 0);
    let report = json_lines(&output).remove(0);
    let fairness = report["fairness"].as_array().expect("a list");
    assert!(
        fairness
            .iter()
            .all(|f| f["name"].is_string() && f["strength"] == "weak")
    );
    let properties = report["properties"].as_array().expect("a list");
    let blocks = properties
        .iter()
        .find(|p| p["kind"] == "leads to" && p["holds"] == false);
    let blocks = blocks.expect("two-phase commit blocks");
    let steps = blocks["counterexample"].as_array().expect("a run").len();
    assert_eq!(blocks["cycle"].as_u64(), Some(steps as u64));
    let text = models(&check);
    let text = String::from_utf8_lossy(&text.stdout);
    for part in [
        "fairness of delivery",
        "(weak)",
        "for ever nothing",
        "explore two-phase-commit",
    ] {
        assert!(text.contains(part), "{part:?} is in {text}");
    }
}

/// Judges a history that comes by standard input.
fn history(events: &str, arguments: &[&str]) -> Output {
    let mut process = Command::new(env!("CARGO_BIN_EXE_quorate-models"))
        .args([&["history", "-"], arguments].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the checker starts");
    let mut input = process.stdin.take().expect("it is piped");
    // It may refuse the first line and read no more.
    let _ = input.write_all(events.as_bytes());
    drop(input);
    process.wait_with_output().expect("the checker exits")
}

/// Two processes write and read; the last read returns this value.
fn events(read: &str) -> String {
    let event = |process, kind, f, value| {
        format!("{{:process {process}, :type {kind}, :f {f}, :value {value}}}\n")
    };
    [
        event(0, ":invoke", ":write", "1"),
        event(0, ":ok", ":write", "1"),
        event(1, ":invoke", ":read", "nil"),
        event(1, ":ok", ":read", read),
    ]
    .concat()
}

#[test]
fn a_history_that_holds_is_exit_code_0_and_one_that_does_not_is_1_with_a_picture() {
    let holds = history(&events("1"), &[]);
    assert_eq!(code(&holds), 0, "{holds:?}");
    let violated = history(&events("nil"), &[]);
    assert_eq!(code(&violated), 1, "{violated:?}");
    let said = String::from_utf8_lossy(&violated.stdout);
    let expected = "\
-: register, 2 operations, 2 processes
  not linearizable
    0  ├─ write 1 ─┤
    1                ├─ read nil ─┤
";
    assert_eq!(said, expected);
    let sequential = history(&events("nil"), &["--consistency", "sequential"]);
    assert_eq!(code(&sequential), 0, "{sequential:?}");
}

#[test]
fn a_history_is_undecided_where_steps_do_not_suffice_and_refused_where_it_is_none() {
    let overlapping: String = (0..9)
        .map(|process| format!("{{:process {process}, :type :invoke, :f :cas, :value [nil 2]}}\n"))
        .chain((0..9).map(|process| format!("{{:process {process}, :type :ok, :f :cas}}\n")))
        .collect();
    let undecided = history(&format!("{overlapping}{}", events("1")), &["--steps", "0"]);
    assert_eq!(code(&undecided), 3, "{undecided:?}");
    let refused = history("{:process 0, :type :invoke, :f :read}\n[", &[]);
    assert_eq!(code(&refused), 2, "{refused:?}");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("-:2: the file ends before its ']'"), "{said}");
    assert_refused(&["history", "/no/such/file"], &["/no/such/file"]);
    assert_refused(&["history"], &["FILE"]);
    assert_refused(
        &["history", "-", "--consistency", "strong"],
        &["linearizable", "all"],
    );
}

#[test]
fn a_stale_read_is_as_stale_as_the_least_of_a_family_says() {
    let event = |process, kind, f, value, time| {
        format!(
            "{{\"process\":{process},\"type\":\"{kind}\",\"f\":\"{f}\",\"value\":{value},\"time\":{time}}}\n"
        )
    };
    let events = [
        event(0, "invoke", "write", "1", 0),
        event(0, "ok", "write", "1", 10),
        event(0, "invoke", "write", "2", 20),
        event(0, "ok", "write", "2", 30),
        event(1, "invoke", "read", "null", 40),
        event(1, "ok", "read", "1", 50),
    ];
    let events = events.concat();
    let judged = |events: &str, arguments: &str| {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let output = history(events, &[&arguments[..], &["--format", "json"]].concat());
        (code(&output), json_lines(&output).pop().unwrap_or_default())
    };
    for (arguments, exit, field, expected) in [
        ("--consistency k-atomic", 0, "least", serde_json::json!(2)),
        (
            "--consistency k-atomic --k 2",
            0,
            "consistency",
            "2-atomic".into(),
        ),
        (
            "--consistency k-atomic --k 1",
            1,
            "verdict",
            "violated".into(),
        ),
        ("--consistency delta-atomic", 0, "least", 10.into()),
        (
            "--consistency delta-atomic --delta 10",
            0,
            "verdict",
            "holds".into(),
        ),
        (
            "--consistency delta-atomic --delta 9",
            1,
            "verdict",
            "violated".into(),
        ),
    ] {
        let (exit_code, judged) = judged(&events, arguments);
        assert_eq!(
            (exit_code, &judged[field]),
            (exit, &expected),
            "{arguments}: {judged}"
        );
    }
    // Nothing explains a read of what nobody has written.
    let unwritten = events.replace("\"value\":1,\"time\":50", "\"value\":3,\"time\":50");
    for family in ["k-atomic", "delta-atomic"] {
        let (exit_code, judged) = judged(&unwritten, &format!("--consistency {family}"));
        assert_eq!((exit_code, &judged["least"]), (1, &Value::Null), "{judged}");
    }
    for (events, arguments, part) in [
        (&events, "--k 2", "--consistency k-atomic only"),
        (&events, "--delta 2", "--consistency delta-atomic only"),
        (&events, "--consistency k-atomic --k 0", "--k"),
        (
            &events.replace(",\"time\":20", ""),
            "--consistency delta-atomic",
            "not every event has its time",
        ),
        (
            &events
                .replace("write", "acquire")
                .replace("read", "release"),
            "--consistency k-atomic",
            "k-atomic is about registers",
        ),
    ] {
        let output = history(events, &arguments.split(' ').collect::<Vec<_>>());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(code(&output), 2, "{arguments}: {output:?}");
        assert!(said.contains(part), "{arguments}: {said}");
    }
}

#[test]
fn the_history_on_the_page_on_consistency_satisfies_what_the_page_says() {
    let page = include_str!("../../docs/consistency.md");
    let (_, events) = page.split_once("<<'END'\n").expect("a history");
    let (events, after) = events.split_once("END\n").expect("its end");
    let output = history(events, &["--consistency", "all"]);
    assert_eq!(code(&output), 0, "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout);
    let (_, strongest) = said.split_once("strongest: ").expect("a list of models");
    let told = after.replace('\n', " ");
    assert!(
        told.contains(&format!("history: {}.", strongest.trim())),
        "{said}"
    );
    let output = history(events, &["--consistency", "sequential"]);
    assert_eq!(code(&output), 1, "{output:?}");
}

#[test]
fn a_history_is_said_to_satisfy_the_strongest_models() {
    let output = history(
        &events("nil"),
        &["--consistency", "all", "--format", "json"],
    );
    assert_eq!(code(&output), 0, "{output:?}");
    let judged = &json_lines(&output)[0];
    assert_eq!(
        judged["strongest"],
        serde_json::json!(["sequential"]),
        "{judged}"
    );
    let output = history(&events("nil"), &["--format", "json"]);
    let judged = &json_lines(&output)[0];
    assert_eq!(judged["verdict"], "violated");
    assert_eq!(judged["violation"][1]["operation"], "read nil");
}

#[test]
fn the_lattice_has_no_arrow_that_a_small_history_refutes() {
    let sizes = [
        "--timed",
        "3",
        "--untimed",
        "4",
        "--snapshots",
        "3",
        "--format",
        "json",
    ];
    let output = models(&[&["lattice"], &sizes[..]].concat());
    // Larger histories tell all models apart.
    assert_eq!(code(&output), 3, "{output:?}");
    let relations = json_lines(&output);
    assert!(
        relations
            .iter()
            .all(|relation| relation["finding"] != "refuted")
    );
    let arrow = relations
        .iter()
        .find(|relation| relation["model"] == "sequential" && relation["other"] == "linearizable");
    let history = &arrow.expect("all pairs")["history"];
    assert_eq!(history.as_array().map(Vec::len), Some(2), "{history}");
}
