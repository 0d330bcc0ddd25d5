//! Write-once registers: every run of a few clients on one of them; and bugs, each of which is found.

use quorate::paxos;
use quorate::protocol::{Effect, Effects, Input, ProcessId, Protocol};
use quorate::registers::{Durable, Kept, Message, Output, Register, Registers, Request, Role};
use quorate_models::checker::{Answer, Exploration, Options, explore};
use quorate_models::mutant::Mutated;
use quorate_models::register::{Operation, Value};
use quorate_models::registers::{
    AGREEMENT, AnyRegisters, Clients, LINEARIZABLE, Model, NAME, model,
};
use quorate_models::system::{Disk, Environment};

fn registers() -> Registers<Value> {
    Registers::new(3).unwrap()
}

/// Each of these at a node of its own, in one round of ballots.
fn clients(operations: &[Operation]) -> Clients {
    let nodes = (0..).map(ProcessId);
    Clients {
        operations: nodes.zip(operations.iter().copied()).collect(),
        asked_again: None,
        rounds: 1,
        decisions: false,
        reads_again: true,
    }
}

fn explored<P: AnyRegisters>(
    protocol: P,
    clients: Clients,
    environment: Environment,
) -> Exploration<Model<P>> {
    environment.validate(3).unwrap();
    let (model, properties) = model(protocol, clients, environment);
    let exploration = explore(&model, &properties, &[], &Options::default());
    assert!(exploration.exhausted());
    println!("{} states", exploration.progress.unique);
    exploration
}

fn holds(clients: Clients, environment: Environment) {
    let exploration = explored(registers(), clients, environment);
    for verdict in &exploration.verdicts {
        assert_eq!(verdict.answer, Answer::Holds, "{}", verdict.property.name);
    }
}

fn crash() -> Environment {
    Environment {
        crashes: 1,
        ..Environment::default()
    }
}

fn buffered() -> Environment {
    Environment {
        disk: Disk::Buffered,
        ..crash()
    }
}

use Operation::{Read, Write};

#[test]
fn two_writers_that_try_twice_see_one_register() {
    let clients = Clients {
        rounds: 2,
        ..clients(&[Write(1), Write(2)])
    };
    holds(clients, Environment::default());
}

#[test]
fn two_writers_and_a_reader_see_one_register() {
    let clients = Clients {
        reads_again: false,
        ..clients(&[Write(1), Write(2), Read])
    };
    holds(clients, Environment::default());
}

#[test]
fn a_writer_and_a_reader_see_one_register_though_any_node_crashes_once() {
    holds(clients(&[Write(1), Read]), crash());
}

#[test]
fn two_writers_see_one_register_though_a_node_crashes_and_loses_what_it_had_not_synced() {
    holds(clients(&[Write(1), Write(2)]), buffered());
}

#[test]
fn a_writer_that_asks_another_node_as_well_has_written_once() {
    let clients = Clients {
        asked_again: Some(ProcessId(1)),
        ..clients(&[Write(1)])
    };
    holds(clients, crash());
}

#[test]
fn nodes_that_tell_each_other_decisions_agree() {
    let clients = Clients {
        decisions: true,
        ..clients(&[Write(1)])
    };
    holds(clients, crash());
}

type Rewrite = fn(&State, &State, Vec<Effect<Registers<Value>>>) -> Vec<Effect<Registers<Value>>>;
type State = <Registers<Value> as Protocol>::State;

/// That registers with such a bug break this.
fn breaks(
    mutated: Mutated<Registers<Value>>,
    clients: Clients,
    environment: Environment,
    claim: &str,
) {
    let exploration = explored(mutated, clients, environment);
    let verdict = exploration.verdict(claim).unwrap();
    assert_eq!(verdict.answer, Answer::Fails);
}

#[test]
fn a_node_that_does_not_say_what_it_has_accepted_hides_what_was_written() {
    let hides: Rewrite = |_, _, mut effects| {
        for effect in &mut effects {
            if let Effect::Send { message, .. } = effect
                && let Message::Vote { accepted, .. } = message
            {
                *accepted = None;
            }
        }
        effects
    };
    let mutated = Mutated {
        effects: Some(hides),
        ..Mutated::of(registers())
    };
    let clients = clients(&[Write(1), Read]);
    breaks(mutated, clients, Environment::default(), LINEARIZABLE);
}

