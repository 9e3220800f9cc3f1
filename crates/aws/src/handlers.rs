//! The handlers of a service's operations.

use std::collections::HashMap;
use std::future::{Future, ready};
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::error::ApiError;
use super::model::{Model, Operation};
use super::paging::{Page, PageRequest};
use super::sigv4::Caller;

/// What a handler knows besides its input.
#[derive(Debug)]
pub struct Context<S> {
    /// What all handlers share, for example the access to the resources.
    pub state: Arc<S>,
    /// Who is calling, and which account and region are meant.
    pub caller: Caller,
    /// The request's id.
    pub request_id: String,
    /// The operation.
    pub operation: &'static Operation,
    /// Which page of a list is asked for.
    pub page: PageRequest,
}

impl<S> Context<S> {
    /// Cuts the wanted page out of all items. `key` must be unique among them; they are sorted by it.
    pub fn page<T, K: AsRef<str>>(&self, items: Vec<T>, key: impl Fn(&T) -> K) -> Page<T> {
        self.page.page(items, key)
    }
}

/// What answers the requests for an operation.
pub type Handler<S> =
    Box<dyn Fn(Context<S>, Map<String, Value>) -> BoxFuture<'static, Result<Value, ApiError>> + Send + Sync>;

/// The operations of a model as an enum, which [`operations!`](crate::operations) makes.
pub trait Operations: Copy + 'static {
    /// Every operation.
    const ALL: &'static [Self];

    /// Its name in the model.
    fn name(self) -> &'static str;

    /// The operation of this name.
    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|operation| operation.name() == name)
    }
}

/// Makes the enum `Operation` of the names of a model's operations.
#[macro_export]
macro_rules! operations {
    ($($name:ident,)*) => {
        /// An operation of the service.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Operation {
            $(#[doc = concat!("`", stringify!($name), "`")] $name,)*
        }

        impl $crate::handlers::Operations for Operation {
            const ALL: &'static [Self] = &[$(Self::$name,)*];

            fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }
        }
    };
}

/// Makes the function `handlers`, which has a handler for each operation of an enum: it doesn't compile without one.
#[macro_export]
macro_rules! handlers {
    ($operation:ident in $state:ty: $($name:ident => $handler:expr,)*) => {
        /// The handlers of all operations.
        pub fn handlers() -> $crate::handlers::Handlers<$state> {
            $crate::handlers::Handlers::of(|operation| match operation {
                $($operation::$name => $crate::handlers::handler($handler),)*
            })
        }
    };
}

/// The handler that an async function makes.
///
/// The input was checked against the model before the function sees it: required members are there, and types and
/// constraints hold. The output is shaped by the model afterwards.
pub fn handler<S, I, O, F, Fut>(function: F) -> Handler<S>
where
    I: DeserializeOwned,
    O: Serialize,
    F: Fn(Context<S>, I) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<O, ApiError>> + Send + 'static,
{
    Box::new(move |context: Context<S>, input: Map<String, Value>| {
        let input = match serde_json::from_value::<I>(Value::Object(input)) {
            Ok(input) => input,
            Err(error) => {
                let refusal = ApiError::serialization(format!("The request can not be read: {error}"));
                return ready(Err(refusal.caused_by(error))).boxed();
            }
        };
        let running = function(context, input);
        async move { serde_json::to_value(running.await?).map_err(ApiError::internal) }.boxed()
    })
}

/// Handlers by the name of their operation.
pub struct Handlers<S> {
    handlers: HashMap<&'static str, Handler<S>>,
}

impl<S> Default for Handlers<S> {
    fn default() -> Self {
        Self { handlers: HashMap::new() }
    }
}

impl<S: Send + Sync + 'static> Handlers<S> {
    /// No handlers.
    pub fn new() -> Self {
        Self::default()
    }

    /// A handler for each operation.
    pub fn of<O: Operations>(handler: impl Fn(O) -> Handler<S>) -> Self {
        Self { handlers: O::ALL.iter().map(|operation| (operation.name(), handler(*operation))).collect() }
    }

    /// Adds the [`handler`] of an operation; the last one added under a name counts.
    #[must_use]
    pub fn on<I, O, F, Fut>(mut self, operation: &'static str, function: F) -> Self
    where
        I: DeserializeOwned,
        O: Serialize,
        F: Fn(Context<S>, I) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<O, ApiError>> + Send + 'static,
    {
        self.handlers.insert(operation, handler(function));
        self
    }

    /// The operations of the model that have no handler.
    pub fn missing<'m>(&self, model: &'m Model) -> Vec<&'m str> {
        let names = model.operations().iter().map(|operation| operation.name.as_str());
        names.filter(|name| !self.handlers.contains_key(name)).collect()
    }

    /// Names that were added but that the model doesn't have.
    pub fn unknown(&self, model: &Model) -> Vec<&'static str> {
        self.handlers.keys().copied().filter(|name| model.operation(name).is_none()).collect()
    }

    /// Runs the handler of the context's operation.
    ///
    /// # Errors
    /// The handler's, or that there is none.
    pub async fn call(&self, context: Context<S>, input: Map<String, Value>) -> Result<Value, ApiError> {
        let name = context.operation.name.as_str();
        match self.handlers.get(name) {
            Some(handler) => handler(context, input).await,
            None => Err(ApiError::invalid_request(format!("{name} is not available at this endpoint"))),
        }
    }
}
