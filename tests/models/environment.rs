//! The model's environment: reports of durability come in order, and what is held back is not lost.

use quorate::protocol::{Effects, Input, ProcessId, Protocol, TimerKind};
use quorate_models::system::{
    Action, Application, Disk, Envelope, Environment, Interned, NetworkKind, System,
};
use serde::{Deserialize, Serialize};
use stateright::Model;

/// Process 0 what its test lists when it is asked and when a position is reported; process 1 does
/// nothing.
#[derive(Clone, Copy)]
struct Script {
    asked: fn(&mut dyn Effects<Script>),
    reported: fn(&mut dyn Effects<Script>, u64),
}

#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
enum Never {}

impl Protocol for Script {
    type State = Vec<u8>;
    type Message = u8;
    type Timer = Never;
    type Record = u8;
    type Durable = Vec<u8>;
    type Request = ();
    type Output = u8;

    fn processes(&self) -> usize {
        2
    }
    fn name(&self, _: ProcessId) -> String {
        "script".to_owned()
    }
    fn initial(&self, _: ProcessId) -> Vec<u8> {
        Vec::new()
    }
    fn step(
        &self,
        _: ProcessId,
        _: &mut Vec<u8>,
        input: Input<Self>,
        effects: &mut dyn Effects<Self>,
    ) {
        match input {
            Input::Submit(()) => (self.asked)(effects),
            Input::Durable(position) => (self.reported)(effects, position),
            _ => {}
        }
    }
    fn timers(&self, _: &Vec<u8>) -> Vec<Never> {
        Vec::new()
    }
    fn apply(durable: &mut Vec<u8>, record: &u8) {
        durable.push(*record);
    }
    fn records(durable: &Vec<u8>) -> Vec<u8> {
        durable.clone()
    }
    fn timer_kind(&self, _: &Vec<u8>, timer: &Never) -> TimerKind {
        match *timer {}
    }
    fn sums_up(_: &u8) -> bool {
        false
    }
    fn durable(&self, state: &Vec<u8>) -> Vec<u8> {
        state.clone()
    }
}

/// Asks once, and keeps what it is told in order.
struct Ask;

impl Application<Script> for Ask {
    type View = Vec<u8>;

    fn initial(&self) -> Vec<u8> {
        Vec::new()
    }
    fn requests(&self, _: &Vec<u8>, requests: &mut Vec<(ProcessId, ())>) {
        requests.push((ProcessId(0), ()));
    }
    fn submitted(&self, _: &Vec<u8>, _: ProcessId, (): &()) -> Option<Vec<u8>> {
        None
    }
    fn told(&self, view: &Vec<u8>, _: ProcessId, output: &u8) -> Option<Vec<u8>> {
        Some([&view[..], &[*output]].concat())
    }
}

/// What the disk holds and what the application was told, after one request and all flushes.
fn run(disk: Disk, script: Script) -> (Vec<u8>, Vec<u8>) {
    let environment = Environment {
        disk,
        ..Environment::default()
    };
    let system = System::new(script, Ask, environment);
    let initial = system.init_states().remove(0);
    let mut state = system
        .next_state(&initial, Action::Submit(ProcessId(0), Interned::new(())))
        .expect("something happens");
    while let Some(next) = {
        let mut actions = Vec::new();
        system.actions(&state, &mut actions);
        let flush = actions.into_iter().find(|a| matches!(a, Action::Flush(_)));
        flush.and_then(|flush| system.next_state(&state, flush))
    } {
        state = next;
    }
    let durable = &state.processes[0].durable;
    (durable.clone(), Vec::clone(&state.view))
}

#[test]
fn a_report_is_stepped_after_everything_else_of_the_step_that_asked_for_it() {
    let script = Script {
        asked: |effects| {
            effects.report_durable(1);
            effects.persist(1);
            effects.emit(1);
        },
        reported: |effects, _| {
            effects.persist(2);
            effects.emit(2);
        },
    };
    for disk in [Disk::Atomic, Disk::Buffered] {
        assert_eq!(run(disk, script), (vec![1, 2], vec![1, 2]), "{disk:?}");
    }
}

