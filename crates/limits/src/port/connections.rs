//! The connections of a port, and which one to close if there are too many.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Extension;
use axum::middleware::AddExtension;
use axum_server::accept::Accept;
use parking_lot::{Mutex, MutexGuard};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tower::Layer;

use super::settings::Limits;

/// One connection.
struct Held {
    address: IpAddr,
    /// Whether its last answer was to an authenticated client.
    known: bool,
    used: Instant,
    end: CancellationToken,
}

/// All connections of a port.
pub struct Connections {
    limits: Limits,
    held: Mutex<(u64, HashMap<u64, Held>)>,
}

/// The place of a connection among the others; it is free when this is dropped.
pub struct Place {
    id: u64,
    end: CancellationToken,
    connections: Arc<Connections>,
}

impl Connections {
    /// None yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, held: Mutex::default() }
    }

    fn held(&self) -> MutexGuard<'_, (u64, HashMap<u64, Held>)> {
        self.held.lock()
    }

    /// A slot for a connection from `address`. Closes another connection if there is none.
    pub fn place(self: &Arc<Self>, address: IpAddr) -> Place {
        let mut held = self.held();
        let (count, all) = &mut *held;
        *count += 1;
        let (id, end) = (*count, CancellationToken::new());
        if let Some(other) = self.one_too_many(all, address).and_then(|other| all.remove(&other)) {
            other.end.cancel();
        }
        all.insert(id, Held { address, known: false, used: Instant::now(), end: end.clone() });
        Place { id, end, connections: Arc::clone(self) }
    }

    /// What is to be closed before another connection from `address` is held: one of that address where it has all that one may have, else
    /// one of the address that has most.
    fn one_too_many(&self, all: &HashMap<u64, Held>, address: IpAddr) -> Option<u64> {
        let mut by_address: HashMap<IpAddr, usize> = HashMap::new();
        for held in all.values() {
            *by_address.entry(held.address).or_default() += 1;
        }
        let crowded = if by_address.get(&address).is_some_and(|count| *count >= self.limits.per_address) {
            address
        } else if all.len() >= self.limits.connections {
            by_address.into_iter().max_by_key(|(_, count)| *count).map(|(address, _)| address)?
        } else {
            return None;
        };
        let there = all.iter().filter(|(_, held)| held.address == crowded);
        there.min_by_key(|(_, held)| (held.known, held.used)).map(|(id, _)| *id)
    }
}

impl Place {
    /// A request was answered.
    pub fn used(&self, known: bool) {
        if let Some(held) = self.connections.held().1.get_mut(&self.id) {
            (held.used, held.known) = (Instant::now(), known);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.held().1.remove(&self.id);
    }
}

/// Gives every connection its place.
#[derive(Clone)]
pub struct Guard {
    connections: Arc<Connections>,
}

impl Guard {
    /// A guard of these connections.
    pub fn new(connections: Arc<Connections>) -> Self {
        Self { connections }
    }
}

impl<S: Send + 'static> Accept<TcpStream, S> for Guard {
    type Stream = Guarded;
    type Service = AddExtension<S, Arc<Place>>;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let connections = Arc::clone(&self.connections);
        Box::pin(async move {
            let place = Arc::new(connections.place(stream.peer_addr()?.ip()));
            let end = Box::pin(place.end.clone().cancelled_owned());
            let patience = connections.limits.write_time;
            let service = Extension(Arc::clone(&place)).layer(service);
            Ok((Guarded { stream, end, patience, stalled: None, _place: place }, service))
        })
    }
}

/// A stream that ends when its place goes to another, and when what is written isn't read.
pub struct Guarded {
    stream: TcpStream,
    end: Pin<Box<WaitForCancellationFutureOwned>>,
    patience: Duration,
    /// While the other side reads nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    _place: Arc<Place>,
}

impl Guarded {
    fn ended(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.end.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::Error::new(io::ErrorKind::ConnectionAborted, "there are too many connections")),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Guarded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.ended(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.ended(cx)?;
        if let Poll::Ready(written) = Pin::new(&mut self.stream).poll_write(cx, buf) {
            self.stalled = None;
            return Poll::Ready(written);
        }
        let patience = self.patience;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        stalled.as_mut().poll(cx).map(|()| Err(io::Error::new(io::ErrorKind::TimedOut, "the answer isn't read")))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
