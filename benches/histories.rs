//! Judging histories: how long it takes, parsing included, and how much memory.
//!
//! * A register's 1,000,000 operations of 100 sessions, each value written once, right and with one violation near the end.
//! * Public histories of etcd, all together, where they are there (see `tests/histories`).
//! * One history that Stateright's tester finishes, by both.
//!
//! Memory is counted by the allocator: the peak while a history is read and judged.

use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};

use criterion::{Criterion, Throughput};
use peak_alloc::PeakAlloc;
use quorate::consistency::{
    Budget, Call, Consistency, History, Register, RegisterRequest, RegisterResponse, satisfies,
};
use quorate_histories::{Finding, Reading, read};
use stateright::semantics::register::{Register as Sequential, RegisterOp, RegisterRet};
use stateright::semantics::{ConsistencyTester, LinearizabilityTester};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const BUDGET: Budget = Budget { steps: 10_000_000 };
const SESSIONS: u32 = 100;
const OPERATIONS: usize = 1_000_000;

/// Something that happens at a session.
enum Event {
    Invoke(RegisterRequest<u32>),
    Return(RegisterRequest<u32>, RegisterResponse<u32>),
}

/// Calls `then` with the events of a register's history, in which each value is written once. An operation takes effect when it
/// is invoked or when it returns. With a violation, a read near the end returns the value of the first write.
fn history(sessions: u32, operations: usize, is_wrong: bool, mut then: impl FnMut(u32, Event)) {
    let mut random = fastrand::Rng::with_seed(22);
    let mut pending = vec![None; sessions as usize];
    let (mut invoked, mut returned, mut holds) = (0, 0, 0);
    let mut violations = usize::from(is_wrong);
    while returned < operations {
        let session = random.u32(..sessions);
        match pending[session as usize].take() {
            None if invoked < operations => {
                invoked += 1;
                let request = match random.bool() {
                    true => RegisterRequest::Write(invoked as u32),
                    false => RegisterRequest::Read,
                };
                let effect = random.bool().then(|| effect(&request, &mut holds));
                then(session, Event::Invoke(request.clone()));
                pending[session as usize] = Some((request, effect));
            }
            None => {}
            Some((request, response)) => {
                returned += 1;
                let mut response = response.unwrap_or_else(|| effect(&request, &mut holds));
                let is_near_the_end = returned > operations - operations / 100;
                if let RegisterResponse::Value(value) = &mut response
                    && is_near_the_end
                    && violations > 0
                {
                    violations -= 1;
                    *value = FIRST;
                }
                then(session, Event::Return(request, response));
            }
        }
    }
}

/// The value that is written first.
const FIRST: u32 = 1;

fn effect(request: &RegisterRequest<u32>, holds: &mut u32) -> RegisterResponse<u32> {
    match request {
        RegisterRequest::Write(value) => {
            *holds = *value;
            RegisterResponse::Written
        }
        _ => RegisterResponse::Value(*holds),
    }
}

/// The history as lines of JSON.
fn lines(sessions: u32, operations: usize, is_wrong: bool) -> String {
    let mut text = String::new();
    history(sessions, operations, is_wrong, |session, event| {
        let (kind, request, value) = match &event {
            Event::Invoke(request) => ("invoke", request, None),
            Event::Return(request, RegisterResponse::Value(value)) => ("ok", request, Some(value)),
            Event::Return(request, _) => ("ok", request, None),
        };
        let (function, value) = match request {
            RegisterRequest::Write(value) => ("write", Some(value)),
            _ => ("read", value),
        };
        // The initial value is no value.
        let value = value.filter(|value| **value > 0);
        let value = value.map_or("null".into(), ToString::to_string);
        writeln!(
            text,
            r#"{{"process":{session},"type":"{kind}","f":"{function}","value":{value}}}"#
        )
        .expect("a string takes everything");
    });
    text
}

