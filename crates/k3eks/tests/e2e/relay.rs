//! Docker behind a socket that can be taken away, so that it may be gone for a while without stopping the real one.

use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

/// Docker at `socket`, until it is dropped or cut.
pub struct Relay {
    socket: PathBuf,
    task: tokio::task::JoinHandle<()>,
}

impl Relay {
    /// Must be called within a tokio runtime.
    pub fn start(socket: &Path) -> Self {
        let listener = UnixListener::bind(socket).unwrap();
        let task = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                open.spawn(async move {
                    let mut docker = UnixStream::connect("/var/run/docker.sock").await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut docker).await;
                });
            }
        });
        Self { socket: socket.to_owned(), task }
    }
}

/// Every connection is cut, as when Docker is killed.
impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
        let _ = std::fs::remove_file(&self.socket);
    }
}
