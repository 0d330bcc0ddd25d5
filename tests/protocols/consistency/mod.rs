//! Histories and consistency models, compared with the definitions, by brute force, and with Stateright's testers.

mod definitions;
mod models;

use proptest::collection::vec;
use proptest::prelude::*;
use quorate::consistency::{
    Budget, Call, Consistency, History, HistoryError, Register, RegisterRequest, RegisterResponse,
    Specification, Verdict, judge, satisfies,
};
use stateright::semantics::{
    ConsistencyTester, LinearizabilityTester, SequentialConsistencyTester, SequentialSpec,
};

type Value = u8;
type Spec = Register<Value>;
const REGISTER: Spec = Register { initial: 0 };
const BUDGET: Budget = Budget { steps: 1_000_000 };

/// The verdict on the only object; `None` if there are no operations.
fn linearizable(operations: &[Call<Spec>], budget: Budget) -> Option<Verdict<Spec>> {
    let verdicts = judge(Consistency::Linearizable, &REGISTER, operations, budget);
    let mut verdicts = verdicts.expect("of all objects").into_values();
    verdicts.next()
}

/// What happens next in a generated history.
#[derive(Clone, Debug)]
enum Event {
    /// A session invokes an operation, or its pending one takes effect, or returns.
    Next(u32, RegisterRequest<Value>),
    /// The pending operation returns something else than it should.
    Lie(u32, Value),
    /// The session gives up.
    GiveUp(u32),
}

fn events(with_swaps: bool, operations: usize) -> impl Strategy<Value = Vec<Event>> {
    let value = 0..4_u8;
    let request = prop_oneof![
        4 => Just(RegisterRequest::Read),
        3 => (1..4_u8).prop_map(RegisterRequest::Write),
        if with_swaps { 3 } else { 0 } =>
            (value.clone(), value.clone()).prop_map(|(expected, new)| RegisterRequest::Swap { expected, new }),
    ];
    let event = prop_oneof![
        20 => (0..3_u32, request).prop_map(|(session, request)| Event::Next(session, request)),
        1 => (0..3_u32, value).prop_map(|(session, value)| Event::Lie(session, value)),
        1 => (0..3_u32).prop_map(Event::GiveUp),
    ];
    vec(event, 0..3 * operations)
}

/// A history of operations, most of which take effect between invocation and return, if that; at most so many.
fn history(
    events: &[Event],
    operations_max: usize,
    unique: bool,
) -> History<RegisterRequest<Value>, RegisterResponse<Value>> {
    let mut history = History::new();
    let mut holds = REGISTER.initial;
    let mut pending =
        [const { None::<(RegisterRequest<Value>, Option<RegisterResponse<Value>>)> }; 3];
    let mut written = 0;
    for event in events {
        match event {
            Event::Next(session, request) => match &mut pending[*session as usize] {
                none @ None => {
                    if history.operations().len() == operations_max {
                        continue;
                    }
                    let request = match request {
                        RegisterRequest::Write(_) if unique => {
                            written += 1;
                            RegisterRequest::Write(written)
                        }
                        request => request.clone(),
                    };
                    history
                        .invoke(*session, 0, request.clone())
                        .expect("it is idle");
                    *none = Some((request, None));
                }
                Some((request, effect @ None)) => {
                    *effect = Some(match request {
                        RegisterRequest::Read => RegisterResponse::Value(holds),
                        RegisterRequest::Write(value) => {
                            holds = *value;
                            RegisterResponse::Written
                        }
                        RegisterRequest::Swap { expected, new } => {
                            let is_expected = holds == *expected;
                            if is_expected {
                                holds = *new;
                            }
                            RegisterResponse::Swapped(is_expected)
                        }
                    });
                }
                Some((_, Some(response))) => {
                    history
                        .respond(*session, response.clone())
                        .expect("it is pending");
                    pending[*session as usize] = None;
                }
            },
            Event::Lie(session, value) => {
                if let Some((request, _)) = pending[*session as usize].take() {
                    let response = match request {
                        RegisterRequest::Read => RegisterResponse::Value(*value),
                        RegisterRequest::Write(_) => RegisterResponse::Written,
                        RegisterRequest::Swap { .. } => RegisterResponse::Swapped(value % 2 == 0),
                    };
                    history.respond(*session, response).expect("it is pending");
                }
            }
            Event::GiveUp(session) => {
                if pending[*session as usize].take().is_some() {
                    history.give_up(*session).expect("it is pending");
                }
            }
        }
    }
    history
}

