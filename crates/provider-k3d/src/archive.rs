//! Files in and out of containers, through Docker's archives.

use std::collections::HashMap;
use std::io::Read;

use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use bollard::query_parameters::{DownloadFromContainerOptions, UploadToContainerOptions};
use bollard::{Docker, body_full};
use futures::TryStreamExt;

use super::docker::{failed, optional};
use provider::Error;

/// Largest file that is read; real ones are far smaller.
const LARGEST: usize = 4 * 1024 * 1024;

/// A file for a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Full path.
    pub path: String,
    /// What is in it.
    pub content: Vec<u8>,
    /// Who may do what with it.
    mode: u32,
}

impl File {
    /// A file that anybody may read and root may run.
    pub fn program(path: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), content: content.into(), mode: 0o744 }
    }

    /// A file that root alone may read and run.
    pub fn secret_program(path: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), content: content.into(), mode: 0o700 }
    }

    /// The same file at another path.
    pub fn at(&self, path: impl Into<String>) -> Self {
        Self { path: path.into(), ..self.clone() }
    }

    /// A file for root alone.
    pub fn secret(path: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), content: content.into(), mode: 0o600 }
    }
}

impl From<&k3s::server::File> for File {
    fn from(file: &k3s::server::File) -> Self {
        Self::secret(file.path, file.content.as_str())
    }
}

/// Reads a file of a container, running or not; `None` where it or the container doesn't exist.
///
/// # Errors
/// [`Error::Unavailable`] and [`Error::Engine`].
pub async fn read(docker: &Docker, container: &str, path: &str) -> Result<Option<Vec<u8>>, Error> {
    let doing = || format!("reading {path} of container {container}");
    let Some(archive) = download(docker, container, path).await? else { return Ok(None) };
    first(&archive).map_err(|e| Error::Engine { doing: doing(), why: e.to_string() })
}

/// Reads all files of a container's folder, by full path; none where it doesn't exist. One question instead of many: each takes its time.
///
/// # Errors
/// [`Error::Unavailable`] and [`Error::Engine`].
pub async fn read_folder(docker: &Docker, container: &str, folder: &str) -> Result<HashMap<String, Vec<u8>>, Error> {
    let Some(archive) = download(docker, container, folder).await? else { return Ok(HashMap::new()) };
    let doing = || format!("reading {folder} of container {container}");
    let above = folder.rsplit_once('/').map_or("", |(above, _)| above);
    all(&archive, above).map_err(|e| Error::Engine { doing: doing(), why: e.to_string() })
}

async fn download(docker: &Docker, container: &str, path: &str) -> Result<Option<Vec<u8>>, Error> {
    let options = DownloadFromContainerOptions { path: path.to_owned() };
    let archive = docker.download_from_container(container, Some(options)).try_fold(Vec::new(), |mut all, part| {
        all.extend_from_slice(&part);
        let fits = all.len() <= LARGEST;
        async move { if fits { Ok(all) } else { Err(std::io::Error::other("the file is too large").into()) } }
    });
    optional(archive.await).map_err(failed(format!("reading {path} of container {container}")))
}

/// Writes files into a container, running or not.
///
/// # Errors
/// [`Error::Unavailable`] and [`Error::Engine`].
pub async fn write(docker: &Docker, container: &str, files: &[File]) -> Result<(), Error> {
    write_as_of(docker, container, files, jiff::Timestamp::now().as_second()).await
}

/// The same, with the modification time `time`, in seconds since 1970.
///
/// # Errors
/// [`Error::Unavailable`] and [`Error::Engine`].
pub async fn write_as_of(docker: &Docker, container: &str, files: &[File], time: i64) -> Result<(), Error> {
    if files.is_empty() {
        return Ok(());
    }
    let doing = || format!("writing files into container {container}");
    let archive = pack(files, time).map_err(|e| Error::Engine { doing: doing(), why: e.to_string() })?;
    let options = UploadToContainerOptions { path: "/".to_owned(), ..Default::default() };
    docker.upload_to_container(container, Some(options), body_full(archive.into())).await.map_err(failed(doing()))
}

