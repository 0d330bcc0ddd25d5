//! Each consistency model, compared with its definition on random histories.

use std::num::NonZeroU32;

use proptest::collection::vec;
use proptest::prelude::*;
use quorate::consistency::{
    Arbitration, Budget, Call, Consistency, Guarantee, History, Least, MultiRegister, Part, Queue,
    QueueRequest, QueueResponse, Register, RegisterRequest, RegisterResponse, Specification,
    Verdict, judge, least_delta, least_k, satisfies,
};

use super::definitions::admits;

const BUDGET: Budget = Budget { steps: 1_000_000 };

type Registers = Register<u8>;
const REGISTERS: Registers = Register { initial: 0 };

/// What happens at a session: it invokes an operation on an object, or its operation returns with a response.
#[derive(Clone, Debug)]
struct Event<Q, A> {
    session: u32,
    object: u32,
    request: Q,
    response: A,
}

/// A history in which a session alternates between invocation and return, with whatever response; at most so many operations.
fn history<S: Specification>(
    events: &[Event<S::Request, Option<S::Response>>],
    operations_max: usize,
    is_response: impl Fn(&S::Request, &S::Response) -> bool,
) -> Vec<Call<S>> {
    let mut history = History::new();
    let mut pending = std::collections::BTreeMap::new();
    for event in events {
        match pending.remove(&event.session) {
            None => {
                if history.operations().len() < operations_max {
                    let request = event.request.clone();
                    let invoked = history.invoke(event.session, event.object, request.clone());
                    invoked.expect("it is idle");
                    pending.insert(event.session, request);
                }
            }
            Some(request) => match &event.response {
                None => history.give_up(event.session).expect("it is pending"),
                Some(response) if is_response(&request, response) => {
                    let returned = history.respond(event.session, response.clone());
                    returned.expect("it is pending");
                }
                Some(_) => {
                    pending.insert(event.session, request);
                }
            },
        }
    }
    history.operations().to_vec()
}

/// Reads and writes of two registers.
fn registers() -> impl Strategy<Value = Vec<Call<Registers>>> {
    let request = prop_oneof![
        Just(RegisterRequest::Read),
        (1..4_u8).prop_map(RegisterRequest::Write)
    ];
    let response = prop_oneof![
        1 => Just(None),
        8 => (0..4_u8).prop_map(|value| Some(RegisterResponse::Value(value))),
        8 => Just(Some(RegisterResponse::Written)),
    ];
    let event = (0..3_u32, 0..2_u32, request, response);
    let event = event.prop_map(|(session, object, request, response)| Event {
        session,
        object,
        request,
        response,
    });
    vec(event, 0..18).prop_map(|events| {
        history::<Registers>(&events, 5, |request, response| {
            let is_read = *request == RegisterRequest::Read;
            is_read == matches!(response, RegisterResponse::Value(_))
        })
    })
}

/// Reads and writes of two registers together.
fn multi_registers() -> impl Strategy<Value = Vec<Call<MultiRegister<u8>>>> {
    let part = prop_oneof![
        (0..2_u32).prop_map(Part::Read),
        (0..2_u32, 0..3_u8).prop_map(|(key, value)| Part::Write(key, value)),
    ];
    let response = prop_oneof![
        1 => Just(None),
        8 => vec(0..3_u8, 0..3).prop_map(Some),
    ];
    let event = (0..3_u32, vec(part, 1..3), response);
    let event = event.prop_map(|(session, request, response)| Event {
        session,
        object: 0,
        request,
        response,
    });
    vec(event, 0..24).prop_map(|events| {
        history::<MultiRegister<u8>>(&events, 5, |request, response| {
            let reads = request.iter().filter(|part| matches!(part, Part::Read(_)));
            reads.count() == response.len()
        })
    })
}

