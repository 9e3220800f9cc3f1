//! Bodies of requests: how large each may be, how long it may take, and how much memory all of them have together.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use futures::stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::{ApiError, ErrorCode};

/// What one permit is for, in bytes.
const UNIT: usize = 1024;
/// The longest wait for memory that others have.
const PATIENCE: Duration = Duration::from_secs(5);
/// For a body to arrive.
const TIME: Duration = Duration::from_secs(15);

/// Why a body isn't read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// It is longer than it may be.
    #[error("the body is too large")]
    TooLarge,
    /// Others have all the memory that there is for bodies.
    #[error("too many bodies are read at once; try again")]
    Busy,
    /// It didn't come, or not in time.
    #[error("the body didn't come, or not in time")]
    Broken,
}

/// The memory for bodies.
#[derive(Clone)]
pub struct Bodies {
    memory: Arc<Semaphore>,
    /// Permits that there are.
    all: usize,
    patience: Duration,
    time: Duration,
}

/// A body, and its share of the memory until this is dropped.
pub struct Held {
    /// The body.
    pub bytes: Bytes,
    _memory: Option<OwnedSemaphorePermit>,
}

/// A share of the memory for an answer that is still to be made.
pub struct Room {
    _memory: OwnedSemaphorePermit,
}

impl Room {
    /// The answer. Its share is free again once the client has read it, or is gone.
    pub fn fill(self, text: String) -> Body {
        // In parts, since what is written to a connection is no longer a body.
        const PART: usize = 64 * 1024;
        Body::from_stream(stream::unfold((Bytes::from(text), self), |(mut rest, room)| async move {
            let part = rest.split_to(rest.len().min(PART));
            (!part.is_empty()).then(|| (Ok::<_, Infallible>(part), (rest, room)))
        }))
    }
}

impl Bodies {
    /// So many bytes for all bodies that are read or worked on at once.
    pub fn new(bytes: usize) -> Self {
        let all = bytes.div_ceil(UNIT);
        Self { memory: Arc::new(Semaphore::new(all)), all, patience: PATIENCE, time: TIME }
    }

    /// The same, with this long a wait for memory and for a body to arrive.
    #[must_use]
    pub fn waiting(self, longest: Duration) -> Self {
        Self { patience: longest, time: longest, ..self }
    }

    /// Reads a body of at most `limit` bytes. Its announced length is taken from the memory before the first byte is read; one that
    /// announces none takes the limit.
    ///
    /// # Errors
    /// [`Unread`]
    pub async fn read(&self, body: Body, limit: usize) -> Result<Held, Unread> {
        let announced = body.size_hint().exact().map_or(limit, |length| usize::try_from(length).unwrap_or(usize::MAX));
        if announced > limit {
            return Err(Unread::TooLarge);
        }
        let memory = if announced == 0 { None } else { Some(self.take(announced).await?) };
        let bytes = tokio::time::timeout(self.time, to_bytes(body, limit)).await.map_err(|_| Unread::Broken)?;
        let too_large = |error: axum::Error| {
            let source = std::error::Error::source(&error);
            if source.is_some_and(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>) {
                Unread::TooLarge
            } else {
                Unread::Broken
            }
        };
        Ok(Held { bytes: bytes.map_err(too_large)?, _memory: memory })
    }

    /// Room for an answer of at most `most` bytes, reserved before the answer is made: clients may read it slowly.
    ///
    /// # Errors
    /// [`Unread::Busy`]
    pub async fn room(&self, most: usize) -> Result<Room, Unread> {
        Ok(Room { _memory: self.take(most).await? })
    }

    async fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Unread> {
        let permits = u32::try_from(bytes.div_ceil(UNIT).min(self.all)).unwrap_or(u32::MAX);
        let taken = tokio::time::timeout(self.patience, Arc::clone(&self.memory).acquire_many_owned(permits)).await;
        taken.ok().and_then(Result::ok).ok_or(Unread::Busy)
    }
}

impl From<Unread> for ApiError {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::TooLarge => Self::new(ErrorCode::REQUEST_TOO_LARGE, "Request Too Long"),
            Unread::Busy => Self::unavailable("Too many requests with a body are under way. Please try again."),
            Unread::Broken => Self::serialization("The body didn't come, or not in time"),
        }
    }
}

#[cfg(test)]
mod tests;
