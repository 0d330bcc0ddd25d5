//! Stateright's web Explorer on our models, and the addresses under which it shows a run.
//!
//! [`serve`] is all that a command line needs. It first [claims](Site::claim) the address, so that one
//! that cannot be had is an error that says what to do; and it serves the model as [`Explorable`], which
//! offers only what changes something. [`address_of_run`] is where a run opens.

use std::convert::Infallible;
use std::error::Error;
use std::fmt::{self, Debug, Display};
use std::hash::Hash;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};

use stateright::{Checker, Model, Path, Property};

use crate::Run;

#[cfg(test)]
mod tests;

/// Where the Explorer serves unless told otherwise.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:3000";

/// Serves a model in Stateright's Explorer at `address`, a host and a port, for ever. With port 0 it takes
/// a free one. Prints where it serves before it does.
///
/// # Errors
///
/// If nothing can be served at that address.
pub fn serve<M>(model: M, address: &str) -> Result<Infallible, ServeError>
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    let site = Site::claim(address)?;
    let mut output = io::stdout();
    writeln!(output, "{}", site.url())
        .and_then(|()| output.flush())
        .map_err(ServeError::Output)?;
    site.serve(model)
}

/// The address under which an Explorer of `model` at `address`, a host and a port, opens a run.
///
/// # Panics
///
/// If it is not a run of this model.
pub fn address_of_run<M>(address: &str, model: &M, run: &Run<M>) -> String
where
    M: Model,
    M::State: PartialEq,
    M::Action: Clone + PartialEq,
{
    let initial = model
        .init_states()
        .iter()
        .position(|state| *state == run.initial)
        .expect("a run begins in an initial state");
    let mut url = format!("http://{address}/#/steps/{initial}");
    let mut at = &run.initial;
    for (taken, next) in &run.steps {
        let mut actions = Vec::new();
        offered(model, at, &mut actions);
        let index = actions
            .iter()
            .position(|action| action == taken)
            .expect("a run takes steps that the model has");
        url += &format!("/{index}");
        at = next;
    }
    url
}

/// A place at which an Explorer can serve.
#[derive(Clone, Copy, Debug)]
pub struct Site(SocketAddr);

impl Site {
    /// Finds out that `address`, a host and a port, can be had. Port 0 becomes a free one.
    ///
    /// Stateright opens its socket itself, so another program may still come first.
    ///
    /// # Errors
    ///
    /// If it cannot be had.
    pub fn claim(address: &str) -> Result<Self, ServeError> {
        let no_address = |cause| ServeError::Address(address.to_owned(), cause);
        let mut resolved = address.to_socket_addrs().map_err(no_address)?;
        let no_host = || no_address(io::ErrorKind::NotFound.into());
        let listener = TcpListener::bind(resolved.next().ok_or_else(no_host)?);
        let taken = listener.and_then(|listener| listener.local_addr());
        taken
            .map(Self)
            .map_err(|cause| ServeError::refused(address, cause))
    }

    /// The address for a browser on this machine.
    pub fn url(&self) -> String {
        format!("http://{}/", self.host_and_port())
    }

    /// The host and port for a browser on this machine.
    pub fn host_and_port(&self) -> String {
        let host = match self.0.ip() {
            IpAddr::V4(all) if all.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(all) if all.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            host => host,
        };
        SocketAddr::new(host, self.0.port()).to_string()
    }

    /// Serves a model here for ever.
    ///
    /// # Panics
    ///
    /// If somebody else has taken the port since it was claimed.
    pub fn serve<M>(self, model: M) -> !
    where
        M: Model + Send + Sync + 'static,
        M::State: Clone + Debug + Hash + PartialEq + Send + Sync,
        M::Action: Clone + Debug + PartialEq + Send + Sync,
    {
        let checker = Explorable::new(model).checker().serve(self.0);
        unreachable!(
            "the Explorer serves until the program ends, but ended after {} states",
            checker.state_count()
        )
    }
}

/// Why nothing can be served.
#[derive(Debug)]
pub enum ServeError {
    /// This is not a host and a port, or there is no such host.
    Address(String, io::Error),
    /// Something else serves there.
    InUse(String),
    /// The operating system does not allow it.
    Forbidden(String),
    /// The operating system has another reason.
    Other(String, io::Error),
    /// Nobody could be told where it serves.
    Output(io::Error),
}

