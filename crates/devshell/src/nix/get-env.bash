# The builder of a shell's environment, for derivations that are built by bash: sources the standard
# environment as a build would, then writes every variable and function to the first output.
#
# The output starts with a word that tells this format from that of get-env.sh. Then fields follow,
# each ended by a NUL byte: x NAME VALUE (exported), v NAME VALUE (not exported), a NAME COUNT
# VALUE... (array), t NAME COUNT KEY VALUE... (associative array), f NAME DEFINITION (function).

set -e
if [[ -e ${NIX_ATTRS_SH_FILE-} ]]; then . "$NIX_ATTRS_SH_FILE"; fi

export IN_NIX_SHELL=impure
# Packages of nixpkgs look at this: nobody will read the list of dependencies.
export dontAddDisableDepTrack=1

if [[ -n ${stdenv-} ]]; then . "$stdenv/setup"; fi
set +eu

__floe_write() { printf '%s\0' "$@"; }

__floe_variable() {
  local -n __floe_value=$2
  local __floe_key __floe_fields=()
  case $1 in
    *[aA]*)
      for __floe_key in "${!__floe_value[@]}"; do
        [[ $1 != *A* ]] || __floe_fields+=("$__floe_key")
        __floe_fields+=("${__floe_value[$__floe_key]}")
      done
      if [[ $1 == *A* ]]; then
        __floe_write t "$2" "${#__floe_value[@]}" "${__floe_fields[@]}"
      else
        __floe_write a "$2" "${#__floe_value[@]}" "${__floe_fields[@]}"
      fi
      ;;
    *x*) __floe_write x "$2" "$__floe_value" ;;
    *) __floe_write v "$2" "$__floe_value" ;;
  esac
}

__floe_all() {
  local __floe_letter __floe_name __floe_attributes
  local -a __floe_names
  printf 'floe-environment\0'
  for __floe_letter in _ {a..z} {A..Z}; do
    eval "__floe_names=(\"\${!$__floe_letter@}\")"
    for __floe_name in "${__floe_names[@]}"; do
      case $__floe_name in
        # Of bash itself, or of this script.
        _ | __floe_* | BASH* | COMP_* | DIRSTACK | EPOCH* | EUID | FUNCNAME | GROUPS | HISTCMD) continue ;;
        HOSTNAME | HOSTTYPE | IFS | LINENO | MACHTYPE | OLDPWD | OPTARG | OPTERR | OPTIND) continue ;;
        OSTYPE | PIPESTATUS | PPID | PS4 | PWD | RANDOM | SECONDS | SHELLOPTS | SHLVL | SRANDOM | UID) continue ;;
      esac
      __floe_attributes=$(declare -p "$__floe_name" 2>/dev/null) || continue
      __floe_attributes=${__floe_attributes#declare -}
      __floe_attributes=${__floe_attributes%% *}
      # A reference to another variable is none itself.
      [[ $__floe_attributes != *n* ]] || continue
      __floe_variable "$__floe_attributes" "$__floe_name"
    done
  done
  while read -r _ _ __floe_name; do
    [[ $__floe_name != __floe_* ]] || continue
    __floe_write f "$__floe_name" "$(declare -f "$__floe_name")"
  done < <(declare -F)
}

# With structured attributes `outputs` is a table from names to paths, else a list of names, or
# nothing where `out` is the only one.
if [[ $(declare -p outputs 2>/dev/null) == "declare -A"* ]]; then
  __floe_outputs=("${outputs[@]}")
else
  __floe_outputs=()
  for __floe_output in ${outputs:-out}; do __floe_outputs+=("${!__floe_output}"); done
fi
for __floe_output in "${__floe_outputs[@]}"; do
  if [[ $__floe_output == "${__floe_outputs[0]}" ]]; then
    __floe_all >"$__floe_output"
  else
    : >"$__floe_output"
  fi
done
