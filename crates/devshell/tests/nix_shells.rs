//! Shells from derivations: built in the sandbox, cached, rebuilt behind the prompt, in a real bash
//! and a real zsh. The evaluator is that of `examples/activator.rs`.

mod common;

use common::{Home, activator, session, shells};

/// A standard environment with a tool, and a shell on it. `message` goes into the shell's variables,
/// `hook` is its shell hook.
fn write_shell(home: &Home, message: &str, hook: &str) {
    write_shell_of(home, "/bin/sh", message, hook);
}

fn write_shell_of(home: &Home, builder: &str, message: &str, hook: &str) {
    let stdenv = r#"
PATH=/usr/bin:/bin
mkdir -p $out/bin
printf '#!/bin/sh\necho the tool runs\n' > $out/bin/floe-test-tool
chmod +x $out/bin/floe-test-tool
echo "PATH=$out/bin:/usr/bin:/bin; export PATH; export FROM_SETUP='it'\"'\"'s'; helper() { :; }" > $out/setup
"#;
    let derivations = serde_json::json!([
        { "name": "stdenv", "builder": "/bin/sh", "script": stdenv, "env": {} },
        {
            "name": "shell",
            "builder": builder,
            "script": "exit 1",
            "env": { "MESSAGE": message, "shellHook": hook, "TMPDIR": "/nowhere" },
        },
    ]);
    home.write("project/shell.nix", &derivations.to_string());
}

/// A home folder whose project has such a shell, which is allowed.
fn home_with_shell(message: &str, hook: &str) -> Home {
    let home = Home::plain();
    write_shell(&home, message, hook);
    home.allow("project/shell.nix");
    home
}

#[test]
fn the_first_entry_waits_and_leaving_restores_the_environment() {
    for shell in shells() {
        let home = home_with_shell("hello", "");
        let output = session(
            &home,
            shell,
            r#"
exec 2>&1
snapshot() { env -0 | sort -z | grep -azv '^_=' | grep -azv '^OLDPWD=' ; }
prompt; snapshot > ~/before
cd project; prompt
floe-test-tool; echo "$MESSAGE $FROM_SETUP $IN_NIX_SHELL $name ${TMPDIR-no TMPDIR} $out"
echo prompt; prompt; prompt; echo quiet
cd ..; prompt; snapshot > ~/after
cmp ~/before ~/after && echo same; floe-test-tool 2>/dev/null || echo gone
"#,
        );
        let lines: Vec<&str> = output.lines().collect();
        let has = |line: &str| assert!(lines.contains(&line), "{shell}: {line}: {output}");
        has("the tool runs");
        has("hello it's impure shell-env no TMPDIR HOME/project/outputs/out");
        has("floe: building the shell for the first time (Ctrl-C leaves it to the background)");
        has("same");
        has("gone");
        let quiet = lines.iter().position(|line| *line == "prompt").unwrap();
        assert_eq!(lines[quiet + 1], "quiet", "{output}");
    }
}