impl ServeError {
    fn refused(address: &str, cause: io::Error) -> Self {
        let address = address.to_owned();
        match cause.kind() {
            io::ErrorKind::AddrInUse => Self::InUse(address),
            io::ErrorKind::PermissionDenied => Self::Forbidden(address),
            _ => Self::Other(address, cause),
        }
    }
}

impl Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address, cause) => write!(
                f,
                "“{address}” is no address to serve at ({cause}): give a host and a port, such as \
                 localhost:3000"
            ),
            Self::InUse(address) => write!(
                f,
                "something serves at {address} already: stop it, or give another port; port 0 \
                 takes a free one"
            ),
            Self::Forbidden(address) => write!(
                f,
                "serving at {address} is not allowed: give a port from 1024 up; port 0 takes a free \
                 one"
            ),
            Self::Other(address, cause) => write!(
                f,
                "cannot serve at {address} ({cause}): give a host name of this machine, such as \
                 localhost:3000"
            ),
            Self::Output(cause) => write!(
                f,
                "cannot print where the Explorer serves ({cause}): connect the standard output"
            ),
        }
    }
}

impl Error for ServeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Address(_, cause) | Self::Other(_, cause) | Self::Output(cause) => Some(cause),
            Self::InUse(_) | Self::Forbidden(_) => None,
        }
    }
}

/// A model for the Explorer, which lists every action: one without those that change nothing.
pub struct Explorable<M: Model> {
    model: M,
    properties: Vec<Property<M>>,
}

/// The most properties that an [`Explorable`] may have: each needs a function of its own.
pub const PROPERTIES_MAX: usize = 32;

macro_rules! holds {
    ($($number:literal)*) => { [$(Self::holds::<$number>),*] };
}

impl<M: Model> Explorable<M> {
    /// The model, to be explored.
    ///
    /// # Panics
    ///
    /// If it has more than [`PROPERTIES_MAX`] properties.
    pub fn new(model: M) -> Self {
        let properties = model.properties();
        assert!(
            properties.len() <= PROPERTIES_MAX,
            "{} properties, and an Explorable has at most {PROPERTIES_MAX}",
            properties.len(),
        );
        Self { model, properties }
    }

    /// Whether the property of this number is true in a state.
    fn holds<const NUMBER: usize>(&self, state: &M::State) -> bool {
        (self.properties[NUMBER].condition)(&self.model, state)
    }

    /// [`holds`](Self::holds) of each number: Stateright takes functions only, and no closures.
    const HOLDS: [fn(&Self, &M::State) -> bool; PROPERTIES_MAX] = holds![
        0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
    ];
}

impl<M: Model> Debug for Explorable<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.properties.iter().map(|p| p.name).collect();
        f.debug_struct("Explorable")
            .field("properties", &names)
            .finish_non_exhaustive()
    }
}

/// The actions that lead to another state, in the model's order.
fn offered<M: Model>(model: &M, state: &M::State, actions: &mut Vec<M::Action>)
where
    M::Action: Clone,
{
    model.actions(state, actions);
    actions.retain(|action| model.next_state(state, action.clone()).is_some());
}

impl<M: Model> Model for Explorable<M>
where
    M::Action: Clone,
{
    type State = M::State;
    type Action = M::Action;

    fn init_states(&self) -> Vec<M::State> {
        self.model.init_states()
    }

    fn actions(&self, state: &M::State, actions: &mut Vec<M::Action>) {
        offered(&self.model, state, actions);
    }

    fn next_state(&self, state: &M::State, action: M::Action) -> Option<M::State> {
        self.model.next_state(state, action)
    }

    fn format_action(&self, action: &M::Action) -> String
    where
        M::Action: Debug,
    {
        self.model.format_action(action)
    }

    fn format_step(&self, state: &M::State, action: M::Action) -> Option<String>
    where
        M::State: Debug,
    {
        self.model.format_step(state, action)
    }

    fn as_svg(&self, path: Path<M::State, M::Action>) -> Option<String> {
        self.model.as_svg(path)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let named = self.properties.iter().zip(Self::HOLDS);
        named
            .map(|(property, condition)| Property {
                expectation: property.expectation.clone(),
                name: property.name,
                condition,
            })
            .collect()
    }

    fn within_boundary(&self, state: &M::State) -> bool {
        self.model.within_boundary(state)
    }
}