/// The definition: an order of all operations that returned and of some others, in which each follows those that precede it,
/// and which the specification admits.
fn has_an_order(operations: &[Call<Spec>], state: Value, taken: u32) -> bool {
    let is_taken = |place: usize| taken & 1 << place != 0;
    let missing = |place: &usize| !is_taken(*place) && operations[*place].returned.is_some();
    if !(0..operations.len()).any(|place| missing(&place)) {
        return true;
    }
    (0..operations.len())
        .filter(|place| !is_taken(*place))
        .any(|place| {
            let operation = &operations[place];
            let is_next = (0..operations.len())
                .filter(missing)
                .all(|other| !operations[other].precedes(operation));
            is_next
                && REGISTER
                    .step(&state, &operation.request, operation.response.as_ref())
                    .is_some_and(|after| has_an_order(operations, after, taken | 1 << place))
        })
}

/// Whether an order explains a history.
fn explains(order: &[usize], operations: &[Call<Spec>]) -> bool {
    let returned = (0..operations.len()).filter(|place| operations[*place].returned.is_some());
    let is_whole = returned.into_iter().all(|place| order.contains(&place));
    let follows = |(at, place): (usize, &usize)| {
        order[at + 1..]
            .iter()
            .all(|later| !operations[*later].precedes(&operations[*place]))
    };
    let mut state = Some(REGISTER.initial);
    for place in order {
        let call = &operations[*place];
        state =
            state.and_then(|state| REGISTER.step(&state, &call.request, call.response.as_ref()));
    }
    is_whole && order.iter().enumerate().all(follows) && state.is_some()
}

