//! The stories in a real, headless Neovim, through the plugin in `editors/neovim`.

use std::fs;

use floe_tests::{Answer, Home, checkout, floe, tool};

#[test]
fn the_stories_hold_in_neovim() {
    let Some(neovim) = tool("nvim") else { return };
    let home = Home::new();
    let demo = home.copy_demo();
    let bin = home.path().join("bin");
    fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(floe(), bin.join("floe")).unwrap();

    let mut command = home.command(neovim);
    let path = std::env::var("PATH").unwrap_or_default();
    command
        .current_dir(&demo)
        .env("PATH", format!("{}:{path}", bin.display()))
        .args(["--headless", "-u", "NONE", "-i", "NONE", "-n", "--cmd", "filetype on", "--cmd"])
        .arg(format!("set runtimepath^={}", checkout().join("editors/neovim").display()))
        .args(["-c", "runtime plugin/floe.lua", "-c"])
        .arg(format!("luafile {}", checkout().join("tests/neovim/stories.lua").display()));
    let answer = Answer::of(&mut command);
    assert!(answer.success && answer.output.contains("all stories hold"), "{answer:#?}");
}
