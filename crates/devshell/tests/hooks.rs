//! Whole sessions in a real bash and a real zsh: the hook, entering, changing, leaving.

mod common;

use common::{Home, activator, installed, session, session_with_hook, shells, stderr};

#[test]
fn entering_and_leaving_restores_every_byte() {
    for shell in shells() {
        let home = Home::new();
        home.write_allowed(
            "project/.envrc",
            "export ADDED=1 CHANGED=other NOW_EMPTY= NOW_SET=1\nunset GONE EMPTY_GONE\nPATH_add bin\n",
        );
        let output = session(
            &home,
            shell,
            r#"
export CHANGED=$'quote\' "double" $HOME `x` \\ \n newline \377\200 end\n' GONE=$'gone\001\177\n' EMPTY_GONE= NOW_EMPTY=full NOW_SET=
exec 2>/dev/null
snapshot() { env -0 | sort -z | grep -azv '^_='| grep -azv '^OLDPWD=' ; }
snapshot > ~/before
prompt 2>/dev/null
cd project; prompt 2>/dev/null
echo "in: $ADDED $CHANGED [$NOW_EMPTY] $NOW_SET ${GONE-unset} ${EMPTY_GONE-unset} ${PATH%%:*}"
snapshot > ~/inside
cd ..; prompt 2>/dev/null
snapshot > ~/after
cmp ~/before ~/after && echo same
cmp -s ~/before ~/inside || echo differed
"#,
        );
        assert_eq!(
            output, "in: 1 other [] 1 unset unset HOME/project/bin\nsame\ndiffered\n",
            "{shell}"
        );
    }
}

#[test]
fn a_prompt_without_changes_says_nothing() {
    for shell in shells() {
        let home = Home::new();
        home.write_allowed("project/.envrc", "export A=1\nwatch_file data\n");
        let output = session(
            &home,
            shell,
            "cd project; prompt; echo -- ; prompt; prompt; mkdir sub; cd sub; prompt; echo --; echo > ../data; prompt; cd /; prompt",
        );
        let lines: Vec<&str> = output.lines().collect();
        assert_eq!(lines[..2], ["--", "--"], "{output}");
        let loading =
            lines.iter().filter(|line| **line == "floe: loading ~/project/.envrc").count();
        assert_eq!(loading, 2, "{output}");
        assert_eq!(lines.last(), Some(&"floe: unloading"), "{output}");
    }
}

#[test]
fn nothing_runs_before_allow_and_a_change_revokes() {
    for shell in shells() {
        let home = Home::new();
        home.write("project/.envrc", "touch ran\nexport A=1\n");
        let floe = activator();
        let floe = floe.to_str().unwrap();
        let output = session(
            &home,
            shell,
            &format!(
                r#"exec 2>&1
cd project; prompt; ls -A; prompt; echo "1 ${{A-unset}}"
'{floe}' allow .envrc; prompt; ls -A; echo "2 ${{A-unset}}"
echo 'export A=2' >> .envrc; prompt; echo "3 ${{A-unset}}"
'{floe}' allow .envrc; prompt; echo "4 ${{A-unset}}"
'{floe}' deny .envrc; prompt; echo "5 ${{A-unset}}"
"#
            ),
        );
        expect_test::expect![[r#"
            floe: ~/project/.envrc is not allowed; read it, then run `floe allow`
            .envrc
            1 unset
            floe: loading ~/project/.envrc
            floe: export +A
            .envrc
            ran
            2 1
            floe: ~/project/.envrc is not allowed; read it, then run `floe allow`
            3 unset
            floe: loading ~/project/.envrc
            floe: export +A
            4 2
            5 unset
        "#]]
        .assert_eq(&output);
    }
}

#[test]
fn a_failing_envrc_is_tried_once() {
    for shell in shells() {
        let home = Home::new();
        home.write_allowed("project/.envrc", "export A=1\nexit 5\n");
        let output =
            session(&home, shell, "exec 2>&1\ncd project; prompt; prompt; echo \"${A-unset}\"");
        expect_test::expect![[r#"
            floe: loading ~/project/.envrc
            floe: HOME/project/.envrc failed: exit status: 5
            unset
        "#]]
        .assert_eq(&output);
    }
}

#[test]
fn from_project_to_project() {
    for shell in shells() {
        let home = Home::new();
        home.write_allowed("one/.envrc", "export A=one B=1\n");
        home.write_allowed("two/.envrc", "export A=two C=1\n");
        let output = session(
            &home,
            shell,
            "export A=mine\ncd one; prompt; echo $A $B $C; cd ../two; prompt; echo $A $B $C; cd ..; prompt; echo $A $B $C",
        );
        assert!(output.starts_with("one 1\ntwo 1\nmine\n"), "{output}");
    }
}

#[test]
fn zsh_changes_at_cd_without_a_prompt() {
    if !installed("zsh") {
        return;
    }
    let home = Home::new();
    home.write_allowed("project/.envrc", "export A=1\n");
    let output =
        session_with_hook(&home, "zsh", "cd project && echo \"$A\"; cd .. && echo \"${A-unset}\"");
    assert!(output.starts_with("1\nunset\n"), "{output}");
}

#[test]
fn odd_folder_names() {
    for shell in shells() {
        let home = Home::new();
        for folder in ["space dir", "$test", "back\\slash\ttab\nline", "grün"] {
            let script = "PATH_add bin\nexport HERE=$PWD\n";
            home.write_allowed(&format!("{folder}/.envrc"), script);
        }
        let output = session(
            &home,
            shell,
            "for d in ~/*/; do cd \"$d\"; prompt 2>/dev/null; [ \"$HERE/\" = \"$d\" ] && [ \"${PATH%%:/usr*}\" != \"$PATH\" ] && echo ok; done; prompt",
        );
        assert_eq!(output.matches("ok\n").count(), 4, "{output}");
    }
}

#[test]
fn fish_changes_at_cd() {
    if !installed("fish") {
        return;
    }
    let home = Home::new();
    home.write_allowed("project/.envrc", "export A=$'it\\'s\\n\\\\' LIST=/a:/b\nPATH_add bin\n");
    let hook = String::from_utf8(home.floe("", &["hook", "fish"]).stdout).unwrap();
    let script = format!(
        r#"{hook}
set before (string join : $PATH)
cd project; test "$A" = "it's"\n\\; and echo exported; echo $PATH[1]
cd ..; set -q A; or echo unset; test (string join : $PATH) = "$before"; and echo same"#
    );
    let output = home.command("fish", "").args(["--no-config", "-c", &script]).output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).replace(home.path().to_str().unwrap(), "HOME");
    assert_eq!(text, "exported\nHOME/project/bin\nunset\nsame\n", "{}", stderr(&output));
}
