# The builder of a shell's environment, for derivations that are built by a POSIX shell: sources the
# standard environment as a build would, then writes the exported variables to the first output.
#
# The output starts with a line that tells this format from that of get-env.bash; the rest is what
# the shell prints for `export -p`. A POSIX shell cannot list anything else.

set -e
export IN_NIX_SHELL=impure
if [ -n "${stdenv-}" ]; then . "$stdenv/setup"; fi
set +eu

__floe_first=1
for __floe_output in ${outputs:-out}; do
  eval "__floe_output=\$$__floe_output"
  if [ -n "$__floe_first" ]; then
    __floe_first=
    { echo floe-exports; export -p; } >"$__floe_output"
  else
    : >"$__floe_output"
  fi
done
