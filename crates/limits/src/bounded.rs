//! Clients of foreign API servers, with limits on what is read. A child cluster belongs to its users, who may make it
//! answer anything.
//!
//! A parsed answer can take many times its size. So [`Limits::values`] counts the JSON values while reading, and
//! [`Limits::together`] bounds all long answers of the process at once.
//!
//! [`client`] fails on an answer larger than [`Limits::answer`], and on a watch event larger than [`Limits::event`].
//! The caller sees an error, as if the connection had broken.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use kube::client::{Body as Question, ClientBuilder};
use kube::{Client, Config};
use tower::{BoxError, Layer, Service};

/// Limits of answers, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest answer.
    pub answer: usize,
    /// Largest event of a watch, or line of metrics, which are read line by line.
    pub event: usize,
    /// Most JSON values of an answer or event. Metrics and logs of pods are passed on as text and have none.
    pub values: usize,
    /// Most bytes of all answers and events at once, not counting the first [`FREE`] of each.
    pub together: usize,
}

/// Bytes of an answer or event that don't count towards the total.
pub const FREE: usize = 128 * 1024;
/// Bytes of the answers that are read at once, beyond [`FREE`] of each.
static HELD: AtomicUsize = AtomicUsize::new(0);

impl Limits {
    /// So much of an answer and of an event; nothing else is counted.
    pub const fn of(answer: usize, event: usize) -> Self {
        Self { answer, event, values: usize::MAX, together: usize::MAX }
    }
}

impl Default for Limits {
    fn default() -> Self {
        // Kubernetes keeps no object that is larger than an event may be here; lists are read in pages.
        Self::of(16 * 1024 * 1024, 2 * 1024 * 1024)
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
    /// It has too many values.
    #[error("the answer has more than {0} values, and no more of it is read")]
    Values(usize),
    /// Other answers have all the memory that there is for long ones.
    #[error("too many long answers are read at once; this one is longer than {FREE} bytes")]
    Together,
}

/// Whether an error comes from an answer that was too long.
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
pub fn client(mut config: Config, limits: Limits) -> Result<Client, kube::Error> {
    // A held eviction is answered with 429, and a hostile server could ask for waits of any length.
    config.default_retry = false;
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
        let watches = query.split('&').any(|pair| matches!(pair, "watch=true" | "watch=1" | "follow=true"))
            || request.uri().path() == "/metrics";
        let mut limits = self.limits;
        if is_text(request.uri().path()) {
            limits.values = usize::MAX;
        }
        let answering = self.inner.call(request);
        Box::pin(async move {
            let response = answering.await.map_err(Into::into)?;
            // Errors are reported as a whole, by a watch as well.
            let watches = watches && response.status().is_success();
            Ok(response.map(|body| Bounded {
                body: Box::pin(body),
                watches,
                limits,
                read: 0,
                json: Json::default(),
                held: Held(0),
            }))
        })
    }
}

/// Whether this path answers with plain text. The answer's content type isn't trusted: the server chooses it.
fn is_text(path: &str) -> bool {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    matches!(segments[..], ["metrics"] | ["api", "v1", "namespaces", _, "pods", _, "log"])
}

/// A body that ends with an error where it is too long.
struct Bounded<B> {
    body: Pin<Box<B>>,
    watches: bool,
    limits: Limits,
    /// Bytes of the answer, or of the event that has begun.
    read: usize,
    json: Json,
    held: Held,
}

/// Counts the values of a text in JSON, a piece at a time.
#[derive(Default)]
struct Json {
    values: usize,
    in_text: bool,
    escaped: bool,
}

impl Json {
    fn read(&mut self, data: &[u8]) {
        for byte in data {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = self.in_text,
                b'"' => self.in_text = !self.in_text,
                b',' | b'[' | b'{' if !self.in_text => self.values += 1,
                _ => {}
            }
        }
    }
}

/// Bytes that are counted in [`HELD`] until this is dropped.
struct Held(usize);

impl Held {
    /// Reserves the part of `read` bytes that isn't free.
    fn hold(&mut self, read: usize, together: usize) -> Result<(), TooMuch> {
        let wanted = read.saturating_sub(FREE);
        if wanted > self.0 {
            let more = wanted - self.0;
            let all = HELD.fetch_add(more, Ordering::Relaxed) + more;
            self.0 = wanted;
            return if all > together { Err(TooMuch::Together) } else { Ok(()) };
        }
        HELD.fetch_sub(self.0 - wanted, Ordering::Relaxed);
        self.0 = wanted;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        HELD.fetch_sub(self.0, Ordering::Relaxed);
    }
}

impl<B> Bounded<B> {
    fn count(&mut self, data: &[u8]) -> Result<(), TooMuch> {
        if !self.watches {
            return self.add(data, self.limits.answer, TooMuch::Answer);
        }
        for (index, part) in data.split(|byte| *byte == b'\n').enumerate() {
            if index > 0 {
                (self.read, self.json) = (0, Json::default());
                self.held.hold(0, usize::MAX)?;
            }
            self.add(part, self.limits.event, TooMuch::Event)?;
        }
        Ok(())
    }

    fn add(&mut self, data: &[u8], most: usize, too_long: fn(usize) -> TooMuch) -> Result<(), TooMuch> {
        self.read += data.len();
        if self.read > most {
            return Err(too_long(most));
        }
        if self.limits.values < usize::MAX {
            self.json.read(data);
            if self.json.values > self.limits.values {
                return Err(TooMuch::Values(self.limits.values));
            }
        }
        if self.limits.together < usize::MAX { self.held.hold(self.read, self.limits.together) } else { Ok(()) }
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