fn agrees_with_the_definition(operations: &[Call<Spec>]) -> Result<(), TestCaseError> {
    let is_linearizable = has_an_order(operations, REGISTER.initial, 0);
    match linearizable(operations, BUDGET) {
        None => prop_assert!(operations.is_empty()),
        Some(Verdict::Holds(explanation)) => {
            prop_assert!(is_linearizable);
            let order = &explanation.orders[0];
            prop_assert!(explains(order, operations), "{:?}", order);
        }
        Some(Verdict::Violated(violation)) => {
            prop_assert!(!is_linearizable);
            prop_assert!(!has_an_order(&violation.operations, REGISTER.initial, 0));
        }
        Some(Verdict::Undecided) => prop_assert!(false, "the budget is ample"),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn linearizable_agrees_with_its_definition(events in events(true, 9)) {
        agrees_with_the_definition(history(&events, 8, false).operations())?;
    }

    #[test]
    fn linearizable_agrees_with_its_definition_where_each_value_is_written_once(events in events(false, 9)) {
        agrees_with_the_definition(history(&events, 8, true).operations())?;
    }

    #[test]
    fn linearizable_and_sequential_agree_with_stateright(events in events(true, 9)) {
        // Stateright's sessions end with an operation without an outcome: here, nobody goes on after one.
        let mut events = events;
        events.retain(|event| !matches!(event, Event::GiveUp(_)));
        let history = history(&events, 8, false);
        let operations = history.operations();
        let holds = |consistency| satisfies(consistency, &REGISTER, operations, BUDGET);
        let register = Sequential(REGISTER.initial);
        let linearizability = LinearizabilityTester::new(register.clone());
        let sequential_consistency = SequentialConsistencyTester::new(register);
        prop_assert_eq!(
            holds(Consistency::Linearizable),
            Ok(Some(is_consistent(linearizability, operations)))
        );
        prop_assert_eq!(
            holds(Consistency::Sequential),
            Ok(Some(is_consistent(sequential_consistency, operations)))
        );
    }
}

/// A register as Stateright specifies objects.
#[derive(Clone)]
struct Sequential(Value);

impl SequentialSpec for Sequential {
    type Op = RegisterRequest<Value>;
    type Ret = RegisterResponse<Value>;

    fn invoke(&mut self, request: &Self::Op) -> Self::Ret {
        match request {
            RegisterRequest::Read => RegisterResponse::Value(self.0),
            RegisterRequest::Write(value) => {
                self.0 = *value;
                RegisterResponse::Written
            }
            RegisterRequest::Swap { expected, new } => {
                let is_expected = self.0 == *expected;
                if is_expected {
                    self.0 = *new;
                }
                RegisterResponse::Swapped(is_expected)
            }
        }
    }
}

/// What a tester of Stateright's says.
fn is_consistent(
    mut tester: impl ConsistencyTester<u32, Sequential>,
    operations: &[Call<Spec>],
) -> bool {
    let mut events = Vec::new();
    for call in operations {
        events.push((call.invoked, false, call));
        if let Some(returned) = call.returned {
            events.push((returned, true, call));
        }
    }
    events.sort_by_key(|(moment, is_return, _)| (*moment, *is_return));
    for (_, is_return, call) in events {
        let noted = match &call.response {
            Some(response) if is_return => tester.on_return(call.session, response.clone()),
            _ => tester.on_invoke(call.session, call.request.clone()),
        };
        noted.expect("sessions are sequential");
    }
    tester.is_consistent()
}

#[test]
fn a_small_violation_is_all_that_is_left_of_a_long_history() {
    let mut history = History::new();
    for round in 0..200 {
        let value = 1 + round % 3;
        history
            .invoke(1, 0, RegisterRequest::Write(value))
            .expect("idle");
        history.invoke(2, 0, RegisterRequest::Read).expect("idle");
        history
            .respond(2, RegisterResponse::Value(value))
            .expect("pending");
        history
            .respond(1, RegisterResponse::Written)
            .expect("pending");
    }
    // The value was overwritten twice since.
    history.invoke(2, 0, RegisterRequest::Read).expect("idle");
    history
        .respond(2, RegisterResponse::Value(3))
        .expect("pending");
    let verdict = linearizable(history.operations(), BUDGET);
    let Some(Verdict::Violated(violation)) = &verdict else {
        panic!("{verdict:?}");
    };
    let requests = violation
        .operations
        .iter()
        .map(|call| (&call.request, &call.response));
    let requests: Vec<_> = requests.collect();
    let stale = RegisterResponse::Value(3);
    assert_eq!(
        requests.last(),
        Some(&(&RegisterRequest::Read, &Some(stale))),
        "{requests:?}"
    );
    assert!(
        requests
            .iter()
            .filter(|(request, _)| **request == RegisterRequest::Read)
            .count()
            == 1,
        "{requests:?}"
    );
}

#[test]
fn a_search_beyond_its_budget_is_undecided() {
    let mut history = History::new();
    for session in 0..8 {
        history
            .invoke(session, 0, RegisterRequest::Write(1))
            .expect("idle");
    }
    for session in 0..8 {
        history
            .respond(session, RegisterResponse::Written)
            .expect("pending");
    }
    let verdict = linearizable(history.operations(), Budget::new(3));
    assert_eq!(verdict, Some(Verdict::Undecided));
}

#[test]
fn a_session_invokes_one_operation_after_the_other() {
    let mut history: History<_, RegisterResponse<Value>> = History::new();
    assert_eq!(history.fail(1), Err(HistoryError::IsIdle(1)));
    assert_eq!(history.invoke(1, 0, RegisterRequest::Write(1)), Ok(()));
    let again = history.invoke(1, 0, RegisterRequest::Read);
    assert_eq!(again, Err(HistoryError::IsPending(1)));
    assert_eq!(history.fail(1), Ok(()));
    assert_eq!(history.operations().len(), 0);
}

#[test]
fn histories_with_the_same_precedence_are_equal() {
    let of = |sessions: [u32; 2]| {
        let mut history = History::new();
        for session in sessions {
            history
                .invoke(session, 0, RegisterRequest::Write(1))
                .expect("idle");
        }
        for session in sessions {
            history
                .respond(session, RegisterResponse::<Value>::Written)
                .expect("pending");
        }
        history.invoke(1, 0, RegisterRequest::Read).expect("idle");
        history
    };
    assert_eq!(of([1, 2]), of([2, 1]));
}
