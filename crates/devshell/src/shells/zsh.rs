//! zsh.

use std::path::Path;

use super::bash::{export_posix, quote};
use super::{Assignment, Shell};

/// The Z shell.
#[derive(Debug, Clone, Copy)]
pub struct Zsh;

/// Before each prompt, and at each change of folder, so that `cd project && tool` finds the tool.
const HOOK: &str = r#"_floe_hook() {
  local floe_status=$? floe_script
  floe_script="$(@floe@ export zsh)"
  [[ -z $floe_script ]] || eval "$floe_script"
  return $floe_status
}
typeset -ga precmd_functions chpwd_functions
if (( ! ${precmd_functions[(I)_floe_hook]} )); then
  precmd_functions=(_floe_hook $precmd_functions)
fi
if (( ! ${chpwd_functions[(I)_floe_hook]} )); then
  chpwd_functions=(_floe_hook $chpwd_functions)
fi
"#;

impl Shell for Zsh {
    fn name(&self) -> &'static str {
        "zsh"
    }

    fn hook(&self, floe: &Path) -> Option<String> {
        Some(HOOK.replace("@floe@", &quote(floe.as_os_str())))
    }

    fn export(&self, assignments: &[Assignment<'_>]) -> Vec<u8> {
        export_posix(assignments)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests_with_real_shells::{check_round_trip, run};
    use super::*;

    #[test]
    fn every_byte_survives_in_a_real_zsh() {
        check_round_trip(&Zsh, &["zsh", "-f", "-c"]);
    }

    #[test]
    fn the_hook_is_added_once_before_the_others() {
        let hook = Zsh.hook(Path::new("/floe")).unwrap();
        let script = format!(
            "precmd_functions=(other)\n{hook}{hook}print $precmd_functions / $chpwd_functions"
        );
        let Some(printed) = run(&["zsh", "-f", "-c", &script]) else { return };
        assert_eq!(printed, "_floe_hook other / _floe_hook\n");
    }

    #[test]
    fn the_hook_keeps_the_status() {
        let hook = Zsh.hook(Path::new("/bin/true")).unwrap();
        let Some(printed) =
            run(&["zsh", "-f", "-c", &format!("{hook}(exit 7); _floe_hook; print $?")])
        else {
            return;
        };
        assert_eq!(printed, "7\n");
    }
}