/// Whether a history of a file is linearizable, with its reason.
fn judged(text: &[u8]) -> bool {
    let history = read(text, &Reading::default()).expect("it is a history");
    let judged = history.judge(Consistency::Linearizable, BUDGET);
    let judged = judged.expect("of all objects");
    assert!(judged.iter().all(|j| j.finding != Finding::Undecided));
    judged
        .iter()
        .all(|j| matches!(j.finding, Finding::Holds(_)))
}

fn large(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a register's history, each value written once");
    group.sample_size(10);
    group.throughput(Throughput::Elements(OPERATIONS as u64));
    for (name, is_wrong) in [("right", false), ("a violation near the end", true)] {
        let text = lines(SESSIONS, OPERATIONS, is_wrong);
        ALLOCATOR.reset_peak_usage();
        let before = ALLOCATOR.current_usage();
        assert_eq!(judged(text.as_bytes()), !is_wrong);
        let peak = ALLOCATOR.peak_usage() - before;
        println!(
            "{name}: {OPERATIONS} operations of {SESSIONS} sessions, {} MB of JSON, at most {} MiB of memory",
            text.len() / 1_000_000,
            peak >> 20
        );
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(judged(black_box(text.as_bytes()))));
        });
    }
    group.finish();
}

/// Where public histories are, if they are there.
fn public() -> Option<PathBuf> {
    let directory = match std::env::var_os("QUORATE_HISTORIES") {
        Some(directory) => PathBuf::from(directory),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/histories"),
    };
    Some(directory.join("etcd")).filter(|directory| directory.is_dir())
}

fn etcd(criterion: &mut Criterion) {
    let Some(directory) = public() else {
        eprintln!("Public histories are not judged: set QUORATE_HISTORIES to their directory.");
        return;
    };
    let files = fs::read_dir(directory).expect("it can be read");
    let paths: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    let name = format!("{} logs of etcd, files included", paths.len());
    criterion.bench_function(&name, |bencher| {
        bencher.iter(|| {
            let texts = paths.iter().map(|path| fs::read(path).expect("a file"));
            texts.filter(|text| judged(text)).count()
        });
    });
}

/// A history that Stateright's tester finishes: it has no memo table.
fn beside_stateright(criterion: &mut Criterion) {
    const SESSIONS: u32 = 4;
    const OPERATIONS: usize = 100;
    let mut ours = History::new();
    let mut theirs = LinearizabilityTester::new(Sequential(0));
    history(SESSIONS, OPERATIONS, false, |session, event| match event {
        Event::Invoke(request) => {
            ours.invoke(session, 0, request.clone())
                .expect("it is idle");
            let operation = match request {
                RegisterRequest::Write(value) => RegisterOp::Write(value),
                _ => RegisterOp::Read,
            };
            theirs.on_invoke(session, operation).expect("it is idle");
        }
        Event::Return(_, response) => {
            let returned = match &response {
                RegisterResponse::Value(value) => RegisterRet::ReadOk(*value),
                _ => RegisterRet::WriteOk,
            };
            ours.respond(session, response).expect("it is pending");
            theirs.on_return(session, returned).expect("it is pending");
        }
    });
    let operations: &[Call<Register<u32>>] = ours.operations();
    let name = format!("{OPERATIONS} operations of {SESSIONS} sessions");
    let mut group = criterion.benchmark_group(name);
    group.bench_function("Quorate", |bencher| {
        let register = Register { initial: 0 };
        bencher.iter(|| {
            let holds = satisfies(Consistency::Linearizable, &register, operations, BUDGET);
            assert_eq!(holds, Ok(Some(true)));
        });
    });
    group.bench_function("Stateright's tester", |bencher| {
        bencher.iter(|| assert!(theirs.is_consistent()));
    });
    group.finish();
}

criterion::criterion_group!(benches, large, etcd, beside_stateright);
criterion::criterion_main!(benches);