/// Two queues.
fn queues() -> impl Strategy<Value = Vec<Call<Queue<u8>>>> {
    let request = prop_oneof![
        (0..3_u8).prop_map(QueueRequest::Enqueue),
        Just(QueueRequest::Dequeue),
    ];
    let response = prop_oneof![
        1 => Just(None),
        4 => Just(Some(QueueResponse::Enqueued)),
        4 => proptest::option::of(0..3_u8).prop_map(|element| Some(QueueResponse::Dequeued(element))),
    ];
    let event = (0..3_u32, 0..2_u32, request, response);
    let event = event.prop_map(|(session, object, request, response)| Event {
        session,
        object,
        request,
        response,
    });
    vec(event, 0..18).prop_map(|events| {
        history::<Queue<u8>>(&events, 5, |request, response| {
            let is_enqueue = matches!(request, QueueRequest::Enqueue(_));
            is_enqueue == (*response == QueueResponse::Enqueued)
        })
    })
}

/// The verdicts are the definition's, and a violation is one by itself.
fn agrees<S: Specification>(
    consistency: Consistency,
    specification: &S,
    operations: &[Call<S>],
) -> Result<bool, TestCaseError> {
    let verdicts = judge(consistency, specification, operations, BUDGET).expect("of all objects");
    let mut holds = true;
    for (object, verdict) in verdicts {
        let mut part = operations.to_vec();
        part.retain(|call| object.is_none_or(|object| call.object == object));
        let is_admitted = admits(consistency, specification, &part);
        match verdict {
            Verdict::Holds(_) => prop_assert!(is_admitted, "{} holds of {:?}", consistency, part),
            Verdict::Violated(violation) => {
                prop_assert!(!is_admitted, "{} does not hold of {:?}", consistency, part);
                let operations = violation.operations;
                let is_wrong = !admits(consistency, specification, &operations);
                prop_assert!(is_wrong, "{}: {:?} of {:?}", consistency, operations, part);
                holds = false;
            }
            Verdict::Undecided => prop_assert!(false, "the budget is ample"),
        }
    }
    prop_assert_eq!(
        holds,
        admits(consistency, specification, operations),
        "{} is local: {:?}",
        consistency,
        operations
    );
    Ok(holds)
}

/// Models that are about any objects.
const OF_ALL_OBJECTS: [Consistency; 4] = [
    Consistency::Linearizable,
    Consistency::Sequential,
    Consistency::Pram,
    Consistency::ConsistentPrefix,
];

/// Members of the two families.
fn of_families() -> impl Iterator<Item = Consistency> {
    let deltas = (0..4).map(Consistency::DeltaAtomic);
    let ks = (1..4).filter_map(NonZeroU32::new).map(Consistency::KAtomic);
    deltas.chain(ks)
}

