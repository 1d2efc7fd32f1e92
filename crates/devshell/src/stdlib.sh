# The commands that an .envrc may use. Floe sources this file in a bash of its own, where $floe is
# the program, then the .envrc, and takes over the exported variables that are there when the bash
# ends. The names and their meaning are direnv's.
#
# shellcheck shell=bash disable=SC1090

# Files to watch are added to $FLOE_CONTEXT/watches, each record ended by a NUL byte: `f` and the
# path of a file, or `d` and the path of a folder that is watched with all that is below it.

# log_status MESSAGE...: tells the person something.
log_status() {
  printf 'floe: %s\n' "$*" >&2
}

# log_error MESSAGE...: tells the person that something is wrong. Goes on afterwards.
log_error() {
  if [[ -t 2 && -z ${NO_COLOR-} ]]; then
    printf '\e[31mfloe: %s\e[0m\n' "$*" >&2
  else
    printf 'floe: %s\n' "$*" >&2
  fi
}

# has COMMAND: whether there is such a program, function or builtin.
has() {
  type -- "$1" &>/dev/null
}

# expand_path PATH [FOLDER]: prints PATH as an absolute path without `.` and `..`; a relative one
# starts at FOLDER, or where we are. Nothing need exist.
expand_path() {
  local REPLY
  __absolute "${1-}" "${2-}"
  printf '%s\n' "$REPLY"
}

