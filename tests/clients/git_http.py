"""A folder with Git repositories, served over HTTP by git's own backend."""
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def serve(folder):
    """Serves `folder` on a free port; gives the server, whose `url` is its address."""

    class Backend(BaseHTTPRequestHandler):
        def answer(self):
            path, _, query = self.path.partition("?")
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            env = {**os.environ, "GIT_PROJECT_ROOT": str(folder), "GIT_HTTP_EXPORT_ALL": "1", "REQUEST_METHOD": self.command, "PATH_INFO": path, "QUERY_STRING": query,
                   "CONTENT_TYPE": self.headers.get("content-type", ""), "CONTENT_LENGTH": str(len(body)), "GIT_PROTOCOL": self.headers.get("git-protocol", ""),
                   "HTTP_CONTENT_ENCODING": self.headers.get("content-encoding", "")}
            said = subprocess.run(["git", "http-backend"], env=env, input=body, capture_output=True).stdout
            head, _, content = said.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
            self.send_response(int(headers.pop("Status", "200").split()[0]))
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = answer

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Repository:
    """A repository below `folder` that commits go into."""

    def __init__(self, folder, name):
        self.bare, self.work = folder / f"{name}.git", folder / f"{name}-work"
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", self.bare], check=True)
        subprocess.run(["git", "init", "-q", "-b", "main", self.work], check=True)

    def git(self, *arguments):
        identity = ["-c", "user.name=team", "-c", "user.email=team@example.com", "-c", "commit.gpgsign=false"]
        return subprocess.run(["git", *identity, *arguments], cwd=self.work, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, message, files):
        """Writes the files, by their paths (None removes one), commits and pushes; gives the commit."""
        for path, content in files.items():
            file = self.work / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.unlink() if content is None else file.write_text(content)
        return self.push(message)

    def revert(self):
        self.git("revert", "--no-edit", "HEAD")
        return self.push()

    def push(self, message=None):
        if message:
            self.git("add", "-A")
            self.git("commit", "-q", "-m", message)
        self.git("push", "-q", self.bare, "main")
        return self.git("rev-parse", "HEAD")
