//! Histories in files: formats, what is refused, public histories with their verdicts, pictures; and the lattice.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use quorate::consistency::{Budget, Consistency};
use quorate_histories::datum::Datum;
use quorate_histories::lattice::{self, Sizes};
use quorate_histories::{
    FailedCas, FileHistory, Finding, Judgement, ObjectKind, Reading, picture, read,
};

const BUDGET: Budget = Budget { steps: 10_000_000 };

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = vec![
        Trial::test(
            "one history in three formats has one verdict",
            one_history_in_three_formats,
        ),
        Trial::test(
            "a bad file is refused with its line",
            bad_files_are_refused_with_their_line,
        ),
        Trial::test(
            "what nests too deeply or never ends is refused",
            what_nests_too_deeply_is_refused,
        ),
        Trial::test("each object is told by its functions", objects_are_told),
        Trial::test(
            "a swap that is ok with false found another value",
            a_swap_that_is_ok_with_false_found_another_value,
        ),
        Trial::test(
            "an absent key may read as the empty text",
            absent_keys_may_read_as_the_empty_text,
        ),
        Trial::test(
            "a picture shows who overlaps whom",
            a_picture_shows_who_overlaps_whom,
        ),
        Trial::test(
            "all small histories show the lattice",
            small_histories_show_the_lattice,
        ),
    ];
    trials.extend(public_histories());
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn judged(text: &str, reading: &Reading) -> Result<Vec<Judgement>, Failed> {
    let history = read(text.as_bytes(), reading)?;
    Ok(history.judge(Consistency::Linearizable, BUDGET)?)
}

fn a_swap_that_is_ok_with_false_found_another_value() -> Result<(), Failed> {
    let swap = |value: &str| {
        format!(
            "{{\"process\": 0, \"type\": \"invoke\", \"f\": \"cas\", \"value\": [{value}, 1]}}\n\
             {{\"process\": 0, \"type\": \"ok\", \"f\": \"cas\", \"value\": false}}"
        )
    };
    for (expected, violated) in [("5", 0), ("null", 1)] {
        let judged = judged(&swap(expected), &Reading::default())?;
        assert_eq!(violations(&judged), violated, "{judged:?}");
    }
    Ok(())
}

fn violations(judged: &[Judgement]) -> usize {
    let violated = |judgement: &&Judgement| matches!(judgement.finding, Finding::Violated(_));
    judged.iter().filter(violated).count()
}

const JSON: &str = r#"
{"process": 0, "type": "invoke", "f": "write", "value": 1, "index": 0}
{"process": "nemesis", "type": "info", "f": "start-partition"}
{"process": 0, "type": "ok", "f": "write", "value": 1}
{"process": 1, "type": "invoke", "f": "cas", "value": [1, 2]}
{"process": 2, "type": "invoke", "f": "read", "value": null}
{"process": 2, "type": "ok", "f": "read", "value": 2}
{"process": 1, "type": "info", "f": "cas", "value": [1, 2]}
{"process": 2, "type": "invoke", "f": "read"}
{"process": 2, "type": "ok", "f": "read", "value": 1}
"#;

const EDN: &str = "
; the same
[{:process 0, :type :invoke, :f :write, :value 1, :index 0}
 {:process :nemesis, :type :info, :f :start-partition}
 #jepsen.history.Op{:process 0, :type :ok, :f :write, :value 1}
 {:process 1, :type :invoke, :f :cas, :value [1 2]} ; between them
 {:process 2, :type :invoke, :f :read, :value nil}
 {:process 2, :type :ok, :f :read, :value 2}
 {:process 1, :type :info, :f :cas, :value [1 2]}
 {:process 2, :type :invoke, :f :read}
 {:process 2, :type :ok,
  :f :read, :value 1}]
";

const LOG: &str = "
INFO  jepsen.core - Everything is up
INFO  jepsen.util - 0\t:invoke\t:write\t1
INFO  jepsen.util - :nemesis\t:info\t:start-partition\tnil
INFO  jepsen.util - 0\t:ok\t:write\t1
INFO  jepsen.util - 1   :invoke :cas    [1 2]
INFO  jepsen.util - 2\t:invoke\t:read\tnil
INFO  jepsen.util - 2\t:ok\t:read\t2
INFO  jepsen.util - 1\t:info\t:cas\t:timed-out
INFO  jepsen.util - 2\t:invoke\t:read\tnil
INFO  jepsen.util - 2\t:ok\t:read\t1
";

