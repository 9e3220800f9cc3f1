//! An API server behind a port that can refuse for a while.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A port of this host that leads to another one.
pub struct Relay {
    pub address: SocketAddr,
    refuses: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Relay {
    /// Leads to `target`, an authority such as `127.0.0.1:6443`. Must be called within a tokio runtime.
    pub async fn start(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let refuses = watch::channel(false).0;
        let told = refuses.clone();
        let task = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                if *told.borrow() {
                    continue;
                }
                let (mut cut, target) = (told.subscribe(), target.clone());
                tokio::spawn(async move {
                    let Ok(mut server) = TcpStream::connect(target).await else { return };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                        _ = cut.wait_for(|refuses| *refuses) => {}
                    }
                });
            }
        });
        Self { address, refuses, task }
    }

    /// Cuts every connection and takes no new one, or takes them again.
    pub fn refuse(&self, refuses: bool) {
        self.refuses.send_replace(refuses);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}