/// A node whose own records are lazy that it writes in a step in which it sends such a message.
fn does_not_wait(
    effects: Vec<Effect<Registers<Value>>>,
    sends: fn(&paxos::Message<Value>) -> bool,
) -> Vec<Effect<Registers<Value>>> {
    let is_sent = effects.iter().any(|effect| match effect {
        Effect::Send {
            message: Message::Decree { message, .. },
            ..
        } => sends(message),
        _ => false,
    });
    let rewrite = |effect| match effect {
        Effect::Persist(record) if is_sent => Effect::Append(record),
        other => other,
    };
    effects.into_iter().map(rewrite).collect()
}

/// What roles of one node make of each other's records must wait for these.
#[test]
fn a_node_that_does_not_wait_for_its_own_acceptance_is_found_out() {
    let early: Rewrite = |_, _, effects| {
        does_not_wait(effects, |sent| {
            matches!(sent, paxos::Message::Accept { .. })
        })
    };
    let mutated = Mutated {
        effects: Some(early),
        ..Mutated::of(registers())
    };
    breaks(
        mutated,
        clients(&[Write(1), Write(2)]),
        buffered(),
        LINEARIZABLE,
    );
}

#[test]
fn a_node_that_does_not_wait_for_its_own_promise_is_found_out() {
    let early: Rewrite = |_, _, effects| {
        does_not_wait(effects, |sent| {
            matches!(sent, paxos::Message::Prepare { .. })
        })
    };
    let mutated = Mutated {
        effects: Some(early),
        ..Mutated::of(registers())
    };
    // Who learns the other value has forgotten who had asked.
    breaks(
        mutated,
        clients(&[Write(1), Write(2)]),
        buffered(),
        AGREEMENT,
    );
}

#[test]
fn a_node_that_forgets_what_was_chosen_is_found_out() {
    let mutated = Mutated {
        recovered: Some(|_, durable: &mut Durable<Value>| {
            let is_open = |kept: &Kept<Value>| matches!(kept, Kept::Decree(_));
            durable.0.retain(|_, kept| is_open(kept));
        }),
        ..Mutated::of(registers())
    };
    breaks(mutated, clients(&[Write(1), Read]), crash(), LINEARIZABLE);
}

/// A node steps one register, and others are as they were.
#[test]
fn registers_have_nothing_to_do_with_each_other() {
    let protocol = registers();
    let mut state = protocol.initial(ProcessId(0));
    let mut effects = Effects::new();
    for (ticket, name) in (1..).zip(["a", "b"]) {
        let (name, value) = (name.to_owned(), 1);
        let write = Request::Write {
            ticket,
            name,
            value,
        };
        protocol.step(ProcessId(0), &mut state, Input::Submit(write), &mut effects);
    }
    let of_b = state["b"].clone();
    effects.take();
    let decided = Message::Decree {
        name: "a".to_owned(),
        from: Role::Learner,
        to: Role::Learner,
        message: paxos::Message::Decision { value: 2 },
    };
    let from = ProcessId(1);
    let receive = Input::Receive {
        from,
        message: decided,
    };
    protocol.step(ProcessId(0), &mut state, receive, &mut effects);
    assert_eq!(state["a"], Register::Chosen(2));
    assert_eq!(state["b"], of_b);
    let told = effects.take().into_iter();
    let told: Vec<_> = told
        .filter_map(|effect| match effect {
            Effect::Emit(output) => Some(output),
            _ => None,
        })
        .collect();
    let (ticket, value) = (1, Some(2));
    assert_eq!(told, [Output { ticket, value }]);
}

#[test]
fn a_register_that_is_only_read_leaves_nothing_behind() {
    let protocol = registers();
    let mut state = protocol.initial(ProcessId(0));
    let mut effects = Effects::new();
    let (ticket, name) = (1, NAME.to_owned());
    let read = Request::Read { ticket, name };
    protocol.step(ProcessId(0), &mut state, Input::Submit(read), &mut effects);
    let (from, name, accepted) = (ProcessId(2), NAME.to_owned(), None);
    let message = Message::Vote {
        name,
        ticket,
        accepted,
    };
    let receive = Input::Receive { from, message };
    protocol.step(ProcessId(0), &mut state, receive, &mut effects);
    assert!(effects.as_slice().contains(&Effect::Emit(Output {
        ticket,
        value: None
    })));
    assert!(state.is_empty());
    assert!(protocol.timers(&state).is_empty());
}