fn one_history_in_three_formats() -> Result<(), Failed> {
    let list = EDN.replacen('[', "(", 1);
    let list = list.trim_end().strip_suffix(']').expect("it ends so");
    let list = format!("{list})");
    let maps = EDN.replacen('[', "", 1);
    let maps = maps.trim_end().strip_suffix(']').expect("it ends so");
    let with_returns = JSON.replace('\n', "\r\n");
    let mut pictures = Vec::new();
    for text in [JSON, EDN, LOG, &list, maps, &with_returns] {
        let judged = judged(text, &Reading::default())?;
        match &judged[..] {
            [
                Judgement {
                    object: None,
                    operations: 4,
                    finding: Finding::Violated(operations),
                },
            ] => pictures.push(picture::text(operations)),
            other => return Err(format!("{text}: {other:?}").into()),
        }
    }
    pictures.dedup();
    match &pictures[..] {
        [_] => Ok(()),
        pictures => Err(pictures.join("\n\n").into()),
    }
}

fn bad_files_are_refused_with_their_line() -> Result<(), Failed> {
    let invoke = r#"{"process": 0, "type": "invoke", "f": "write", "value": 1}"#;
    let ok = r#"{"process": 0, "type": "ok", "f": "write", "value": 1}"#;
    let files: &[(&str, &str, &str)] = &[
        ("nothing", "", "the file has no events"),
        ("blank lines", "\n \n", "the file has no events"),
        ("some text", "\nhello\n", "line 2: neither JSON"),
        ("half a line", "{\"process\": 0, \"ty", "line 1: EOF"),
        (
            "no type",
            "{\"process\": 0, \"f\": \"read\"}",
            "line 1: missing field `type`",
        ),
        (
            "another type",
            "{\"process\": 0, \"type\": \"begin\", \"f\": \"read\"}",
            "line 1: an event's type is invoke, ok, fail or info, not begin",
        ),
        (
            "another function",
            "{\"process\": 0, \"type\": \"invoke\", \"f\": \"jump\"}",
            "line 1: no object here has the function jump",
        ),
        (
            "a process that is a list",
            "{\"process\": [], \"type\": \"invoke\", \"f\": \"read\"}",
            "line 1: a process is a number or a name",
        ),
        (
            "a time that is too late",
            "{\"process\": 0, \"type\": \"invoke\", \"f\": \"read\", \"time\": 18446744073709551615}",
            "line 1: a time is at most 4611686018427387904 nanoseconds",
        ),
        (
            "a return before all",
            ok,
            "line 1: process 0 ends an operation, and has invoked none",
        ),
        (
            "two invocations",
            &format!("{invoke}\n{invoke}"),
            "line 2: process 0 invokes an operation before the last one, of line 1, has ended",
        ),
        (
            "a function of another object",
            &format!("{invoke}\n{ok}\n{}", invoke.replace("write", "acquire")),
            "line 3: a register has no function acquire",
        ),
        (
            "a cas of one value",
            &invoke.replace("write", "cas"),
            "line 1: cas needs the expected and the new value",
        ),
        (
            "a cas of three values",
            &invoke.replace("write", "cas").replace('1', "[1, 2, 3]"),
            "line 1: cas needs the expected and the new value, not 3 values",
        ),
        (
            "a transaction that is a number",
            &invoke.replace("write", "txn"),
            "line 1: txn needs its reads and writes",
        ),
        (
            "a vector without an end",
            "[{:process 0, :type :invoke, :f :read}\n\n",
            "line 3: the file ends before its ']'",
        ),
        (
            "a map without an end",
            "[{:process 0, :type :invoke, :f :read}\n{:process 0",
            "line 2: not Clojure's notation: UnexpectedEOF",
        ),
        (
            "a vector in a vector",
            "[{:process 0, :type :invoke, :f :read}\n [1]]",
            "line 2: expected a map like {:process 1, …}, found '['",
        ),
        (
            "an event without a process",
            "{:type :invoke, :f :read}",
            "line 1: the event has no :process",
        ),
        (
            "a type that is a text",
            ";\n{:process 1, :type \"ok\", :f :read}",
            "line 2: its :type should be a keyword",
        ),
        (
            "half a line of a log",
            "INFO  jepsen.util - 3\t:invoke\n",
            "line 1: the function is missing",
        ),
        (
            "a type without its colon",
            "INFO  jepsen.util - 3\tinvoke\t:read\tnil\n",
            "line 1: invoke should be a keyword, like :invoke",
        ),
        (
            "more behind the value",
            "INFO  jepsen.util - 3\t:invoke\t:write\t1\t2\n",
            "line 1: there is more behind the value: 2",
        ),
    ];
    let mut wrong = String::new();
    for (name, text, expected) in files {
        match read(text.as_bytes(), &Reading::default()) {
            Ok(_) => writeln!(wrong, "{name}: read")?,
            Err(error) if error.to_string().starts_with(expected) => {}
            Err(error) => writeln!(wrong, "{name}: '{error}', and not '{expected}'")?,
        }
    }
    for text in [
        &b"{\"process\": \xff"[..],
        b"INFO\n\xff\n",
        b"{:process\n\xff}",
    ] {
        match read(text, &Reading::default()) {
            Err(error) if error.message == "this is not UTF-8" => {}
            other => writeln!(wrong, "bytes: {:?}", other.err())?,
        }
    }
    let initial = Reading {
        initial: Some(Datum::Integer(1)),
        object: Some(ObjectKind::Queue),
        ..Reading::default()
    };
    let queue = r#"{"process": 0, "type": "invoke", "f": "dequeue"}"#;
    if read(queue.as_bytes(), &initial).is_ok() {
        wrong.push_str("a queue with an initial value\n");
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.into()),
    }
}

