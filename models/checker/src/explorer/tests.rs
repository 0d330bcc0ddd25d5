use std::borrow::Cow;

use stateright::actor::{Actor, ActorModel, Id, Out, model_timeout};

use super::*;
use crate::{Condition, Options, explore};

/// Counts to 3 by ones; half of its actions change nothing.
struct Counter;

impl Model for Counter {
    type State = u8;
    type Action = (&'static str, u8);

    fn init_states(&self) -> Vec<u8> {
        vec![7, 0]
    }

    fn actions(&self, _: &u8, actions: &mut Vec<Self::Action>) {
        actions.extend([("stay", 0), ("add", 1), ("stay", 1), ("add", 2)]);
    }

    fn next_state(&self, state: &u8, (what, number): Self::Action) -> Option<u8> {
        (what == "add" && state + number <= 3).then_some(state + number)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("small", |_, state| *state < 9),
            Property::sometimes("three", |_, state| *state == 3),
        ]
    }
}

#[test]
fn only_actions_that_lead_to_another_state_are_offered() {
    let explorable = Explorable::new(Counter);
    let mut actions = Vec::new();
    explorable.actions(&2, &mut actions);
    assert_eq!(actions, [("add", 1)]);
}

#[test]
fn properties_are_those_of_the_model() {
    let explorable = Explorable::new(Counter);
    let properties = explorable.properties();
    assert_eq!(properties.len(), 2);
    for (ours, its) in properties.iter().zip(Counter.properties()) {
        assert_eq!((&ours.expectation, ours.name), (&its.expectation, its.name));
        for state in 0..10 {
            let same = (its.condition)(&Counter, &state);
            assert_eq!((ours.condition)(&explorable, &state), same);
        }
    }
}

#[test]
fn the_address_of_a_run_leads_to_its_end() {
    let three = crate::Property::holds(
        "three",
        Condition::Sometimes(|_: &Counter, state: &u8| *state == 3),
    );
    let exploration = explore(&Counter, &[three], &[], &Options::default());
    let run = exploration.verdicts[0]
        .witness
        .as_ref()
        .expect("a run to 3");
    let address = address_of_run("localhost:3000", &Counter, run);
    let path = address
        .strip_prefix("http://localhost:3000/#/steps/")
        .expect("an address");
    let mut indices = path
        .split('/')
        .map(|index| index.parse::<usize>().expect("an index"));
    let explorable = Explorable::new(Counter);
    let mut state = explorable.init_states()[indices.next().expect("an initial state")];
    for index in indices {
        state = explorable.next_steps(&state)[index].1;
    }
    assert_eq!(state, 3);
}

#[test]
fn stateright_encodes_a_path_as_the_address_of_a_run_does() {
    let explorable = Explorable::new(Counter);
    let actions = [("add", 2), ("add", 1)];
    let path = Path::from_actions(&explorable, 0, &actions).expect("a path");
    let steps = vec![(actions[0], 2), (actions[1], 3)];
    let run = Run {
        initial: 0,
        steps,
        cycle: None,
    };
    let address = address_of_run("localhost:3000", &Counter, &run);
    let expected = format!("http://localhost:3000/#/steps/{}", path.encode(&explorable));
    assert_eq!(address, expected);
}

#[test]
fn a_port_in_use_is_an_error_that_names_it_and_port_0_is_a_free_one() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("its address").to_string();
    let error = Site::claim(&address).expect_err("it is in use");
    assert!(matches!(&error, ServeError::InUse(named) if *named == address));
    assert!(error.to_string().contains("port 0 takes a free one"));
    let free = Site::claim("127.0.0.1:0").expect("a free port");
    assert!(!free.host_and_port().ends_with(":0"));
}

#[test]
fn what_is_no_address_is_an_error_that_shows_one() {
    for address in ["", "3000", "localhost", "localhost:port", "localhost:70000"] {
        let error = Site::claim(address).expect_err("it is no address");
        assert!(
            matches!(error, ServeError::Address(..)),
            "{address}: {error:?}"
        );
        assert!(error.to_string().contains("such as localhost:3000"));
    }
}

#[test]
fn another_machines_address_is_an_error_that_asks_for_one_of_this_machine() {
    // TEST-NET-1 of RFC 5737: nobody's.
    let error = Site::claim("192.0.2.1:3000").expect_err("it is not ours");
    assert!(matches!(error, ServeError::Other(..)), "{error:?}");
    assert!(error.to_string().contains("of this machine"));
}

#[test]
fn everywhere_is_shown_as_an_address_that_a_browser_can_open() {
    let site = Site(SocketAddr::from(([0, 0, 0, 0], 3000)));
    assert_eq!(site.url(), "http://127.0.0.1:3000/");
    let site = Site("[::]:3000".parse().expect("an address"));
    assert_eq!(site.url(), "http://[::1]:3000/");
}

/// Sets a timer, and is done when it fires.
struct Sleeper;

impl Actor for Sleeper {
    type Msg = ();
    type State = bool;
    type Timer = ();
    type Random = ();
    type Storage = ();

    fn on_start(&self, _: Id, _: &Option<()>, o: &mut Out<Self>) -> bool {
        o.set_timer((), model_timeout());
        false
    }

    fn on_timeout(&self, _: Id, is_done: &mut Cow<'_, bool>, (): &(), _: &mut Out<Self>) {
        *is_done.to_mut() = true;
    }
}

#[test]
fn an_actor_model_can_be_explored_too() {
    let model = ActorModel::<Sleeper, (), ()>::new((), ()).actor(Sleeper);
    let explorable = Explorable::new(model);
    let _: fn(Site, ActorModel<Sleeper>) -> ! = Site::serve;
    let steps = explorable.next_steps(&explorable.init_states()[0]);
    let actions = steps
        .iter()
        .map(|(action, _)| explorable.format_action(action));
    assert_eq!(actions.collect::<Vec<_>>(), ["Timeout(Id(0), ())"]);
}