/// Writes what is in `file` into the file that a running container has already, so that whoever watches that one notices.
///
/// # Errors
/// [`Error::Unavailable`] and [`Error::Engine`].
pub async fn rewrite(docker: &Docker, container: &str, file: &File) -> Result<(), Error> {
    let new = format!("{}.new", file.path);
    write(docker, container, &[file.at(new.clone())]).await?;
    run(docker, container, &["cp", &new, &file.path]).await.map(drop)
}

/// Runs a command in a running container; gives what it said.
///
/// # Errors
/// [`Error::Unavailable`], and [`Error::Engine`] also where the command fails, with what it said.
pub async fn run(docker: &Docker, container: &str, command: &[&str]) -> Result<String, Error> {
    let doing = || format!("running {} in container {container}", command.join(" "));
    let options = CreateExecOptions {
        cmd: Some(command.to_vec()),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        ..Default::default()
    };
    let exec = docker.create_exec(container, options).await.map_err(failed(doing()))?;
    let options = StartExecOptions { detach: false, ..Default::default() };
    let mut said = String::new();
    if let StartExecResults::Attached { mut output, .. } =
        docker.start_exec(&exec.id, Some(options)).await.map_err(failed(doing()))?
    {
        while let Some(part) = output.try_next().await.map_err(failed(doing()))? {
            said.push_str(&part.to_string());
        }
    }
    match docker.inspect_exec(&exec.id).await.map_err(failed(doing()))?.exit_code {
        Some(0) => Ok(said),
        code => {
            let code = code.map_or_else(|| "no exit code".to_owned(), |code| format!("exit code {code}"));
            Err(Error::Engine { doing: doing(), why: format!("it ended with {code}: {}", said.trim()) })
        }
    }
}

/// The first file of an archive.
fn first(archive: &[u8]) -> std::io::Result<Option<Vec<u8>>> {
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        if entry.header().entry_type().is_file() {
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            return Ok(Some(content));
        }
    }
    Ok(None)
}

/// The files of an archive by their path below `above`.
fn all(archive: &[u8], above: &str) -> std::io::Result<HashMap<String, Vec<u8>>> {
    let mut all = HashMap::new();
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        if entry.header().entry_type().is_file() {
            let path = format!("{above}/{}", entry.path()?.display());
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            all.insert(path, content);
        }
    }
    Ok(all)
}

fn pack(files: &[File], time: i64) -> std::io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for file in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(file.content.len() as u64);
        header.set_mode(file.mode);
        header.set_mtime(time.try_into().unwrap_or_default());
        archive.append_data(&mut header, file.path.trim_start_matches('/'), file.content.as_slice())?;
    }
    archive.into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_read_again() {
        let file = File::program("/bin/k3d-entrypoint.sh", "#!/bin/sh\n");
        let archive = pack(std::slice::from_ref(&file), 0).unwrap();
        assert_eq!(first(&archive).unwrap(), Some(file.content));
        assert_eq!(all(&archive, "/a").unwrap()["/a/bin/k3d-entrypoint.sh"], b"#!/bin/sh\n");
        assert_eq!(first(&pack(&[], 0).unwrap()).unwrap(), None);
        assert!(first(b"no archive, but longer than nothing").is_err());
    }
    #[test]
    fn files_are_as_new_as_they_are() {
        let archive = pack(&[File::secret("/etc/a", "")], 1_800_000_000).unwrap();
        let mut archive = tar::Archive::new(archive.as_slice());
        let times = archive.entries().unwrap().map(|entry| entry.unwrap().header().mtime().unwrap());
        assert_eq!(times.collect::<Vec<_>>(), [1_800_000_000]);
    }
}