/// All models of registers.
fn all_models() -> impl Iterator<Item = Consistency> {
    Consistency::ALL.into_iter().chain(of_families())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn every_model_agrees_with_its_definition_on_registers(operations in registers()) {
        for consistency in all_models() {
            agrees(consistency, &REGISTERS, &operations)?;
        }
    }

    #[test]
    fn the_least_of_a_family_holds_and_what_is_less_does_not(operations in registers()) {
        let is_admitted = |consistency| admits(consistency, &REGISTERS, &operations);
        let deltas = (0..20).map(|delta| (delta, Consistency::DeltaAtomic(delta)));
        let least = deltas.into_iter().find(|(_, model)| is_admitted(*model));
        let least = least.map_or(Least::None, |(delta, _)| Least::Is(delta));
        prop_assert_eq!(least_delta(&REGISTERS, &operations, BUDGET), Ok(least));
        let ks = (1..8).filter_map(NonZeroU32::new);
        let least = ks.into_iter().find(|k| is_admitted(Consistency::KAtomic(*k)));
        let least = least.map_or(Least::None, |k| Least::Is(k.get().into()));
        prop_assert_eq!(least_k(&REGISTERS, &operations, BUDGET), Ok(least));
    }

    #[test]
    fn two_guarantees_ask_no_more_of_one_arbitration_for_all(operations in registers()) {
        for guarantee in [Guarantee::MonotonicWrites, Guarantee::WritesFollowReads] {
            let of = |arbitration| Consistency::Guarantee(guarantee, arbitration);
            let holds = agrees(of(Arbitration::OfAll), &REGISTERS, &operations)?;
            prop_assert_eq!(holds, agrees(of(Arbitration::OfEach), &REGISTERS, &operations)?);
        }
    }

    #[test]
    fn models_of_all_objects_agree_with_their_definitions_on_several_registers_at_once(
        operations in multi_registers(),
    ) {
        for consistency in OF_ALL_OBJECTS {
            agrees(consistency, &MultiRegister { initial: 0 }, &operations)?;
        }
    }

    #[test]
    fn models_of_all_objects_agree_with_their_definitions_on_queues(operations in queues()) {
        for consistency in OF_ALL_OBJECTS {
            agrees(consistency, &Queue::default(), &operations)?;
        }
    }

    // What is left out of a violation must not make a right history wrong.

    #[test]
    fn without_a_read_a_right_history_is_right(operations in registers(), number in 0..5_usize) {
        let mut fewer = operations.clone();
        let is_read = |call: &Call<Registers>| call.request == RegisterRequest::Read;
        if let Some(read) = fewer.iter().enumerate().filter(|(_, call)| is_read(call)).nth(number) {
            fewer.remove(read.0);
        }
        for consistency in all_models() {
            let is_right = admits(consistency, &REGISTERS, &operations);
            prop_assert!(!is_right || admits(consistency, &REGISTERS, &fewer), "{}", consistency);
        }
    }

    #[test]
    fn without_a_value_a_right_history_is_right_but_where_a_safe_register_is_asked(
        operations in registers(),
        value in 1..4_u8,
    ) {
        let mut fewer = operations.clone();
        fewer.retain(|call| {
            call.request != RegisterRequest::Write(value)
                && call.response != Some(RegisterResponse::Value(value))
        });
        for consistency in all_models().filter(|model| !matches!(model, Consistency::Safe(_))) {
            let is_right = admits(consistency, &REGISTERS, &operations);
            prop_assert!(!is_right || admits(consistency, &REGISTERS, &fewer), "{}", consistency);
        }
    }

    #[test]
    fn cut_after_any_return_a_right_history_is_right_where_a_search_cuts(
        operations in registers(),
        number in 0..5_usize,
    ) {
        let Some(end) = operations.get(number).and_then(|call| call.returned) else {
            return Ok(());
        };
        let mut cut = operations.clone();
        cut.retain(|call| call.invoked <= end);
        for call in cut.iter_mut().filter(|call| call.returned > Some(end)) {
            (call.returned, call.response) = (None, None);
        }
        cut.retain(|call| call.returned.is_some() || call.request != RegisterRequest::Read);
        for consistency in of_families().chain([Consistency::Linearizable]) {
            let is_right = admits(consistency, &REGISTERS, &operations);
            prop_assert!(!is_right || admits(consistency, &REGISTERS, &cut), "{}", consistency);
        }
    }
}

/// Write x, read y, beside write y, read x; both reads return the initial value.
fn dekkers() -> Vec<Call<Registers>> {
    let (x, y) = (0, 1);
    let mut history = History::new();
    for (session, written) in [(0, x), (1, y)] {
        let write = RegisterRequest::Write(1);
        history.invoke(session, written, write).expect("idle");
    }
    for session in [0, 1] {
        let written = history.respond(session, RegisterResponse::Written);
        written.expect("pending");
    }
    for (session, read) in [(0, y), (1, x)] {
        let read = history.invoke(session, read, RegisterRequest::Read);
        read.expect("idle");
    }
    for session in [0, 1] {
        let initial = RegisterResponse::Value(REGISTERS.initial);
        history.respond(session, initial).expect("pending");
    }
    history.operations().to_vec()
}

#[test]
fn dekkers_history_is_sequential_on_each_register_and_not_on_both() {
    let both = dekkers();
    let holds = |model, calls: &[Call<Registers>]| satisfies(model, &REGISTERS, calls, BUDGET);
    for object in [0, 1] {
        let mut one = both.clone();
        one.retain(|call| call.object == object);
        assert_eq!(holds(Consistency::Sequential, &one), Ok(Some(true)));
    }
    assert_eq!(holds(Consistency::Sequential, &both), Ok(Some(false)));
    // What each session sees, it may see.
    for model in [Consistency::CausalConvergence, Consistency::CausalMemory] {
        assert_eq!(holds(model, &both), Ok(Some(true)), "{model}");
    }
}
