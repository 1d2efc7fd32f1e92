//! A terminal without a window: an interactive bash that commands are typed into.

use std::{
    fs,
    io::{PipeReader, Read, Write as _, pipe},
    process::{Child, ChildStdin, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

use super::stage::Stage;

/// How long a command may take, the first build included.
const PATIENCE: Duration = Duration::from_secs(300);

/// The user's start-up file. The prompt says to a terminal (with OSC 133) where it begins, and where
/// what is typed begins.
const START_UP_FILE: &str = r#"PS1='\e]133;A\a\w $ \e]133;B\a'
eval "$(floe hook bash)"
"#;
const PROMPT_START: &str = "\x1b]133;A\x07";
const PROMPT_END: &str = "\x1b]133;B\x07";

/// A running bash, at its prompt.
pub(super) struct Terminal {
    bash: Child,
    input: ChildStdin,
    output: Receiver<Vec<u8>>,
    received: Vec<u8>,
    prompt: String,
}

impl Terminal {
    /// Starts bash with its start-up file. It sees no terminal of ours: in a session of its own it
    /// shows prompts and runs their hooks, and cannot take the keyboard away.
    pub(super) fn start(stage: &Stage) -> anyhow::Result<Terminal> {
        fs::write(stage.home().join(".bashrc"), START_UP_FILE)?;
        let (reader, writer) = pipe()?;
        let mut bash = stage
            .command("setsid")
            .args(["bash", "--noediting", "-i"])
            .stdin(Stdio::piped())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .spawn()
            .context("cannot run 'setsid bash'")?;
        let input = bash.stdin.take().context("bash has no input")?;
        let output = read_all(reader);
        let prompt = String::new();
        let mut terminal = Terminal { bash, input, output, received: Vec::new(), prompt };
        terminal.wait_for_prompt(|_| ())?;
        Ok(terminal)
    }

    /// The prompt that is shown now.
    pub(super) fn prompt(&self) -> &str {
        &self.prompt
    }

    /// Enters a command. `show` gets what comes until the next prompt, line by line; so does the
    /// caller.
    pub(super) fn run(
        &mut self,
        command: &str,
        show: impl FnMut(&str),
    ) -> anyhow::Result<Vec<String>> {
        writeln!(self.input, "{command}").context("bash is gone")?;
        self.wait_for_prompt(show).with_context(|| format!("bash did not finish '{command}'"))
    }

    fn wait_for_prompt(&mut self, mut show: impl FnMut(&str)) -> anyhow::Result<Vec<String>> {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = Vec::new();
        loop {
            while let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.received.drain(..=end).collect();
                let line = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
                show(&line);
                lines.push(line);
            }
            let rest = String::from_utf8_lossy(&self.received);
            let prompt = rest.split_once(PROMPT_START).and_then(|(before, prompt)| {
                Some((before.to_owned(), prompt.strip_suffix(PROMPT_END)?.to_owned()))
            });
            if let Some((before, prompt)) = prompt {
                // Output without a line break at its end stands in front of the prompt.
                if !before.is_empty() {
                    show(&before);
                    lines.push(before);
                }
                self.received.clear();
                self.prompt = prompt;
                return Ok(lines);
            }
            match self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.received.extend(bytes),
                Err(RecvTimeoutError::Timeout) => bail!("there is no prompt after {PATIENCE:?}"),
                Err(RecvTimeoutError::Disconnected) => bail!("bash has ended: {lines:?}"),
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.bash.kill();
        let _ = self.bash.wait();
    }
}

fn read_all(mut reader: PipeReader) -> Receiver<Vec<u8>> {
    let (sender, output) = channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = reader.read(&mut buffer) {
            if sender.send(buffer[..length].to_vec()).is_err() {
                return;
            }
        }
    });
    output
}