#[test]
fn a_report_is_stepped_after_everything_else_that_was_released_with_it() {
    let script = Script {
        asked: |effects| {
            effects.persist(1);
            effects.report_durable(1);
            effects.emit(1);
        },
        reported: |effects, _| effects.emit(2),
    };
    for disk in [Disk::Atomic, Disk::Buffered] {
        assert_eq!(run(disk, script), (vec![1], vec![1, 2]), "{disk:?}");
    }
}

#[test]
fn records_that_become_durable_together_are_on_disk_before_a_report_among_them_is_stepped() {
    let script = Script {
        asked: |effects| {
            effects.persist(1);
            effects.report_durable(1);
            effects.persist(2);
            effects.emit(2);
        },
        reported: |effects, _| {
            effects.persist(3);
            effects.emit(3);
        },
    };
    for disk in [Disk::Atomic, Disk::Buffered] {
        assert_eq!(run(disk, script), (vec![1, 2, 3], vec![2, 3]), "{disk:?}");
    }
}

#[test]
fn reports_are_stepped_in_the_order_in_which_they_were_asked_for() {
    let script = Script {
        asked: |effects| {
            effects.report_durable(1);
            effects.report_durable(2);
            effects.append(1);
            effects.report_durable(3);
        },
        reported: |effects, position| effects.emit(position as u8),
    };
    for disk in [Disk::Atomic, Disk::Buffered] {
        assert_eq!(run(disk, script), (vec![1], vec![1, 2, 3]), "{disk:?}");
    }
}

#[test]
fn a_message_that_waits_for_one_record_may_be_sent_again_behind_a_later_one() {
    let script = Script {
        asked: |effects| {
            for record in [1, 2] {
                effects.persist(record);
                effects.send(ProcessId(1), 7);
            }
        },
        reported: |_, _| {},
    };
    let environment = Environment {
        network: NetworkKind::Bag,
        disk: Disk::Buffered,
        ..Environment::default()
    };
    let system = System::new(script, Ask, environment);
    let message = Interned::new(Envelope {
        from: ProcessId(0),
        to: ProcessId(1),
        message: 7,
    });
    let mut state = system.init_states().remove(0);
    for action in [
        Action::Submit(ProcessId(0), Interned::new(())),
        Action::Flush(ProcessId(0)),
        Action::Deliver(message),
        Action::Flush(ProcessId(0)),
    ] {
        state = system.next_state(&state, action).expect("it changes");
    }
    assert!(state.network.in_flight().eq([message]));
}

#[test]
fn a_state_that_another_system_has_made_is_stepped_by_the_rules_of_the_system_that_is_asked() {
    let script = |asked| Script {
        asked,
        reported: |_, _| {},
    };
    let system = |script, disk| {
        let environment = Environment {
            disk,
            pending_max: 1,
            ..Environment::default()
        };
        System::new(script, Ask, environment)
    };
    let one = system(script(|effects| effects.emit(1)), Disk::Atomic);
    let persists: fn(&mut dyn Effects<Script>) = |effects| {
        effects.persist(2);
        effects.emit(2);
    };
    let atomic = system(script(persists), Disk::Atomic);
    let buffered = system(script(persists), Disk::Buffered);
    let ask = Action::Submit(ProcessId(0), Interned::new(()));
    let state = one.init_states().remove(0);
    let view = |system: &System<Script, Ask>| {
        let next = system.next_state(&state, ask).expect("something happens");
        Vec::clone(&next.view)
    };
    assert_eq!(view(&one), [1]);
    assert_eq!(view(&atomic), [2]);
    assert_eq!(view(&buffered), [0; 0], "it waits for its record");
    let waiting = buffered.next_state(&state, ask).expect("it writes");
    let offered = |system: &System<Script, Ask>| {
        let mut actions = Vec::new();
        system.actions(&waiting, &mut actions);
        actions
    };
    assert_eq!(offered(&buffered), [Action::Flush(ProcessId(0))]);
    let patient = Environment {
        disk: Disk::Buffered,
        ..Environment::default()
    };
    let patient = System::new(script(persists), Ask, patient);
    assert_eq!(offered(&patient), [ask, Action::Flush(ProcessId(0))]);
}
