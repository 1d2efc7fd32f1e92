//! The commands of an `.envrc`, through a real bash.

mod common;

use common::Home;

#[test]
fn exported_variables_are_taken_over() {
    let home = Home::new();
    let (environment, messages) =
        home.envrc("export A=1 B='two\nlines' EMPTY=\nC=not exported\nunset HOME\necho hello\n");
    assert_eq!(environment["A"], "1");
    assert_eq!(environment["B"], "two\nlines");
    assert_eq!(environment["EMPTY"], "");
    assert!(!environment.contains_key("C") && !environment.contains_key("HOME"));
    assert!(
        !environment.keys().any(|name| name.contains("IN_ENVRC") || name == "FLOE_CONTEXT"),
        "{environment:?}"
    );
    // Standard output is for the shell that evaluates it; a script's own goes to the person.
    assert!(messages.contains("hello\n"), "{messages}");
    assert!(
        messages.contains("floe: loading ~/project/.envrc\n") || messages.contains("HOME/project"),
        "{messages}"
    );
}

#[test]
fn paths_are_added_in_front() {
    let home = Home::new();
    let (environment, _) = home.envrc(
        "PATH=/usr/bin:/bin\nPATH_add bin ../tools /abs\npath_add NEW a/./b\npath_add NEW 'with space'\nMANPATH_add man\n",
    );
    let path = home.path();
    let path = path.display();
    assert_eq!(environment["PATH"], format!("{path}/project/bin:{path}/tools:/abs:/usr/bin:/bin"));
    assert_eq!(environment["NEW"], format!("{path}/project/with space:{path}/project/a/b"));
    assert_eq!(environment["MANPATH"], format!("{path}/project/man:"));
}

#[test]
fn paths_are_removed_by_pattern() {
    let home = Home::new();
    let (environment, _) = home.envrc(
        "export LIST=/usr/local/bin:/home/foo/bin::/usr/bin:/home/foo/.local/bin\npath_rm LIST '/home/foo/*'\nexport ONE=/a\npath_rm ONE /a\n",
    );
    assert_eq!(environment["LIST"], "/usr/local/bin::/usr/bin");
    assert_eq!(environment["ONE"], "");
}

#[test]
fn files_are_watched() {
    let home = Home::new();
    home.write("project/folder/below/file", "");
    let (_, messages) =
        home.envrc("watch_file a ../b\nwatch_dir folder\nwatch_dir absent || export NOT=1\n");
    let watched: Vec<&str> = messages.lines().filter(|line| line.starts_with("watch ")).collect();
    assert_eq!(
        watched,
        [
            "watch HOME/project/.envrc",
            "watch HOME/project/a",
            "watch HOME/b",
            "watch HOME/project/folder",
            "watch HOME/project/folder/below",
            "watch HOME/project/folder/below/file",
        ]
    );
    assert!(messages.contains("watch_dir: there is no folder absent"), "{messages}");
}

#[test]
fn dotenv_files_are_loaded_and_watched() {
    let home = Home::new();
    home.write("project/.env", "A=1\nexport B=\"two\\nlines\"\nWHERE=$PWD\n");
    home.write("project/other/.env", "C='it is'\nWHERE2=$PWD\n");
    let (environment, messages) = home.envrc(
        "dotenv\ndotenv other\ndotenv_if_exists absent\ndotenv missing.env || export FAILED=1\n",
    );
    assert_eq!(environment["A"], "1");
    assert_eq!(environment["B"], "two\nlines");
    assert_eq!(environment["C"], "it is");
    assert_eq!(environment["WHERE"], home.path().join("project").to_str().unwrap());
    assert_eq!(environment["WHERE2"], home.path().join("project/other").to_str().unwrap());
    assert_eq!(environment["FAILED"], "1");
    for name in [".env", "other/.env", "absent", "missing.env"] {
        assert!(messages.contains(&format!("watch HOME/project/{name}\n")), "{name}: {messages}");
    }
}

