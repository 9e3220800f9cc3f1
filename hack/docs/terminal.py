#!/usr/bin/env python3
"""terminal.py FILE COMMAND...: runs the commands one after the other in a terminal, and writes what it showed as an animated SVG.

A command with `--watch` is interrupted once it shows that everything is Active. What takes long is shown shorter."""
import fcntl
import html
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

import pyte

COLUMNS, ROWS = 110, 18
# Of a character, in the units of the picture.
WIDTH, HEIGHT, SIZE = 8.4, 19, 14
# Seconds: between two keys, between two frames, of a silence at most, of the last frame.
KEY, FRAME, SILENCE, END = 0.035, 0.15, 0.8, 5
# Of a command that doesn't end.
LIMIT = 240
COLORS = {"default": "#e6e6e6", "black": "#5c6370", "red": "#ff7b72", "green": "#7ee787", "brown": "#f2cc60", "blue": "#79c0ff",
          "magenta": "#d2a8ff", "cyan": "#76e3ea", "white": "#e6e6e6"}
BACKGROUND = "#161b22"


class Recording:
    """The terminal, and each state of its screen with the time from which it was shown."""

    def __init__(self):
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self.stream = pyte.ByteStream(self.screen)
        self.now = 0.0
        self.frames = []

    def show(self, output, after):
        self.now += min(after, SILENCE)
        self.stream.feed(output)
        picture = tuple(self.line(row) for row in range(ROWS))
        if self.frames and self.frames[-1][1] == picture:
            return
        # What follows too soon takes the place of the one before.
        if len(self.frames) > 1 and self.now - self.frames[-2][0] < FRAME:
            self.frames[-1] = (self.frames[-1][0], picture)
        else:
            self.frames.append((self.now, picture))

    def line(self, row):
        """Runs of one color in a row, as column, color, boldness and text."""
        runs = []
        for column in range(COLUMNS):
            character = self.screen.buffer[row][column]
            style = (COLORS.get(character.fg, f"#{character.fg}"), character.bold)
            if runs and runs[-1][1:3] == style:
                runs[-1][3].append(character.data)
            else:
                runs.append((column, *style, [character.data]))
        runs = [(column, color, bold, "".join(text).rstrip()) for column, color, bold, text in runs]
        return tuple(run for run in runs if run[3])

    def type(self, command):
        self.show(b"\x1b[32m$\x1b[0m ", 0.3)
        for character in command:
            self.show(character.encode(), KEY)
        self.show(b"\r\n", 0.4)

    def run(self, command):
        """Runs a command in a terminal of its own that this one shows."""
        self.type(command)
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        process = subprocess.Popen(["bash", "-c", command], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
                                   env={**os.environ, "TERM": "xterm-256color", "AWS_PAGER": ""})
        os.close(theirs)
        begun = last = time.monotonic()
        while time.monotonic() - begun < LIMIT:
            if select.select([ours], [], [], 0.1)[0]:
                try:
                    output = os.read(ours, 65536)
                except OSError:
                    break
                now = time.monotonic()
                self.show(output, now - last)
                last = now
            elif process.poll() is not None:
                break
            if "--watch" in command and self.is_settled():
                self.show(b"^C\r\n", 1.2)
                os.killpg(process.pid, signal.SIGINT)
                break
        # Only then: whoever loses the terminal is hung up on.
        status = process.wait(10)
        os.close(ours)
        if status not in (0, 130, -signal.SIGINT):
            sys.exit(f"{command}: exit code {status}")

    def is_settled(self):
        """Whether the table of `k3eks status` says of every row that it is Active, and that all nodes are there."""
        rows = [line for line in self.screen.display if re.search(r"█|░|#", line)]
        return len(rows) > 2 and all("Active" in row and (row.count("ready") or "Ready" in row) for row in rows)


def svg(frames, title):
    """The frames as one picture: a strip that moves by a frame at a time, on which equal lines stand once."""
    lines = {}
    for _, picture in frames:
        for line in filter(None, picture):
            lines.setdefault(line, f"l{len(lines)}")
    width, height = round(COLUMNS * WIDTH + 32), round(ROWS * HEIGHT + 56)
    ends = frames[-1][0] + END
    steps = "".join(f"{100 * at / ends:.3f}%{{transform:translateY({-index * height}px)}}" for index, (at, _) in enumerate(frames))
    still = f"translateY({-(len(frames) - 1) * height}px)"
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">'
           f"<title>{html.escape(title)}</title><style>"
           f"text{{font:{SIZE}px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;white-space:pre}}"
           f"#strip{{transform:{still};animation:play {ends:.2f}s steps(1,end) infinite}}"
           f"@keyframes play{{{steps}100%{{transform:{still}}}}}"
           "@media (prefers-reduced-motion:reduce){#strip{animation:none}}</style><defs>")
    for line, name in lines.items():
        yield f'<g id="{name}">'
        for column, color, bold, text in line:
            weight = ' font-weight="bold"' if bold else ""
            yield (f'<text x="{column * WIDTH:.1f}" fill="{color}"{weight} textLength="{len(text) * WIDTH:.1f}" '
                   f'lengthAdjust="spacingAndGlyphs">{html.escape(text)}</text>')
        yield "</g>"
    dots = "".join(f'<circle cx="{22 + 20 * index}" cy="20" r="6" fill="{color}"/>' for index, color in enumerate(["#ff5f56", "#ffbd2e", "#27c93f"]))
    yield (f'</defs><rect width="{width}" height="{height}" rx="8" fill="{BACKGROUND}"/>{dots}'
           f'<svg x="16" y="40" width="{width - 32}" height="{height - 48}"><g id="strip">')
    for index, (_, picture) in enumerate(frames):
        for row, line in enumerate(picture):
            if line:
                yield f'<use href="#{lines[line]}" y="{index * height + (row + 1) * HEIGHT - 5}"/>'
    yield "</g></svg></svg>\n"


def main():
    file, *commands = sys.argv[1:]
    recording = Recording()
    for command in commands:
        recording.run(command)
    recording.show(b"\x1b[32m$\x1b[0m ", 0.3)
    with open(file, "w") as out:
        out.writelines(svg(recording.frames, "; ".join(commands)))
    print(f"{file}: {len(recording.frames)} frames, {recording.now:.0f} s, {os.path.getsize(file) // 1024} KiB")


if __name__ == "__main__":
    main()