# Sets REPLY; a subshell would drop newlines at the end of a path.
__absolute() {
  local path=${1-} folder=${2-} part rest
  [[ $folder == /* ]] || folder=$PWD/$folder
  [[ $path == /* ]] || path=$folder/$path
  REPLY=
  rest=${path#/}
  while [[ -n $rest ]]; do
    part=${rest%%/*}
    if [[ $rest == */* ]]; then rest=${rest#*/}; else rest=; fi
    case $part in
      '' | .) ;;
      ..) REPLY=${REPLY%/*} ;;
      *) REPLY=$REPLY/$part ;;
    esac
  done
  REPLY=${REPLY:-/}
}

# user_rel_path PATH: prints PATH with the home folder written as ~.
user_rel_path() {
  local path=${1#-} home=${HOME%/}
  if [[ -n $home && ($path == "$home" || $path == "$home"/*) ]]; then
    path="~${path#"$home"}"
  fi
  [[ -z $path ]] || printf '%s\n' "$path"
}

# find_up NAME: prints the path of the nearest file called NAME, here or in a folder above.
find_up() {
  local folder=$PWD
  while :; do
    if [[ -f ${folder%/}/$1 ]]; then
      printf '%s\n' "${folder%/}/$1"
      return 0
    fi
    [[ -n $folder && $folder != / ]] || return 1
    folder=${folder%/*}
  done
}

# watch_file PATH...: loads the environment again when one of these changes, appears or goes.
watch_file() {
  local path REPLY
  for path in "$@"; do
    __absolute "$path"
    printf 'f%s\0' "$REPLY" >>"$FLOE_CONTEXT/watches"
  done
}

# watch_dir FOLDER...: the same for all that is below a folder.
watch_dir() {
  local path REPLY
  for path in "$@"; do
    if [[ ! -d $path ]]; then
      log_error "watch_dir: there is no folder $path"
      return 1
    fi
    __absolute "$path"
    printf 'd%s\0' "$REPLY" >>"$FLOE_CONTEXT/watches"
  done
}

# dotenv [PATH]: exports the variables of an .env file (of ./.env, or of PATH/.env for a folder).
dotenv() {
  local path=${1:-.env} script REPLY
  [[ ! -d $path ]] || path=$path/.env
  watch_file "$path"
  if [[ ! -f $path ]]; then
    log_error "dotenv: there is no file $path"
    return 1
  fi
  __absolute "$path"
  script=$(PWD=${REPLY%/*} "$floe" __dotenv bash "$REPLY") || return
  eval "$script"
}

# dotenv_if_exists [PATH]: the same, for a file that need not exist.
dotenv_if_exists() {
  local path=${1:-.env}
  [[ ! -d $path ]] || path=$path/.env
  if [[ -f $path ]]; then dotenv "$path"; else watch_file "$path"; fi
}

# PATH_add FOLDER...: puts folders in front of PATH, in the order given.
PATH_add() {
  path_add PATH "$@"
}

# path_add VARIABLE FOLDER...: the same for any variable that is a list with colons.
path_add() {
  local name=$1 folder joined= REPLY
  shift
  for folder in "$@"; do
    __absolute "$folder"
    joined+=${joined:+:}$REPLY
  done
  joined+=${joined:+${!name:+:}}${!name-}
  export "$name=$joined"
}

# MANPATH_add FOLDER: puts a folder in front of the manual pages that man finds by itself.
MANPATH_add() {
  local REPLY
  __absolute "$1"
  # An empty entry stands for man's own folders.
  export MANPATH="$REPLY:${MANPATH-}"
}

# PATH_rm PATTERN...: removes the folders of PATH that match one of the patterns.
PATH_rm() {
  path_rm PATH "$@"
}

# path_rm VARIABLE PATTERN...: the same for any variable that is a list with colons.
path_rm() {
  local name=$1 rest entry pattern kept='' found='' drop
  shift
  rest=${!name-}
  [[ -z $rest ]] || rest+=:
  while [[ -n $rest ]]; do
    entry=${rest%%:*} rest=${rest#*:} drop=
    for pattern in "$@"; do
      # shellcheck disable=SC2053
      if [[ $entry == $pattern ]]; then drop=1; fi
    done
    if [[ -z $drop ]]; then
      kept+=${found:+:}$entry
      found=1
    fi
  done
  export "$name=$kept"
}

# env_vars_required NAME...: fails, with a message for each, unless all these variables are
# exported and not empty.
env_vars_required() {
  local name missing=0
  for name in "$@"; do
    if [[ -z ${!name-} || $(declare -p "$name") != declare\ -*([^\ ])x* ]]; then
      log_error "the environment variable $name is required, and it is missing or empty"
      missing=1
    fi
  done
  return "$missing"
}

# source_env PATH: loads another .envrc (or PATH/.envrc for a folder), standing in its folder. As
# the .envrc that says so is allowed, the other one needs no permission of its own.
source_env() {
  local file=${1/#\~/$HOME} REPLY
  [[ ! -d $file ]] || file=$file/.envrc
  watch_file "$file"
  if [[ ! -f $file ]]; then
    log_error "source_env: there is no file $file"
    return 1
  fi
  __absolute "$file"
  __source "$REPLY"
}

__source() {
  local file=$1
  log_status "loading $(user_rel_path "$file")"
  pushd "${file%/*}/" >/dev/null || return
  . "$file"
  popd >/dev/null || return
}

# source_env_if_exists PATH: the same, for a file that need not exist.
source_env_if_exists() {
  if [[ -e $1 ]]; then source_env "$1"; else watch_file "$1"; fi
}

# source_up [NAME]: loads the nearest .envrc (or NAME) of a folder above.
source_up() {
  local name=${1:-.envrc} file
  if file=$(cd .. && find_up "$name"); then
    source_env "$file"
  else
    log_error "source_up: no folder above $PWD has a file $name"
    return 1
  fi
}

# source_up_if_exists [NAME]: the same, where there need not be one.
source_up_if_exists() {
  local file
  if file=$(cd .. && find_up "${1:-.envrc}"); then source_env "$file"; fi
}

# strict_env [COMMAND...]: stops at the first command that fails and at unset variables, from here
# on or while COMMAND runs.
strict_env() {
  __with_options -euo pipefail -- "$@"
}

# unstrict_env [COMMAND...]: the opposite.
unstrict_env() {
  __with_options +euo pipefail -- "$@"
}

__with_options() {
  local before status
  before=$(set +o | grep -E ' (errexit|nounset|pipefail)$')
  # In a substitution bash forgets errexit; $- of this shell knows.
  case $- in *e*) before+=$'\nset -o errexit' ;; *) before+=$'\nset +o errexit' ;; esac
  set "$1" "$2"
  local strict=$1
  shift 3
  [[ $# != 0 ]] || return 0
  "$@"
  status=$?
  eval "$before"
  [[ $strict == +* || $status == 0 ]] || exit "$status"
  return "$status"
}

# on_git_branch [NAME | -r REGEX]: whether we are in a Git repository, on that branch.
on_git_branch() {
  local folder branch
  if ! has git; then
    log_error "on_git_branch needs git, which is not on PATH"
    return 1
  fi
  if ! folder=$(git rev-parse --absolute-git-dir 2>/dev/null); then
    log_error "on_git_branch: $PWD is in no Git repository"
    return 1
  fi
  [[ $# != 0 ]] || return 0
  watch_file "$folder/HEAD"
  branch=$(git symbolic-ref --quiet --short HEAD)
  if [[ $1 == -r ]]; then
    if [[ -z ${2-} ]]; then
      log_error "on_git_branch: -r needs a regular expression after it"
      return 1
    fi
    [[ $branch =~ $2 ]]
  else
    [[ $branch == "$1" ]]
  fi
}

# direnv_load COMMAND...: takes over the environment of a child that runs `floe __dump` at its end.
direnv_load() {
  local file=$FLOE_CONTEXT/dump.$RANDOM$RANDOM script
  : >"$file"
  FLOE_DUMP_FILE=$file "$@" || return
  if [[ ! -s $file ]]; then
    log_error "direnv_load: the command did not run \`floe __dump\`, so its environment is not known"
    return 1
  fi
  script=$("$floe" __apply-dump bash "$file") || return
  rm -f "$file"
  eval "$script"
}

# use PROGRAM [VERSION...]: calls the function use_PROGRAM, which a library of the person's own may
# define.
use() {
  __dispatch use "$@"
}

# layout KIND [ARGUMENTS...]: calls the function layout_KIND, which a library of the person's own
# may define.
layout() {
  __dispatch layout "$@"
}

__dispatch() {
  local word=$1 kind=${2-}
  if [[ -z $kind ]]; then
    log_error "$word: say what to use, as in \`$word NAME\`"
    return 1
  fi
  shift 2
  if ! declare -F -- "${word}_$kind" >/dev/null; then
    log_error "\`$word $kind\` is not known; a function ${word}_$kind in $__config/lib/*.sh would define it"
    __incomplete
    return
  fi
  "${word}_$kind" "$@" || __incomplete
}

# What was asked for is not there. At a prompt the rest of .envrc still counts; `floe shell` rather runs
# nothing.
__incomplete() {
  [[ -z ${FLOE_FAIL_FAST-} ]] || exit 1
  return 1
}

# use nix [FILE] [-A ATTRIBUTE] [--arg NAME EXPRESSION] [--argstr NAME TEXT] | use nix -p PACKAGE...:
# the environment of a shell.nix (or default.nix), or of some packages.
use_nix() {
  local script
  script=$("$floe" __use-nix "$@") || return
  eval "$script"
}

# use flake: comes later.
use_flake() {
  log_error "\`use flake\` is not available yet; \`use nix\` takes a shell.nix"
  return 1
}

# What direnv has and Floe has not yet says so, instead of being an unknown command.
fetchurl() { __unavailable fetchurl; }
source_url() { __unavailable source_url; }
rvm() { __unavailable rvm; }
semver_search() { __unavailable semver_search; }
load_prefix() { __unavailable load_prefix; }
__unavailable() {
  log_error "\`$1\` is not available yet"
  return 1
}

# __main__ CONFIG STRICT FUNCTION FILE: what Floe calls.
__main__() {
  __config=$1
  local strict=$2 function=$3 file=$4 library
  export DIRENV_IN_ENVRC=1

  shopt -s extglob nullglob
  for library in "$__config"/lib/*.sh; do . "$library"; done
  if [[ -f $__config/envrc ]]; then . "$__config/envrc"; fi
  shopt -u nullglob

  [[ $strict != strict ]] || set -euo pipefail
  "$function" "$file"
}