fn what_nests_too_deeply_is_refused() -> Result<(), Failed> {
    let deep = "[".repeat(100_000);
    let json =
        format!("{{\"process\": 0, \"type\": \"invoke\", \"f\": \"write\", \"value\": {deep}");
    let edn = format!("{{:process 0, :type :invoke, :f :write, :value {deep}");
    let log = format!("INFO  jepsen.util - 3\t:invoke\t:write\t{deep}");
    for text in [json, edn, log] {
        match read(text.as_bytes(), &Reading::default()) {
            Err(error) if error.line == Some(1) => {}
            other => return Err(format!("{:?}", other.err()).into()),
        }
    }
    Ok(())
}

fn objects_are_told() -> Result<(), Failed> {
    let functions: &[(&str, &str)] = &[
        (":f :read", "register"),
        (":f :cas, :value [1 2]", "register"),
        (":f :write", "register"),
        (":f :txn, :value [[:r :x nil] [:w :y 1]]", "multi-register"),
        (":f :append, :value \"a\"", "map"),
        (":f :delete", "map"),
        (":f :add, :value 1", "counter"),
        (":f :add, :value \"a\"", "set"),
        (":f :remove, :value 1", "set"),
        (":f :dequeue", "queue"),
        (":f :release", "mutex"),
    ];
    for (function, object) in functions {
        let event = format!("{{:process 0, :type :invoke, {function}}}");
        let history = read(event.as_bytes(), &Reading::default())?;
        if history.object_kind() != *object {
            return Err(format!("{function}: {}", history.object_kind()).into());
        }
    }
    // What a read returns tells a set from a counter.
    let set = "{:process 0, :type :invoke, :f :add, :value 1} {:process 1, :type :invoke, :f :read}
               {:process 1, :type :ok, :f :read, :value #{1}}";
    let judged = judged(set, &Reading::default())?;
    match (
        &judged[..],
        read(set.as_bytes(), &Reading::default())?.object_kind(),
    ) {
        (
            [
                Judgement {
                    finding: Finding::Holds(_),
                    ..
                },
            ],
            "set",
        ) => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

fn absent_keys_may_read_as_the_empty_text() -> Result<(), Failed> {
    let empty = r#"{"process": 0, "type": "invoke", "f": "get", "key": "a"}
                   {"process": 0, "type": "ok", "f": "get", "key": "a", "value": ""}"#;
    let empty = empty.replace("\n  ", "\n");
    let nil = empty.replace("\"\"", "null");
    let both = format!("{empty}\n{nil}");
    for (text, expected) in [(empty, 0), (nil, 0), (both, 1)] {
        let judged = judged(&text, &Reading::default())?;
        if violations(&judged) != expected {
            return Err(format!("{text}: {judged:?}").into());
        }
    }
    Ok(())
}

fn a_picture_shows_who_overlaps_whom() -> Result<(), Failed> {
    let judged = judged(JSON, &Reading::default())?;
    let Finding::Violated(operations) = &judged[0].finding else {
        return Err("it is not linearizable".into());
    };
    let expected = "\
0  ├─ write 1 ─┤
1                ├──────── cas 1 2 ────────…
2                  ├─ read 2 ─┤ ├─ read 1 ─┤";
    let picture = picture::text(operations);
    let svg = picture::svg(&[("a <title>".into(), operations.clone())]);
    let drawing = roxmltree::Document::parse(&svg)?;
    let rectangles = drawing
        .descendants()
        .filter(|node| node.has_tag_name("rect"));
    match (picture == expected, rectangles.count()) {
        (true, 4) => Ok(()),
        _ => Err(format!("{picture}\n{svg}").into()),
    }
}

fn small_histories_show_the_lattice() -> Result<(), Failed> {
    let sizes = Sizes {
        timed: 4,
        untimed: 6,
        snapshots: 4,
    };
    let witnesses = lattice::witnesses(sizes);
    let relations = lattice::relations(&witnesses);
    let wrong = relations
        .iter()
        .filter(|relation| relation.finding != lattice::Finding::Shown);
    let wrong: Vec<String> = wrong.map(|relation| format!("{relation:?}")).collect();
    let drawing = lattice::svg();
    let drawing = roxmltree::Document::parse(&drawing)?;
    let names = drawing
        .descendants()
        .filter(|node| node.has_tag_name("text"));
    assert_eq!(names.count(), Consistency::ALL.len());
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.join("\n").into()),
    }
}

/// The directory of public histories: beside the repository, or where this variable says.
const PUBLIC: &str = "QUORATE_HISTORIES";

/// A test for each line of `verdicts.tsv`: file, model, consistency, whether it holds. Ignored where there is none.
fn public_histories() -> Vec<Trial> {
    let directory = match std::env::var_os(PUBLIC) {
        Some(directory) => PathBuf::from(directory),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/histories"),
    };
    let Ok(verdicts) = fs::read_to_string(directory.join("verdicts.tsv")) else {
        eprintln!(
            "Public histories are not judged: set {PUBLIC} to a directory with verdicts.tsv."
        );
        let name = "public histories have their verdicts";
        return vec![Trial::test(name, || Ok(())).with_ignored_flag(true)];
    };
    let lines = verdicts.lines().skip(1).map(str::to_owned);
    let trials = lines.map(move |line| {
        let directory = directory.clone();
        let name = format!(
            "{} has its verdict",
            line.split('\t').next().unwrap_or_default()
        );
        Trial::test(name, move || public_history(&directory, &line))
    });
    trials.collect()
}

fn public_history(directory: &Path, line: &str) -> Result<(), Failed> {
    let [file, model, "linearizable", holds] = line.split('\t').collect::<Vec<_>>()[..] else {
        return Err(format!("unknown: {line}").into());
    };
    let path = directory.join(file);
    let reading = |failed_cas| Reading {
        // The file says so in a comment.
        initial: (model == "multi-register").then_some(Datum::Integer(0)),
        failed_cas,
        object: None,
    };
    let read = |failed_cas| -> Result<Box<dyn FileHistory>, Failed> {
        let input = BufReader::new(File::open(&path)?);
        Ok(read(input, &reading(failed_cas))?)
    };
    let found = |failed_cas| -> Result<bool, Failed> {
        let history = read(failed_cas)?;
        let judged = history.judge(Consistency::Linearizable, BUDGET)?;
        let holds = history.satisfies(Consistency::Linearizable, BUDGET)?;
        assert!(judged.iter().all(|j| j.finding != Finding::Undecided));
        assert_eq!(
            holds,
            Some(violations(&judged) == 0),
            "with its reason and without"
        );
        Ok(violations(&judged) == 0)
    };
    let expected = holds == "yes";
    if found(FailedCas::NotDone)? != expected {
        return Err(format!("it is {}, expected {holds}", found(FailedCas::NotDone)?).into());
    }
    // In this one, a cas fails for another reason.
    if file != "knossos/cas-register-good-mongodb-v0-ack-rollback-2.edn"
        && found(FailedCas::FoundAnother)? != expected
    {
        return Err("a cas that failed found another value: the verdict is another".into());
    }
    Ok(())
}