#[test]
fn other_envrcs_are_sourced_in_their_folder() {
    let home = Home::new();
    home.write("project/sub/.envrc", "export SUB=$PWD\n");
    home.write("project/named", "export NAMED=1\n");
    home.write(".envrc", "export UP=$PWD\n");
    let (environment, messages) = home.envrc(
        "source_env sub\nsource_env_if_exists named\nsource_env_if_exists absent\nsource_up\nsource_up_if_exists .nothing\nsource_up .nothing || export NONE=1\nsource_env absent || export MISSING=1\nexport HERE=$PWD\n",
    );
    let path = home.path();
    assert_eq!(environment["SUB"], path.join("project/sub").to_str().unwrap());
    assert_eq!(environment["NAMED"], "1");
    assert_eq!(environment["UP"], path.to_str().unwrap());
    assert_eq!(environment["HERE"], path.join("project").to_str().unwrap());
    assert_eq!((environment["NONE"].as_str(), environment["MISSING"].as_str()), ("1", "1"));
    for name in ["project/sub/.envrc", "project/named", "project/absent", ".envrc"] {
        assert!(messages.contains(&format!("watch HOME/{name}\n")), "{name}: {messages}");
    }
    assert!(messages.contains("floe: loading ~/project/sub/.envrc\n"), "{messages}");
}

#[test]
fn small_helpers() {
    let home = Home::new();
    home.write("project/a/b/file", "");
    home.write("project/marker", "");
    let (environment, _) = home.envrc(
        r#"
has bash && export HAS_BASH=1
has no-such-command-anywhere || export HAS_NOT=1
export EXPANDED=$(expand_path ./x/../y) FROM=$(expand_path z /usr/) ROOT=$(expand_path /..) ITSELF=$(expand_path)
export REL=$(user_rel_path "$PWD/x") SIBLING=$(user_rel_path "${HOME}x") TILDE=$(user_rel_path "$HOME")
cd a/b
export FOUND=$(find_up marker)
find_up no-such-file-anywhere || export NOT_FOUND=1
"#,
    );
    let path = home.path();
    let path = path.to_str().unwrap();
    assert_eq!(environment["HAS_BASH"], "1");
    assert_eq!(environment["HAS_NOT"], "1");
    assert_eq!(environment["EXPANDED"], format!("{path}/project/y"));
    assert_eq!(environment["FROM"], "/usr/z");
    assert_eq!(environment["ROOT"], "/");
    assert_eq!(environment["ITSELF"], format!("{path}/project"));
    assert_eq!(environment["REL"], "~/project/x");
    assert_eq!(environment["SIBLING"], format!("{path}x"));
    assert_eq!(environment["TILDE"], "~");
    assert_eq!(environment["FOUND"], format!("{path}/project/marker"));
    assert_eq!(environment["NOT_FOUND"], "1");
}

#[test]
fn required_variables_are_exported_and_not_empty() {
    let home = Home::new();
    let (environment, messages) = home.envrc(
        "export GOOD=1 BLANK=\nPLAIN=1\nenv_vars_required GOOD && export FIRST=ok\nenv_vars_required GOOD BLANK PLAIN MISSING || export SECOND=$?\n",
    );
    assert_eq!((environment["FIRST"].as_str(), environment["SECOND"].as_str()), ("ok", "1"));
    for name in ["BLANK", "PLAIN", "MISSING"] {
        assert!(messages.contains(&format!("variable {name} is required")), "{messages}");
    }
    assert!(!messages.contains("variable GOOD"), "{messages}");
}