#[test]
fn nothing_is_evaluated_before_allow() {
    for shell in shells() {
        let home = Home::plain();
        write_shell(&home, "hello", "");
        let output =
            session(&home, shell, "exec 2>&1\ncd project; prompt; echo ${MESSAGE-unset}; ls -A ~");
        expect_test::expect![[r#"
            floe: ~/project/shell.nix is not allowed; read it, then run `floe allow`
            unset
            project
        "#]]
        .assert_eq(&output);
    }
}

#[test]
fn a_change_is_built_behind_the_prompt() {
    for shell in shells() {
        let home = home_with_shell("$<message>", "");
        home.write("project/message", "one");
        let output = session(
            &home,
            shell,
            r#"
cd project; prompt 2>/dev/null; echo "1 $MESSAGE"
sleep 0.05; echo two > message; prompt 2>&1; echo "2 $MESSAGE"
i=0; while [ "$MESSAGE" = one ] && [ $i -lt 100 ]; do sleep 0.1; prompt 2>/dev/null; i=$((i + 1)); done; echo "3 $MESSAGE"
touch message; prompt 2>&1; echo "4 $MESSAGE"
"#,
        );
        expect_test::expect![[r#"
            1 one
            floe: loading ~/project/shell.nix
            floe: building the changed shell in the background; the last good one is used meanwhile
            floe: export +FROM_SETUP +IN_NIX_SHELL +MESSAGE +NIX_BUILD_CORES +NIX_STORE +name +out +requiredSystemFeatures +shellHook +stdenv ~PATH
            2 one
            3 two
            floe: loading ~/project/shell.nix
            floe: export +FROM_SETUP +IN_NIX_SHELL +MESSAGE +NIX_BUILD_CORES +NIX_STORE +name +out +requiredSystemFeatures +shellHook +stdenv ~PATH
            4 two
        "#]]
        .assert_eq(&output);
    }
}

#[test]
fn entering_again_finds_the_shell_ready() {
    for shell in shells() {
        let home = home_with_shell("$(IN_NIX_SHELL) $(FLOE_TEST_VALUE)", "");
        let output = session(
            &home,
            shell,
            r#"
cd project; prompt 2>/dev/null; cd ..; prompt 2>/dev/null
cd project; prompt 2>&1 | grep -ac 'building'; cd ..; prompt 2>/dev/null
export FLOE_TEST_VALUE=1; cd project; prompt 2>&1 | grep -a 'building'
"#,
        );
        expect_test::expect![[r#"
            0
            floe: building the changed shell in the background; the last good one is used meanwhile
        "#]]
        .assert_eq(&output);
    }
}

#[test]
fn a_file_elsewhere_that_always_changes_does_not_keep_the_builder_busy() {
    for shell in shells() {
        let home = Home::plain();
        write_shell(&home, "$<../noise>", "");
        home.write("noise", "0");
        home.write_allowed("project/.envrc", "use nix\n");
        let output = session(
            &home,
            shell,
            r#"
cd project; prompt 2>/dev/null; cd ..; prompt 2>/dev/null
for i in 1 2 3 4 5 6 7 8; do
  echo $i > ~/noise; cd ~/project; prompt 2>>~/messages; sleep 0.3
done
grep -ac 'building the changed shell' ~/messages; grep -ac 'loading' ~/messages
"#,
        );
        // Once for the change, and once more when the build is done, if it is by now.
        assert!(["1\n2\n", "1\n1\n"].contains(&output.as_str()), "{shell}: {output}");
    }
}

#[test]
fn a_failure_keeps_the_last_good_shell_and_is_told_once() {
    for shell in shells() {
        let home = home_with_shell("$<message>", "");
        home.write("project/message", "one");
        let output = session(
            &home,
            shell,
            r#"
cd project; prompt 2>/dev/null
rm message; prompt 2>/dev/null; echo "1 $MESSAGE"
i=0; until prompt 2>&1 | grep -a 'last good shell is used' || [ $i -gt 100 ]; do sleep 0.1; i=$((i + 1)); done
prompt 2>/dev/null; prompt 2>&1; echo "2 $MESSAGE"
"#,
        );
        assert_eq!(output, "1 one\nfloe: the last good shell is used\n2 one\n", "{shell}");
    }
}

#[test]
fn a_first_failure_is_told_and_not_tried_again() {
    for shell in shells() {
        let home = home_with_shell("$<message>", "");
        let output = session(
            &home,
            shell,
            "exec 2>&1\ncd project; prompt; echo --; prompt; echo ${MESSAGE-unset}",
        );
        let (first, second) = output.split_once("--\n").unwrap();
        assert!(first.contains("project/message: No such file"), "{output}");
        assert_eq!(second, "unset\n");
    }
}

#[test]
fn the_shell_hook_runs_in_the_project() {
    for shell in shells() {
        let home = home_with_shell(
            "hello",
            "export WHERE=$PWD HOOK=\"$MESSAGE there\"\nunset name\necho from the hook\n",
        );
        let output = session(
            &home,
            shell,
            "mkdir project/sub; cd project/sub; prompt 2>&1; echo \"$WHERE $HOOK ${name-unset}\"",
        );
        assert!(output.contains("HOME/project hello there unset\n"), "{output}");
        assert!(output.contains("from the hook\n"), "{output}");
    }
}

#[test]
fn with_bash_as_builder_the_shell_hook_finds_the_functions() {
    for shell in shells() {
        let home = Home::plain();
        let hook = "helper && export CALLED=\"helper of $FROM_SETUP\"";
        write_shell_of(&home, "/bin/bash", "hello", hook);
        home.allow("project/shell.nix");
        let output =
            session(&home, shell, "cd project; prompt 2>&1; floe-test-tool; echo \"$CALLED\"");
        assert!(output.ends_with("the tool runs\nhelper of it's\n"), "{output}");
    }
}

#[test]
fn use_nix_in_an_envrc() {
    for shell in shells() {
        let home = Home::plain();
        write_shell(&home, "$(VALUE)", "");
        home.write_allowed(
            "project/.envrc",
            "export VALUE=set\nuse nix\nexport AFTER=\"$MESSAGE\"\nPATH_add bin\n",
        );
        let output = session(
            &home,
            shell,
            r#"
cd project; prompt 2>/dev/null; floe-test-tool; echo "$MESSAGE $AFTER ${PATH%%:*}"
prompt 2>&1
echo 'use nix --pure' > .envrc; prompt 2>/dev/null
"#,
        );
        assert_eq!(output, "the tool runs\nset set HOME/project/bin\n", "{shell}");
    }
}

#[test]
fn reload_evaluates_again_and_status_tells() {
    for shell in shells() {
        let home = home_with_shell("hello", "");
        let floe = activator();
        let floe = floe.to_str().unwrap();
        let output = session(
            &home,
            shell,
            &format!(
                r#"
cd project; prompt 2>/dev/null
'{floe}' status | grep -aE '"(state|allowed|kind)"'
'{floe}' reload; prompt 2>&1 | grep -a background
"#
            ),
        );
        expect_test::expect![[r#"
                "kind": "shell-nix",
                "allowed": "allowed"
                "kind": "shell-nix",
                "allowed": "allowed"
                  "state": "ready",
            floe: building the changed shell in the background; the last good one is used meanwhile
        "#]]
        .assert_eq(&output);
    }
}

#[test]
fn a_wait_that_is_interrupted_is_not_repeated() {
    for shell in shells() {
        let home = Home::plain();
        write_shell(&home, "$<message>", "");
        // Reading a pipe holds the evaluation up for as long as the test needs.
        let pipe = home.path().join("project/message");
        let made = home.command("mkfifo", "project").arg(&pipe).status().unwrap();
        assert!(made.success());
        home.allow("project/shell.nix");
        let floe = activator();
        let floe = floe.to_str().unwrap();
        let output = session(
            &home,
            shell,
            &format!(
                r#"
cd project
'{floe}' export {shell} >/dev/null 2>&1 & wait_for_it=$!
until find ~/.cache -name waited 2>/dev/null | grep -q .; do sleep 0.05; done
sleep 0.2; kill -INT $wait_for_it; kill $wait_for_it; wait $wait_for_it 2>/dev/null
prompt 2>&1; echo "1 ${{MESSAGE-unset}}"
prompt 2>&1; timeout 5 sh -c 'echo late > message'
rm message; echo late > message
i=0; while [ -z "$MESSAGE" ] && [ $i -lt 100 ]; do sleep 0.1; prompt 2>/dev/null; i=$((i + 1)); done; echo "2 $MESSAGE"
"#
            ),
        );
        expect_test::expect![[r#"
            floe: loading ~/project/shell.nix
            floe: building the shell in the background; a later prompt enters it
            1 unset
            2 late
        "#]]
        .assert_eq(&output);
    }
}
