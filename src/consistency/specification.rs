//! Sequential specifications: how an object behaves if one operation happens after the other.

use core::fmt::Debug;
use core::hash::Hash;

use super::history::Operation;

/// An operation of a specification.
pub type Call<S> = Operation<<S as Specification>::Request, <S as Specification>::Response>;

/// How one object behaves sequentially (Herlihy, Wing 1990, section 2.2). A history of several objects is judged by their
/// product: each behaves so for itself.
pub trait Specification {
    /// The state of the object.
    type State: Clone + Debug + Eq + Hash;
    /// A request to the object.
    type Request: Clone + Debug + Eq + Hash;
    /// A response of the object.
    type Response: Clone + Debug + Eq + Hash;
    /// The values of a register; [`core::convert::Infallible`] where the object is none.
    type Value: Clone + Debug + Eq + Hash;

    /// The state before all operations.
    fn initial(&self) -> Self::State;

    /// The state after `request` if it may take effect in `state` with this response; with any, if the outcome is unknown.
    fn step(
        &self,
        state: &Self::State,
        request: &Self::Request,
        response: Option<&Self::Response>,
    ) -> Option<Self::State>;

    /// Whether the operation, with its response, changes no state in which it may take effect: a read, a swap that failed.
    fn is_read(&self, request: &Self::Request, response: Option<&Self::Response>) -> bool;

    /// The object as a register, if it is one.
    fn as_register(&self) -> Option<&AsRegister<'_, Self>>;
}

/// A specification, as that of a register.
pub type AsRegister<'a, S> = dyn Accesses<
        Request = <S as Specification>::Request,
        Response = <S as Specification>::Response,
        Value = <S as Specification>::Value,
    > + 'a;

/// An object that is a register: consistency models that are of reads and writes can be asked of it, there are procedures
/// without a search, and more can be left out of a violation.
pub trait Accesses {
    /// A request to the register.
    type Request;
    /// A response of the register.
    type Response;
    /// A value of the register.
    type Value;

    /// The operation as an access; `None` if it is none.
    fn access<'a>(
        &self,
        request: &'a Self::Request,
        response: Option<&'a Self::Response>,
    ) -> Option<Access<&'a Self::Value>>;

    /// The value that the register holds at first.
    fn initial_value(&self) -> &Self::Value;

    /// The request that writes this value, and its response.
    fn write(&self, value: &Self::Value) -> (Self::Request, Self::Response);
}

/// An operation of a register.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Access<V> {
    /// A write.
    Write(V),
    /// A read, and the value that it returned.
    Read(V),
    /// A read whose outcome is unknown.
    Unread,
    /// A compare-and-swap that found the value that it expected, or whose outcome is unknown.
    Swap {
        /// The value that it compared with.
        expected: V,
        /// The value that it wrote.
        new: V,
    },
    /// A compare-and-swap that found another value.
    FailedSwap {
        /// The value that it did not find.
        expected: V,
    },
}

/// An operation of a specification as an access to a register, if the object is one.
pub(super) fn access<'a, S: Specification>(
    specification: &S,
    call: &'a Call<S>,
) -> Option<Access<&'a S::Value>> {
    let register = specification.as_register()?;
    register.access(&call.request, call.response.as_ref())
}