#[test]
fn strictness_can_be_switched_for_all_or_for_one_command() {
    let home = Home::new();
    let state = r#"state() { local s=; case $- in *e*) s+=e;; esac; case $- in *u*) s+=u;; esac; [[ -o pipefail ]] && s+=p; export "$1=$s"; }
"#;
    let (environment, _) = home.envrc(&format!(
        "{state}state START\nstrict_env\nstate STRICT\nunstrict_env state INSIDE\nstate AGAIN\nunstrict_env false || true\nunstrict_env\nstate END\nstrict_env state ONCE\nstate AFTER\n"
    ));
    let get = |name: &str| environment[name].as_str();
    assert_eq!(
        [
            get("START"),
            get("STRICT"),
            get("INSIDE"),
            get("AGAIN"),
            get("END"),
            get("ONCE"),
            get("AFTER")
        ],
        ["", "eup", "", "eup", "", "eup", ""]
    );
    let (environment, messages) = home.envrc("strict_env\nexport A=1\nfalse\nexport B=1\n");
    assert!(environment.is_empty() && messages.contains("failed"), "{messages}");
}

#[test]
fn a_child_hands_its_environment_over() {
    let home = Home::new();
    let (environment, messages) = home.envrc(
        r#"export REMOVE_ME=1
direnv_load env LESS='||/bin/pipe %s' THREE='\\\' bash -c "echo out; export CHILD=1; unset REMOVE_ME; '${floe//\'/\'\\\'\'}' __dump"
direnv_load true || export NO_DUMP=1
"#,
    );
    assert_eq!(environment["CHILD"], "1");
    assert_eq!(environment["LESS"], "||/bin/pipe %s");
    assert_eq!(environment["THREE"], r"\\\");
    assert!(!environment.contains_key("REMOVE_ME") && !environment.contains_key("FLOE_DUMP_FILE"));
    assert_eq!(environment["NO_DUMP"], "1");
    assert!(messages.contains("did not run `floe __dump`"), "{messages}");
}

#[test]
fn a_failing_script_gives_no_environment_but_its_watches() {
    let home = Home::new();
    let (environment, messages) = home.envrc("watch_file before\nexport A=1\nexit 5\n");
    assert!(environment.is_empty());
    assert!(messages.contains("watch HOME/project/before"), "{messages}");
    assert!(messages.contains("exit status: 5"), "{messages}");
    // The status of the last command is no failure.
    let (environment, _) = home.envrc("export A=1\nfalse\n");
    assert_eq!(environment["A"], "1");
    let (environment, messages) = home.envrc("exec true\n");
    assert!(environment.is_empty() && messages.contains("exec"), "{messages}");
}

#[test]
fn what_is_missing_says_so() {
    let home = Home::new();
    let (_, messages) =
        home.envrc("use flake\nlayout python\nuse something\nlayout\nsource_url http://x y\n");
    for expected in [
        "`use flake` is not available yet",
        "`layout python` is not known",
        "`use something` is not known",
        "layout: say what to use",
        "`source_url` is not available yet",
    ] {
        assert!(messages.contains(expected), "{expected}: {messages}");
    }
}

#[test]
fn the_persons_own_library_is_loaded_first() {
    let home = Home::new();
    home.write(".config/floe/lib/tools.sh", "use_tools() { export TOOLS=$1; }\n");
    home.write(".config/floe/envrc", "export OWN=1\n");
    let (environment, _) = home.envrc("use tools 3\n");
    assert_eq!((environment["TOOLS"].as_str(), environment["OWN"].as_str()), ("3", "1"));
}

#[test]
fn the_git_branch_decides_and_is_watched() {
    if !common::installed("git") {
        return;
    }
    let home = Home::new();
    home.write("project/file", "");
    let git = home
        .command("git", "project")
        .args(["init", "--quiet", "--initial-branch", "work"])
        .status()
        .unwrap();
    assert!(git.success());
    let (environment, messages) = home.envrc(
        "on_git_branch && export REPOSITORY=1\non_git_branch work && export WORK=1\non_git_branch other || export NOT_OTHER=1\non_git_branch -r '^w.*k$' && export REGEX=1\n",
    );
    for name in ["REPOSITORY", "WORK", "NOT_OTHER", "REGEX"] {
        assert_eq!(environment.get(name).map(String::as_str), Some("1"), "{name}: {messages}");
    }
    assert!(messages.contains("watch HOME/project/.git/HEAD"), "{messages}");
}
