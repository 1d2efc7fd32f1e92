//! Story 3: a real bash and a real zsh enter and leave a dev shell that Floe's own builder has built.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use floe_tests::{Answer, Home, floe, tool};

/// A session of an interactive shell with the hook in its start-up file, fed by standard input.
fn session(home: &Home, shell: &str, script: &str) -> Answer {
    let start_up = if shell == "zsh" { ".zshrc" } else { ".bashrc" };
    home.write(start_up, format!("PS1=\neval \"$('{}' hook {shell})\"\n", floe().display()));
    let mut command: Command = home.command(shell);
    command.arg("-i").env("HOST_MARK", "kept").stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the shell starts");
    child.stdin.take().expect("piped").write_all(script.as_bytes()).expect("the shell reads");
    let output = child.wait_with_output().expect("the shell ends");
    Answer {
        success: output.status.success(),
        status: output.status.code(),
        output: String::from_utf8_lossy(&output.stdout).into_owned(),
        error: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn story_3_a_shell_is_entered_and_left_without_a_trace() {
    for shell in ["bash", "zsh"] {
        if tool(shell).is_none() {
            continue;
        }
        let home = Home::new();
        let demo = home.copy_demo();
        let script = format!(
            "cd {home}
env | grep -v '^_=' | grep -v '^OLDPWD=' | sort > before
cd {demo}
command -v greet || echo 'not allowed, not entered'
'{floe}' allow
true
command -v greet && greet
echo \"project is $PROJECT\"
cd {home}
env | grep -v '^_=' | grep -v '^OLDPWD=' | sort > after
command -v greet || echo left
cmp before after && echo 'environment restored'
exit
",
            home = home.path().display(),
            demo = demo.display(),
            floe = floe().display(),
        );
        let answer = session(&home, shell, &script);
        let output = &answer.output;
        assert!(output.contains("not allowed, not entered"), "{shell}: {answer:#?}");
        assert!(output.contains("/bin/greet"), "{shell}: {answer:#?}");
        assert!(output.contains("project is iceberg"), "{shell}: {answer:#?}");
        assert!(output.contains("left\nenvironment restored"), "{shell}: {answer:#?}");
    }
}

#[test]
fn floe_shell_runs_a_command_in_the_environment() {
    let home = Home::new();
    let demo = home.copy_demo();
    let demo = demo.to_str().expect("UTF-8");
    home.floe(["allow", demo]).expect();
    let output =
        home.floe(["shell", demo, "--", "sh", "-c", "command -v jsonfmt; echo $PROJECT"]).expect();
    assert!(output.contains("/bin/jsonfmt") && output.ends_with("iceberg"), "{output}");
    let status = home.floe(["shell", demo, "--", "sh", "-c", "exit 7"]).status;
    assert_eq!(status, Some(7));
}
