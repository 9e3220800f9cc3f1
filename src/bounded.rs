//! Clients of API servers that aren't ours: what they answer is read only so far. A child cluster belongs to its users, who may make it
//! say anything.
//!
//! [`client`] fails on an answer that is larger than [`Limits::answer`], and on a watch one of whose events is larger than
//! [`Limits::event`]; whoever asked sees an error, as if the connection had broken.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use kube::client::{Body as Question, ClientBuilder};
use kube::{Client, Config};
use tower::{BoxError, Layer, Service};

/// How much of an answer is read, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Of an answer as a whole.
    pub answer: usize,
    /// Of one event of a watch, whose answer has no end.
    pub event: usize,
}

impl Default for Limits {
    fn default() -> Self {
        // Kubernetes keeps no object that is larger than an event may be here; lists are read in pages.
        Self { answer: 16 * 1024 * 1024, event: 2 * 1024 * 1024 }
    }
}

/// Why no more is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooMuch {
    /// The answer is too long.
    #[error("the answer is longer than {0} bytes, and no more of it is read")]
    Answer(usize),
    /// An event of a watch is too long.
    #[error("an event of the watch is longer than {0} bytes, and no more of it is read")]
    Event(usize),
}

/// That an error comes from an answer that was too long.
pub fn too_much(error: &(dyn std::error::Error + 'static)) -> Option<TooMuch> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<TooMuch>() {
            return Some(*found);
        }
        // What such an error wraps isn't its source.
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = wrapped.map(|inner| inner as &(dyn std::error::Error + 'static)).or_else(|| error.source());
    }
    None
}

/// A client whose answers are bounded.
///
/// # Errors
/// The configuration can't be used.
pub fn client(config: Config, limits: Limits) -> Result<Client, kube::Error> {
    Ok(ClientBuilder::try_from(config)?.with_layer(&BoundedLayer { limits }).build())
}

/// Bounds the answers of a service.
#[derive(Clone, Copy)]
struct BoundedLayer {
    limits: Limits,
}

impl<S> Layer<S> for BoundedLayer {
    type Service = BoundedService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        BoundedService { inner, limits: self.limits }
    }
}

/// A service whose answers are bounded.
#[derive(Clone)]
struct BoundedService<S> {
    inner: S,
    limits: Limits,
}

type Answering<B> = Pin<Box<dyn Future<Output = Result<Response<Bounded<B>>, BoxError>> + Send>>;

impl<S, B> Service<Request<Question>> for BoundedService<S>
where
    S: Service<Request<Question>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
{
    type Response = Response<Bounded<B>>;
    type Error = BoxError;
    type Future = Answering<B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Question>) -> Self::Future {
        let query = request.uri().query().unwrap_or_default();
        let watches = query.split('&').any(|pair| matches!(pair, "watch=true" | "watch=1" | "follow=true"));
        let limits = self.limits;
        let answering = self.inner.call(request);
        Box::pin(async move {
            let response = answering.await.map_err(Into::into)?;
            // What went wrong is told as a whole, by a watch as well.
            let watches = watches && response.status().is_success();
            Ok(response.map(|body| Bounded { body: Box::pin(body), watches, limits, read: 0 }))
        })
    }
}

/// A body that ends with an error where it is too long.
struct Bounded<B> {
    body: Pin<Box<B>>,
    watches: bool,
    limits: Limits,
    /// Bytes of the answer, or of the event that has begun.
    read: usize,
}

impl<B> Bounded<B> {
    fn count(&mut self, data: &[u8]) -> Result<(), TooMuch> {
        if !self.watches {
            self.read += data.len();
            return if self.read > self.limits.answer { Err(TooMuch::Answer(self.limits.answer)) } else { Ok(()) };
        }
        for (index, part) in data.split(|byte| *byte == b'\n').enumerate() {
            self.read = if index == 0 { self.read + part.len() } else { part.len() };
            if self.read > self.limits.event {
                return Err(TooMuch::Event(self.limits.event));
            }
        }
        Ok(())
    }
}

impl<B> Body for Bounded<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(frame) = ready!(self.body.as_mut().poll_frame(cx)) else { return Poll::Ready(None) };
        let frame = frame.map_err(Into::into)?;
        if let Some(data) = frame.data_ref() {
            self.count(data)?;
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
